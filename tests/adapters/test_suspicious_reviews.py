"""An adapter made of suspected reviews is not promoted before a person has looked at them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from store_values import AT, an_adapter, an_image

from pdc.adapters.registry import Adapters
from pdc.adapters.suspicions import objections, told, with_confirmations
from pdc.domain.errors import BadSetting, NotFound
from pdc.store import Event, EventKind, Store

IMAGES = ["a" * 64, "b" * 64]
FOUND: dict[str, Any] = {
    "kind": "relabelled",
    "reader": "eve",
    "label": "red blood cell",
    "other": "white blood cell",
    "done": 41,
    "seen": 52,
    "usual": 2.08,
    "p": 1e-9,
    "images": IMAGES,
    "others_seen": 0,
}
REPORT = {"at": AT.isoformat(), "reviews": 12, "readers": 1, "compared": 12, "unjudged": {"sperm": 2}, "found": [FOUND]}
METRICS = {"suspicions": REPORT}


def looked(image: str, reader: str = "eve", later: int = 1) -> Event:
    return Event(image, EventKind.CONFIRMED, "ada", reader, "they are right", AT + timedelta(minutes=later))


def test_a_suspicion_is_an_objection_that_says_who_what_and_what_to_do():
    assert [str(o) for o in objections(METRICS)] == [
        "Reader eve calls 'red blood cell' 'white blood cell': 41 of 52 marks of which the model is sure were renamed. "
        "At most about 2 would be usual. Look at the 2 images of eve. Then confirm that the reviews are right, or train again "
        "without them (`--without-reader`)."
    ]
    assert not list(objections({})) and not list(objections({"suspicions": {**REPORT, "found": []}}))


@pytest.mark.parametrize(
    "events",
    [[looked(IMAGES[0])], [looked(image, reader="bob") for image in IMAGES], [looked(image, later=-1) for image in IMAGES]],
)
def test_half_a_look_another_reader_or_an_earlier_look_clears_nothing(events):
    assert list(objections(with_confirmations(METRICS, events)))


def test_who_looked_at_every_image_clears_it():
    assert not list(objections(with_confirmations(METRICS, map(looked, IMAGES))))


def test_the_report_says_how_much_was_compared_and_what_could_not_be():
    numbers, found, unjudged = map(str, told(REPORT))
    assert numbers.startswith("12 reviews by 1 reader(s)") and found.startswith("Reader eve") and "sperm" in unjudged
    assert "Nobody stands out." in told({**REPORT, "found": []})


def test_a_kind_of_a_later_version_is_told_too():
    assert "eve" in next(objections({"suspicions": {**REPORT, "found": [{**FOUND, "kind": "yet unknown"}]}}))


@pytest.fixture
def adapters(tmp_path) -> Adapters:
    store = Store.open("sqlite://")
    for image in IMAGES:
        store.add_image(an_image(image))
    store.add_adapter(an_adapter())
    store.set_metrics("first", {"suspicions": {**REPORT, "at": datetime.now(UTC).isoformat()}})
    return Adapters(store, "tiny", tmp_path)


def test_a_confirmation_is_kept_with_name_and_reason_for_every_image(adapters):
    adapters.confirm("first", "eve", by="ada", reason=" stained otherwise ")
    kept = adapters.store.confirmations()
    assert [(e.image_sha256, e.reader, e.by, e.note) for e in kept] == [(i, "eve", "ada", "stained otherwise") for i in IMAGES]
    assert adapters.suspicions("first") == []


def test_without_a_reason_or_a_suspicion_nothing_is_confirmed(adapters):
    with pytest.raises(BadSetting, match="why"):
        adapters.confirm("first", "eve", by="ada", reason=" ")
    with pytest.raises(NotFound, match="bob"):
        adapters.confirm("first", "bob", by="ada", reason="fine")
    assert adapters.store.confirmations() == [] and len(adapters.suspicions("first")) == 1
