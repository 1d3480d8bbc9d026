"""The record on the page and as a table: for admins only, each handler asks anew, and German is spoken."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from desk import Desk

from pdc.domain.errors import BadQuestion, Forbidden
from pdc.domain.users.roles import Role, demand
from pdc.store.audit.kinds import AuditKind
from pdc.web.record.route import csv_text
from pdc.web.ui.record.asked import filter_of
from pdc.web.ui.record.panel import RecordPanel

ADMIN, READER = (SimpleNamespace(username=name) for name in ("root", "maria"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    roles = {"root": Role.ADMIN, "maria": Role.READER}
    desk.service.allowed = lambda user, action: demand(roles[user], action)
    desk.store.record_event(AuditKind.LOGIN, "maria", address="10.0.0.7")
    desk.store.record_event(AuditKind.EXPORTED, "=root()", format="coco")
    return desk


def test_only_an_admin_is_offered_the_record_and_each_handler_asks_again(desk: Desk):
    panel: Any = RecordPanel(desk.service)
    assert panel.offer(READER)[0]["visible"] is False and panel.offer(ADMIN)[0]["visible"] is True
    for ask in (panel.check, lambda request: panel.show("", "", None, "", "", request)):
        with pytest.raises(Forbidden):
            ask(READER)
    shown = str(panel.show("", "maria", "login", "", "", ADMIN))
    assert "address: 10.0.0.7" in shown and "api/record.csv?user=maria&kind=login" in shown and "coco" not in shown
    assert "The record is whole" in str(panel.check(ADMIN))


def test_the_table_has_every_line_and_no_formula_and_what_is_no_day_is_said(desk: Desk):
    rows = "".join(csv_text(desk.store, filter_of({"kind": "exported", "since": "2020-01-01"}))).splitlines()
    assert rows[0] == "at,kind,who,image,name,what" and len(rows) == 2 and ",'=root()," in rows[1]
    assert len("".join(csv_text(desk.store, filter_of({"until": "2020-01-01"}))).splitlines()) == 1
    with pytest.raises(BadQuestion, match="is no day"):
        filter_of({"since": "yesterday"})
