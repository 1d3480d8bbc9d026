"""What a user may do: a reader reads and corrects; a trainer also trains, lets adapters serve, gives images to readers and
changes labels; an admin also overrules."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from pdc.domain.errors import Forbidden
from pdc.domain.message import Message

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


NEEDED = {action: Role.TRAINER for action in Action} | {Action.FORCE: Role.ADMIN}
_ORDER = list(Role)


Allowed = Callable[[str, Action], None]
"""called with a user and what they want to do: Forbidden, with a sentence, where they may not"""


def anybody(user: str, action: Action) -> None:
    """Where nobody has a role, as on one's own machine."""


def may(role: Role, action: Action) -> bool:
    """Whether somebody of the role may do it."""
    return _ORDER.index(role) >= _ORDER.index(NEEDED[action])


def demand(role: Role, action: Action) -> None:
    """Forbidden, with a sentence, unless somebody of the role may do it."""
    if not may(role, action):
        raise Forbidden(REFUSED, role=Message(role), action=Message(action), needed=Message(NEEDED[action]))
