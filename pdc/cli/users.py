"""`pdc users`: who may log in."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from pdc.cli.entry import DONE
from pdc.domain.roles import Role

app = typer.Typer(help="Who may log in.")


@app.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="Name to log in with.")],
    role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.ADMIN,
) -> int:
    """Add a user; asks for a password, or reads it from standard input."""
    from pdc.compose import open_store
    from pdc.domain.errors import BadSetting
    from pdc.settings import Settings
    from pdc.web.auth import hash_password

    store = open_store(Settings.from_env())
    if store.user(name) is not None:
        raise BadSetting(f"There is already a user {name!r}; choose another name.")
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    store.add_user(name, hash_password(password), role)
    print(f"{name} may log in now.")
    return DONE


@app.command("role")
def set_role(
    name: Annotated[str, typer.Argument(help="A user.")],
    role: Annotated[Role, typer.Argument(help="A trainer also trains and promotes, an admin also overrules the promotion gate.")],
) -> int:
    """Say what a user may do."""
    from pdc.compose import open_store
    from pdc.settings import Settings

    open_store(Settings.from_env()).set_role(name, role)
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
