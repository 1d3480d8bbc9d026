"""`pdc users token`: programs come in for a user."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.entry import DONE, account_name
from pdc.domain.users.roles import Role

if TYPE_CHECKING:
    from pdc.store.tokens.records import ApiToken

DAYS, MOST_DAYS = 90, 366
NONE = "There are no tokens; make one with `python -m pdc users token add USER NAME`."

app = typer.Typer(help="Tokens with which programs come in for a user.")


@app.command("add")
def add_token(
    user: Annotated[str, typer.Argument(help="For whom the program works.")],
    name: Annotated[str, typer.Argument(help="What it is for, such as nightly-export.")],
    role: Annotated[Role, typer.Option(help="What the program may do; at most what the user may.")] = Role.READER,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How long it is taken.")] = DAYS,
) -> int:
    """Make a token. It is printed once and kept nowhere; send it as `Authorization: Bearer TOKEN`."""
    from pdc.compose import open_store
    from pdc.settings import Settings
    from pdc.web.logins.tokens import make_token

    store = open_store(Settings.from_env())
    print(make_token(store, user, name, role, days, account_name()))
    made = next(token for token in reversed(store.tokens(user)) if token.name == name)
    print(f"{_told(made, made.made_at)}. Copy the token now; it is shown this once.", file=sys.stderr)
    return DONE


@app.command("list")
def list_tokens(user: Annotated[str | None, typer.Argument(help="A user; all without.")] = None) -> int:
    """All tokens, with their roles, their ends and the day of their last use; never the tokens themselves."""
    from pdc.compose import open_store
    from pdc.settings import Settings

    found, now = open_store(Settings.from_env()).tokens(user), datetime.now(UTC)
    print("\n".join(_told(token, now) for token in found) or NONE)
    return DONE


@app.command("revoke")
def revoke_token(
    user: Annotated[str, typer.Argument(help="Whose token.")], name: Annotated[str, typer.Argument(help="Its name.")]
) -> int:
    """Take a token away. It opens nothing from now on."""
    from pdc.compose import open_store
    from pdc.settings import Settings

    open_store(Settings.from_env()).revoke_token(user, name, account_name())
    print(f"The token {name} of {user} opens nothing from now on.")
    return DONE


def _told(token: ApiToken, now: datetime) -> str:
    used = f"last used {token.used_on}" if token.used_on else "never used"
    return f"{token.user}: {token.name} ({token.role}), {_until(token, now)}, {used}"


def _until(token: ApiToken, now: datetime) -> str:
    if token.revoked_at:
        return f"revoked {token.revoked_at:%Y-%m-%d}"
    return f"{'works until' if token.works(now) else 'ended'} {token.ends_at:%Y-%m-%d}"
