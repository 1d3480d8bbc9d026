"""The Training tab names reviews to look at, opens their images, and keeps what a person decides."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from store_values import an_adapter, an_image

from pdc.adapters.registry import Adapters
from pdc.domain.errors import BadSetting, PdcError
from pdc.domain.users.roles import Role
from pdc.store import Store
from pdc.web.ui.training.suspicions import SuspicionPanel

IMAGES = {"eve": ["a" * 64, "b" * 64], "anna": ["c" * 64]}
MARIA: Any = SimpleNamespace(username="maria")


def found(reader: str) -> dict[str, Any]:
    told = {"kind": "smaller", "reader": reader, "label": "", "other": "", "done": 2, "seen": 2, "usual": 0.1, "p": 1e-6}
    return {**told, "images": IMAGES[reader], "others_seen": 0}


@pytest.fixture
def panel(tmp_path) -> SuspicionPanel:
    store = Store.open("sqlite://")
    for images in IMAGES.values():
        for image in images:
            store.add_image(an_image(image))
    store.add_adapter(an_adapter())
    report = {"at": datetime.now(UTC).isoformat(), "found": [found("eve"), found("anna")]}
    store.set_metrics("first", {"suspicions": report})
    return SuspicionPanel(Adapters(store, "tiny", tmp_path), lambda: ["eve", "anna"])


def test_it_builds_with_a_choice_of_readers_to_leave_out(panel):
    with gr.Blocks() as demo:
        panel.build_choice(demo)
        panel.build(gr.Dropdown([]))
    assert panel.could_be_left_out()["choices"] == ["eve", "anna"]


def test_it_is_hidden_where_nothing_is_suspected(panel):
    assert panel.show(None)[0]["visible"] is False


def test_the_sentences_the_readers_and_their_images_are_shown(panel):
    group, told, readers, images = panel.show("first")
    assert group["visible"] and "Reader eve draws boxes smaller" in str(told) and readers["choices"] == ["eve", "anna"]
    assert [sha for _, sha in images["choices"]] == IMAGES["eve"]
    assert [sha for _, sha in panel.choose("first", "anna")["choices"]] == IMAGES["anna"]


def test_who_confirms_is_kept_and_the_rest_stays_to_be_looked_at(panel):
    _, told, readers, _, reason = panel.confirm("first", "eve", "stained otherwise", MARIA)
    assert readers["choices"] == ["anna"] and "eve" not in str(told) and reason == ""
    assert {(e.by, e.note) for e in panel.adapters.store.confirmations()} == {("maria", "stained otherwise")}


def test_nothing_is_confirmed_without_a_reader_or_a_reason(panel):
    for reader, reason in ((None, "fine"), ("eve", " ")):
        with pytest.raises(BadSetting):
            panel.confirm("first", reader, reason, MARIA)


def test_who_may_not_decide_what_serves_clears_no_objection(panel):
    panel.role = lambda user: Role.READER
    with pytest.raises(PdcError):
        panel.confirm("first", "eve", "stained otherwise", MARIA)
    assert panel.adapters.store.confirmations() == []
