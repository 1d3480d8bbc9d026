"""`pdc users`: who may log in."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from pdc.cli.entry import DONE

app = typer.Typer(help="Who may log in.")


@app.command("add")
def add_user(name: Annotated[str, typer.Argument(help="Name to log in with.")]) -> int:
    """Add a user; asks for a password, or reads it from standard input."""
    from pdc.compose import open_store
    from pdc.domain.errors import BadSetting
    from pdc.settings import Settings
    from pdc.web.auth import hash_password

    store = open_store(Settings.from_env())
    if store.user(name) is not None:
        raise BadSetting(f"There is already a user {name!r}; choose another name.")
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    store.add_user(name, hash_password(password))
    print(f"{name} may log in now.")
    return DONE


@app.command("list")
def list_users() -> int:
    """Names of all users."""
    from pdc.compose import open_store
    from pdc.settings import Settings

    users = open_store(Settings.from_env()).users()
    print("\n".join(u.name for u in users) or "There are no users; add one with `python -m pdc users add NAME`.")
    return DONE
