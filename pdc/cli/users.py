"""`pdc users`: who may log in."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from pdc.cli.entry import DONE, account_name
from pdc.cli.tokens import commands as tokens
from pdc.domain.users.roles import Role

app = typer.Typer(help="Who may log in.")
app.add_typer(tokens.app, name="token")


@app.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="Name to log in with.")],
    role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.ADMIN,
) -> int:
    """Add a user; asks for a password, or reads it from standard input."""
    from pdc.compose import open_store
    from pdc.settings import Settings
    from pdc.web.auth import hash_password

    open_store(Settings.from_env()).add_user(name, hash_password(_password()), role, by=account_name())
    print(f"{name} may log in now.")
    return DONE


@app.command("password")
def set_password(name: Annotated[str, typer.Argument(help="A user.")]) -> int:
    """Give a user another password; asks for it, or reads it from standard input. Their open sessions end."""
    from pdc.compose import open_store
    from pdc.settings import Settings
    from pdc.web.auth import hash_password

    store = open_store(Settings.from_env())
    store.set_password(name, hash_password(_password()), by=account_name())
    print(f"{name} has another password now, and has to log in again.")
    if left := [token.name for token in store.tokens(name) if token.works(datetime.now(UTC))]:
        print(f"These tokens of {name} go on working: {', '.join(left)}; `python -m pdc users token revoke` ends one.")
    return DONE


@app.command("remove")
def remove_user(name: Annotated[str, typer.Argument(help="A user.")]) -> int:
    """Lock a user out at once. Their reviews stay, under their name."""
    from pdc.compose import open_store
    from pdc.settings import Settings

    open_store(Settings.from_env()).remove_user(name, by=account_name())
    print(f"{name} can no longer log in. Their reviews stay.")
    return DONE


@app.command("role")
def set_role(
    name: Annotated[str, typer.Argument(help="A user.")],
    role: Annotated[Role, typer.Argument(help="A trainer also trains and promotes, an admin also overrules the promotion gate.")],
) -> int:
    """Say what a user may do."""
    from pdc.compose import open_store
    from pdc.settings import Settings

    open_store(Settings.from_env()).set_role(name, role, by=account_name())
    print(f"{name} is {role} now.")
    return DONE


@app.command("list")
def list_users() -> int:
    """All users, with their roles."""
    from pdc.compose import open_store
    from pdc.settings import Settings

    users = open_store(Settings.from_env()).users()
    print("\n".join(f"{u.name} ({u.role})" for u in users) or "There are no users; add one with `python -m pdc users add NAME`.")
    return DONE


def _password() -> str:
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
