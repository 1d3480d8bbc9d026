"""Users: who may log in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.users.names import checked_name, looks_like
from pdc.domain.users.roles import Role
from pdc.store import mapping
from pdc.store.audit.kinds import AuditKind
from pdc.store.audit.queries import audit_row
from pdc.store.database import Database
from pdc.store.records import StoredUser
from pdc.store.tables import EndedSessionRow, UserRow
from pdc.store.tokens.tables import working_tokens

LONGEST_LOGIN = timedelta(days=366)  # a cookie is older only where PDC_IDLE_MINUTES says so


class UserQueries(Database):
    """Users and their password hashes. `by` is who changes them, for the record."""

    def add_user(self, name: str, password_hash: str, role: Role = Role.ADMIN, by: str = "") -> None:
        """BadSetting when the name cannot be one, or when it is taken, or looks like one that is."""
        name = checked_name(name)
        with self._write() as session:
            if like := next((n for n in session.scalars(select(UserRow.name)) if looks_like(n, name)), None):
                raise BadSetting(f"There is already a user named {like!r}; choose another name.")
            session.add(UserRow(name=name, password_hash=password_hash, created_at=datetime.now(UTC), role=str(role)))
            session.add(audit_row(AuditKind.USER_ADDED, by, user=name, role=str(role)))

    def set_password(self, name: str, password_hash: str, by: str = "") -> None:
        """NotFound when there is no such user."""
        with self._write() as session:
            known_user(session, name).password_hash = password_hash
            session.add(audit_row(AuditKind.PASSWORD_CHANGED, by, user=name))

    def set_role(self, name: str, role: Role, by: str = "") -> None:
        """NotFound when there is no such user."""
        with self._write() as session:
            user = known_user(session, name)
            session.add(audit_row(AuditKind.ROLE_CHANGED, by, user=name, role=str(role), before=user.role))
            user.role = str(role)

    def remove_user(self, name: str, by: str = "") -> None:
        """The user's reviews stay; their tokens are revoked, also for somebody who gets the name later. NotFound when there is
        no such user."""
        with self._write() as session:
            session.delete(known_user(session, name))
            for token in session.scalars(working_tokens(name)):
                token.revoked_at = datetime.now(UTC)
            session.add(audit_row(AuditKind.USER_REMOVED, by, user=name))

    def user(self, name: str) -> StoredUser | None:
        with self._read() as session:
            row = session.get(UserRow, name)
            return row and mapping.user(row)

    def user_of(self, name: str, login: str) -> StoredUser | None:
        """The user, unless this login of theirs was ended."""
        ended = select(EndedSessionRow.id).where(EndedSessionRow.id == login).exists()
        with self._read() as session:
            row = session.scalar(select(UserRow).where(UserRow.name == name, ~ended))
            return row and mapping.user(row)

    def end_session(self, id: str) -> None:
        """A login of this id is no longer taken. Those that have run out by themselves are forgotten."""
        with self._write() as session:
            session.execute(delete(EndedSessionRow).where(EndedSessionRow.at < datetime.now(UTC) - LONGEST_LOGIN))
            session.merge(EndedSessionRow(id=id, at=datetime.now(UTC)))

    def users(self) -> list[StoredUser]:
        """By name."""
        with self._read() as session:
            return sorted(map(mapping.user, session.scalars(select(UserRow))), key=lambda user: user.name)


def known_user(session: Session, name: str) -> UserRow:
    """NotFound when there is no such user."""
    row = session.get(UserRow, name)
    if row is None:
        raise NotFound(f"There is no user named {name!r}; `python -m pdc users list` shows those there are.")
    return row
