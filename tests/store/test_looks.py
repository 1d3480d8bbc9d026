"""A locked test set is looked at once a release, and every look leaves a row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from databases import url_of

from pdc.domain.errors import BadSetting
from pdc.store import Store
from pdc.store.records import Look

pytestmark = pytest.mark.both_databases("nightly")

FIRST = Look("clinic-b", "d1", "fold-1", "1.0", "maria", "before the release")


@pytest.fixture
def store(tmp_path: Path):
    store = Store.open(url_of(tmp_path))
    yield store
    store.close()


def test_a_look_is_a_row_with_who_when_whom_and_why(store: Store):
    store.add_look(FIRST)
    (look,) = store.looks()
    assert look.at and replace(look, at=None) == FIRST


@pytest.mark.parametrize("again", [FIRST, replace(FIRST, adapter="fold-2"), replace(FIRST, test_set="the same under a new name")])
def test_a_second_look_in_a_release_is_refused_whoever_is_measured_and_whatever_the_set_is_called(store: Store, again: Look):
    store.add_look(FIRST)
    with pytest.raises(BadSetting, match=r"by maria on 2.*for fold-1.*before the release.*--force"):
        store.add_look(again)
    assert len(store.looks()) == 1


def test_another_release_looks_anew_and_a_forced_look_is_noted_as_one(store: Store):
    store.add_look(FIRST)
    store.add_look(replace(FIRST, release="1.1"))
    store.add_look(replace(FIRST, forced=True, reason="the first was interrupted"))
    assert [(k.release, k.forced) for k in store.looks("d1")] == [("1.0", False), ("1.1", False), ("1.0", True)]
    assert store.looks("d2") == []
