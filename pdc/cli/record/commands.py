"""`pdc record`: who did what, and whether anybody changed what was written."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.entry import DONE, FAILED, account_name
from pdc.domain.errors import BadSetting

if TYPE_CHECKING:
    from pdc.store.audit.anchor import Head
    from pdc.store.audit.verifying import Checked
    from pdc.store.store import Store

app = typer.Typer(help="Who did what, and whether anybody changed what was written.")
NO_LINK = "{path} names no link of the record; give a copy of its anchor file."
COLUMNS = ("at", "kind", "who", "image", "name", "what")


@app.command("verify")
def verify(anchor: Annotated[Path | None, typer.Option(help="A copy of the anchor file, from another place.")] = None) -> int:
    """Read the whole record again, and name the first thing in it that was changed; the exit code is 1 then."""
    checked = _store().check_record(*([_anchored(anchor)] if anchor else []))
    print(told(checked))
    print(f"last link: {checked.head}")
    return FAILED if checked.fault else DONE


@app.command("show")
def show(
    image: Annotated[str | None, typer.Option(help="An image: its name, or the beginning of its sha256.")] = None,
    user: Annotated[str | None, typer.Option(help="Who did it.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="What was done, such as login, viewed, reviewed, exported or promoted.")
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="Not before this day, in UTC.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
) -> int:
    """Who did what, the newest first."""
    from pdc.store.audit.lines import RecordFilter

    wanted = RecordFilter(image, user, kind, since and since.replace(tzinfo=UTC))
    rows = ((f"{r.at:%Y-%m-%dT%H:%M:%SZ}", r.kind, r.who, r.image, r.name, r.what) for r in _store().record_lines(wanted))
    if as_csv:
        csv.writer(sys.stdout).writerows([COLUMNS, *rows])
        return DONE
    for at, *said in rows:
        print("  ".join([at, *(word for word in said if word)]))
    return DONE


@app.command("new-key")
def new_key() -> int:
    """Seal with a new key from now on. The older ones stay in the key file: with them the older links are checked."""
    print(f"The record is sealed with the key {_store().change_key(account_name())} from now on.")
    return DONE


def told(checked: Checked) -> str:
    """What a check found, as a sentence."""
    if checked.fault:
        return str(checked.fault)
    return f"The record is whole: {checked.head.n} links about {checked.rows} rows, {checked.began} UTC."


def _store() -> Store:
    from pdc.compose import open_store
    from pdc.settings import Settings

    return open_store(Settings.from_env())


def _anchored(path: Path) -> Head:
    from pdc.store.audit.anchor import anchored

    if (head := anchored(path)) is None:
        raise BadSetting(NO_LINK, path=path)
    return head
