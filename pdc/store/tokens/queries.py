"""API tokens: made, used, revoked. A token's text is shown once and kept nowhere: the store has its sha256."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import select

from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.users.roles import Role, at_most
from pdc.store.audit.kinds import AuditKind
from pdc.store.audit.queries import audit_row
from pdc.store.tables import UserRow
from pdc.store.tokens.records import ApiToken
from pdc.store.tokens.tables import ApiTokenRow, working_tokens
from pdc.store.user_queries import UserQueries, known_user

LONGEST_NAME = 64
NO_TOKEN = "{user} has no token named {name} that could be revoked; `python -m pdc users token list` shows those there are."
TAKEN = "{user} already has a token named {name}; choose another name, or revoke that one first."
TOO_MUCH = "{user} is {role}, so a token of theirs cannot be {asked}; choose {role} or less."
UNNAMED = "A token's name has 1 to {most} characters that can be seen, without blanks at its ends; this is {name}."


class TokenQueries(UserQueries):
    """Tokens of users. One of a name works at a time for each user."""

    def add_token(self, token: ApiToken, sha256: str, by: str) -> None:
        """`by` makes it. NotFound without such a user; BadSetting when the name is taken, or the role is above the user's."""
        name, user = _checked_name(token.name), token.user
        with self._write() as session:
            role = Role(known_user(session, user).role)
            if at_most(token.role, role) is not token.role:
                raise BadSetting(TOO_MUCH, user=user, role=str(role), asked=str(token.role))
            if any(known.name == name for known in session.scalars(working_tokens(user))):
                raise BadSetting(TAKEN, user=user, name=repr(name))
            session.add(
                ApiTokenRow(
                    sha256=sha256,
                    name=name,
                    user_name=user,
                    role=str(token.role),
                    made_at=token.made_at,
                    ends_at=token.ends_at,
                    used_on=None,
                    revoked_at=None,
                )
            )
            until = f"{token.ends_at:%Y-%m-%d}"
            session.add(audit_row(AuditKind.TOKEN_ADDED, by, user=user, name=name, role=str(token.role), until=until))

    def tokens(self, user: str | None = None) -> list[ApiToken]:
        """Of one user or of all, oldest first, also those that no longer work."""
        query = select(ApiTokenRow).order_by(ApiTokenRow.seq)
        with self._read() as session:
            return [_token(row) for row in session.scalars(query if user is None else query.where(ApiTokenRow.user_name == user))]

    def revoke_token(self, user: str, name: str, by: str) -> None:
        """`by` takes it away. NotFound when the user has no such token that was not revoked before."""
        with self._write() as session:
            found = next((row for row in session.scalars(working_tokens(user)) if row.name == name), None)
            if found is None:
                raise NotFound(NO_TOKEN, user=user, name=repr(name))
            found.revoked_at = datetime.now(UTC)
            session.add(audit_row(AuditKind.TOKEN_REVOKED, by, user=user, name=name))

    def use_token(self, sha256: str, now: datetime) -> ApiToken | None:
        """The token of this hash where it works now, with the role that it has now: the user's may have become less.

        The day of its last use is kept, at most one write a day.
        """
        with self._read() as session:
            row = session.scalar(select(ApiTokenRow).where(ApiTokenRow.sha256 == sha256))
            user = session.get(UserRow, row.user_name) if row else None
            token = _token(row, Role(user.role)) if row and user else None
        if token is None or not token.works(now):
            return None
        if token.used_on != now.date():
            self._note_use(sha256, now.date())
        return token

    def _note_use(self, sha256: str, day: date) -> None:
        with self._write() as session:
            session.scalars(select(ApiTokenRow).where(ApiTokenRow.sha256 == sha256)).one().used_on = day.isoformat()


def _token(row: ApiTokenRow, most: Role = Role.ADMIN) -> ApiToken:
    role = at_most(Role(row.role), most)
    used = date.fromisoformat(row.used_on) if row.used_on else None
    return ApiToken(row.name, row.user_name, role, row.made_at, row.ends_at, used, row.revoked_at)


def _checked_name(name: str) -> str:
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise BadSetting(UNNAMED, most=LONGEST_NAME, name=repr(name))
    return name
