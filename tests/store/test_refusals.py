"""Refused logins in the record: how many tries, of which user, and no flood of rows."""

from __future__ import annotations

from pathlib import Path

from store_values import url_of

from pdc.store import Store
from pdc.store.audit.lines import RecordFilter
from pdc.store.audit.refusals import Refusals


def test_a_thousand_wrong_passwords_are_a_few_rows_that_say_how_many_there_were(tmp_path: Path):
    store, now = Store.open(url_of(tmp_path)), [0.0]
    store.add_user("maria", "hash")
    refusals = Refusals(store.record_event, lambda name: store.user(name) is not None, clock=lambda: now[0])
    for n in range(1000):
        now[0] += 0.1
        refusals.add("maria" if n % 2 else f"my password {n}", f"10.0.0.{n % 3}")
    refusals.flush()
    rows = list(store.record_lines(RecordFilter(kind="login_refused")))
    assert len(rows) <= 6 and {row.who for row in rows} == {"maria", ""}
    assert sum(int(row.what.split('"tries": ')[1].rstrip("}")) for row in rows) == 1000
    assert not any("my password" in row.what for row in rows)


def test_what_an_account_was_given_and_by_whom_is_in_the_record(tmp_path: Path):
    store = Store.open(url_of(tmp_path))
    store.add_user("maria", "hash", by="root")
    store.set_password("maria", "other hash", by="root")
    store.remove_user("maria", by="root")
    assert [(r.kind, r.who) for r in store.record_lines(RecordFilter(user="root"))][::-1] == [
        ("user_added", "root"),
        ("password_changed", "root"),
        ("user_removed", "root"),
    ]
    assert store.check_record().fault is None
    assert not any("hash" in row.what for row in store.record_lines())
