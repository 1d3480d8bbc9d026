"""Nothing leaves the machine while the tests run: every connection and every look-up of a name elsewhere is refused, and told.

`watch` stands in the process of the tests. The processes that they start take `watched/sitecustomize.py` in, which calls it too.
A refused connection fails as on a machine without a network; the session ends as failed whatever its tests made of that.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from ipaddress import ip_address
from pathlib import Path
from tempfile import mkstemp
from typing import Any

LOG = "PDC_TEST_EGRESS"
WATCHED = Path(__file__).resolve().parent / "watched"
HERE = ("", "localhost", "testserver", None)


def is_here(host: object) -> bool:
    """Whether an address is this machine's own; a name is not, but for localhost."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name in HERE:
        return True
    try:
        address = ip_address(str(name).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def watch() -> None:
    """From now on this process reaches nobody but this machine."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    host = _host(event, arguments)
    if host is None or is_here(host):
        return
    with Path(os.environ[LOG]).open("a") as log:
        test = os.environ.get("PYTEST_CURRENT_TEST", "no test")
        log.write(f"{event} {host} in {test} by {' '.join(sys.argv)[:200]}\n{_asked_from()}")
    raise OSError(errno.ENETUNREACH, f"tests reach nobody, and {host} was asked")


def _asked_from() -> str:
    """The innermost lines of code that asked, so that who did can be found."""
    return "".join(f"    {f.filename}:{f.lineno} {f.name}\n" for f in traceback.extract_stack()[-16:-2])


def _host(event: str, arguments: tuple[Any, ...]) -> object:
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        return address[0] if isinstance(address, tuple) else None  # a path is a socket of this machine
    return arguments[0] if event == "socket.getaddrinfo" else None


def begin() -> None:
    """Watch this process and all that it starts; `tried` says what they wanted."""
    if LOG not in os.environ:
        handle, os.environ[LOG] = mkstemp(prefix="pdc-egress-")
        os.close(handle)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(WATCHED), os.environ.get("PYTHONPATH"))))
    watch()


def tried() -> str:
    """A line for every connection that was refused; empty is as it should be."""
    return Path(os.environ[LOG]).read_text() if LOG in os.environ else ""
