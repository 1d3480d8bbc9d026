"""What a user may do: a reader reads and corrects; a trainer also trains, lets adapters serve, gives images to readers and
changes labels; an admin also overrules."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from pdc.domain.errors import Forbidden
from pdc.domain.message import Message

OWNERS = (
    "On this public Space only its owner, who may log in, can {action}. "
    "Install PDC on a computer of your own; there you may do everything."
)
REFUSED = "Your role is {role}, and to {action} takes the role {needed}; ask whoever runs PDC."


class Role(StrEnum):
    """In order: each may do what the ones before it may."""

    READER = "reader"
    TRAINER = "trainer"
    ADMIN = "admin"


class Action(StrEnum):
    """What takes more than the role of a reader."""

    TRAIN = "train an adapter"
    PROMOTE = "decide which adapter serves"
    FORCE = "overrule the promotion gate"
    ASSIGN = "give images to readers"
    LABELS = "change labels for everybody"
    RECORD = "read the record"
    METRICS = "read the metrics"
    ANSWER_ALL = "have all images answered"


NEEDED = {action: Role.TRAINER for action in Action} | dict.fromkeys((Action.FORCE, Action.RECORD, Action.METRICS), Role.ADMIN)
_ORDER = list(Role)


Allowed = Callable[[str, Action], None]
"""called with a user and what they want to do: Forbidden, with a sentence, where they may not"""


def anybody(user: str, action: Action) -> None:
    """Where nobody has a role, as on one's own machine."""


class ByToken(str):
    """The name of a user for whom a program came in with an API token: it may do what the token's role may, and no more."""

    role: Role

    def __new__(cls, name: str, role: Role) -> ByToken:
        made = super().__new__(cls, name)
        made.role = role
        return made


def at_most(role: Role, most: Role) -> Role:
    """The lesser of the two."""
    return min(role, most, key=_ORDER.index)


def capped(role: Role, user: str) -> Role:
    """What somebody of the role may do in this request: less, where they came in with a token that may less."""
    return at_most(role, user.role) if isinstance(user, ByToken) else role


def may(role: Role, action: Action) -> bool:
    """Whether somebody of the role may do it."""
    return _ORDER.index(role) >= _ORDER.index(NEEDED[action])


def demand(role: Role, action: Action, *, space: bool = False) -> None:
    """Forbidden, with a sentence, unless somebody of the role may do it; on a public `space` that takes its owner."""
    if not may(role, action):
        if space:
            raise Forbidden(OWNERS, action=Message(action))
        raise Forbidden(REFUSED, role=Message(role), action=Message(action), needed=Message(NEEDED[action]))
