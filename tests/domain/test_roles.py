"""What each role may do."""

from __future__ import annotations

import pytest

from pdc.domain.errors import Forbidden
from pdc.domain.users.roles import Action, Role, demand, may


def test_each_role_may_what_the_ones_before_it_may():
    allowed = {role: {action for action in Action if may(role, action)} for role in Role}
    admins = {Action.FORCE, Action.RECORD, Action.METRICS}
    assert allowed == {Role.READER: set(), Role.TRAINER: set(Action) - admins, Role.ADMIN: set(Action)}


def test_who_may_not_is_told_which_role_it_takes():
    with pytest.raises(Forbidden, match="Your role is reader, and to train an adapter takes the role trainer"):
        demand(Role.READER, Action.TRAIN)
