"""What the record says beside reviews and decisions: one kind an act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class AuditKind(StrEnum):
    STARTED = "started"
    LOGIN = "login"
    LOGIN_REFUSED = "login_refused"
    LOGGED_OUT = "logged_out"
    USER_ADDED = "user_added"
    USER_REMOVED = "user_removed"
    PASSWORD_CHANGED = "password_changed"
    ROLE_CHANGED = "role_changed"
    TOKEN_ADDED = "token_added"
    TOKEN_REVOKED = "token_revoked"
    EXPORTED = "exported"
    IMPORTED = "imported"
    ARCHIVED = "archived"
    BACKED_UP = "backed_up"
    RESTORED = "restored"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    VIEWED = "viewed"
    HELD_BACK = "held_back"
    RELEASED = "released"
    PAINTED_OVER = "painted_over"
    TEXT_KEPT = "text_kept"
    TEXT_LEFT_OUT = "text_left_out"
    LABEL_CHANGED = "label_changed"
    QUOTA_REACHED = "quota_reached"
    CLEANED_UP = "cleaned_up"
    KEY_CHANGED = "key_changed"
    JOB_STARTED = "job_started"
    JOB_CANCELLED = "job_cancelled"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One act: what was done, by whom (a user, or whoever runs a command), to which image if to one, and what else is to be
    known of it, as JSON can hold it."""

    kind: AuditKind
    who: str
    what: Mapping[str, Any]
    at: datetime
    image: str | None = None
    id: int = 0
