"""Values of API tokens, as the store hands them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from pdc.domain.users.roles import Role


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token of a user; `role` is the most that it may do. What it is itself is kept nowhere, only its sha256."""

    name: str
    user: str
    role: Role
    made_at: datetime
    ends_at: datetime
    used_on: date | None = None
    """the last day on which it was used"""
    revoked_at: datetime | None = None

    def works(self, now: datetime) -> bool:
        """Whether it is still taken."""
        return self.revoked_at is None and now < self.ends_at
