"""History: versions, adapters that have not answered, reopening, and what the tab draws."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from desk import ASK, FOUND, Desk, a_mark, watch
from store_values import an_adapter

from pdc.adapters.routing import AdapterRouting
from pdc.domain.errors import NotFound, ReadFirst
from pdc.domain.values import Findings
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.predictors.base import Answer
from pdc.review.history import History
from pdc.review.service import ReviewService
from pdc.web.ui.history_tab import HistoryTab

pytestmark = pytest.mark.both_databases("nightly")


class Desks(Desk):
    """Two adapters, and a model that answers as whichever is wanted."""

    def __init__(self, folder: Path, *, blind: bool = False) -> None:
        super().__init__(folder, blind=blind)
        self.serving = AdapterRouting("tiny", lambda: AdapterRef("first", "/first"))
        self.service = self.tab.service = ReviewService(
            self.store, self.service.files, self, serving=self.serving.now, blind=blind
        )
        self.history = History(self.service, self.serving, lambda: [an_adapter("first"), an_adapter("second")])

    def untaught(self, question) -> tuple[str, ...]:
        return ()

    def predict(self, image, question) -> Answer:
        return Answer(FOUND, "[]", "tiny", self.serving().name, "compact-1", 0.1)

    def stream(self, image, question, cancelled):
        yield self.predict(image, question)


@pytest.fixture
def desk(tmp_path) -> Desks:
    return Desks(tmp_path)


def test_new_weights_of_the_model_are_asked_anew_and_the_old_answer_stays_in_the_history(desk: Desks):
    sha = desk.image("a.png")
    desk.service.versions = ("old", None)
    before = desk.service.predict(desk.service.open(sha, ASK, "ada")).prediction
    assert desk.service.open(sha, ASK, "ben").prediction == before and before.version == "old"
    desk.service.versions = ("new",)
    draft = desk.service.open(sha, ASK, "ben")
    assert draft.prediction is None and len(desk.store.predictions()) == 1  # opening asks nobody
    after = desk.service.predict(draft).prediction
    assert after.id != before.id and after.version == "new"
    assert desk.service.open(sha, ASK, "ada").prediction == after
    titles = [v.title.split(" · ")[:3] for v in desk.history.versions(draft)]
    assert titles == [["Model", "tiny", "earlier weights"], ["Model", "tiny", "adapter first"]]
    assert desk.history.unasked(draft) == [None, "second"]


def test_adapters_of_other_weights_are_named_and_cannot_be_asked(desk: Desks):
    desk.history.outdated = lambda: [an_adapter("third")]
    tab = HistoryTab(desk.history, desk.tab)
    shown = json.dumps(tab.show(desk.service.open(desk.image("a.png"), ASK, "ada")))
    assert "third" in shown and "finetune retrain" in shown
    desk.history.outdated = list
    assert "finetune retrain" not in json.dumps(tab.show(desk.service.open(desk.image("b.png"), ASK, "ada")))


def test_answers_and_revisions_are_listed_in_order_and_missing_adapters_can_be_asked(desk: Desks):
    draft = desk.service.predict(desk.service.open(desk.image("a.png"), ASK, "ada"))
    desk.service.save(replace(draft, findings=Findings(FOUND.marks[:1])))
    assert [v.title.split(" · ")[:2] for v in desk.history.versions(draft)] == [["Model", "tiny"], ["Revision 1", "corrected"]]
    assert desk.history.unasked(draft) == [None, "second"]
    assert desk.history.ask(draft, "second").result().adapter == "second" and desk.serving.now(ASK) == ("tiny", "first", ())
    assert desk.history.unasked(draft) == [None]
    assert desk.service.open(draft.image.sha256, ASK, "ben").prediction.adapter == "first"
    with pytest.raises(NotFound):
        desk.history.ask(draft, "third")


def test_an_answer_with_an_expert_stands_beside_that_of_the_model_alone_and_names_it(desk: Desks):
    draft = desk.service.predict(desk.service.open(desk.image("a.png"), ASK, "ada"))
    desk.store.add_prediction(replace(draft.prediction, id="other", experts=("finder",)))
    titles = [v.title.split(" · ")[:-1] for v in desk.history.versions(draft)]
    assert titles == [["Model", "tiny", "adapter first"], ["Model", "tiny", "adapter first", "expert finder"]]


def test_an_old_revision_is_reopened_as_a_draft_over_the_newest(desk: Desks):
    draft, _ = desk.service.save(desk.service.predict(desk.service.open(desk.image("a.png"), ASK, "ada")))
    draft, _ = desk.service.save(replace(draft, findings=Findings()))
    first = desk.history.versions(draft)[1]
    again = desk.history.reopen(draft, first)
    assert again.findings == FOUND and again.base_revision == 2 and again.rev > draft.rev
    assert desk.service.open(draft.image.sha256, ASK, "ada").findings == FOUND
    assert desk.service.save(again)[1].revision == 3


def test_blind_readers_get_no_history_before_their_own_read(tmp_path):
    desk = Desks(tmp_path, blind=True)
    draft = desk.service.open(desk.image("a.png"), ASK, "ada")
    for call in (desk.history.versions, desk.history.unasked, lambda d: desk.history.ask(d, None)):
        with pytest.raises(ReadFirst):
            call(draft)


def test_the_tab_draws_every_fate_and_reopens(desk: Desks):
    tab = HistoryTab(desk.history, desk.tab)
    assert "Open an image" in json.dumps(tab.show(None)[3])
    draft = desk.service.predict(desk.service.open(desk.image("a.png"), ASK, "ada"))
    moved = replace(FOUND.marks[0], shape=a_mark("x", 5).shape)
    desk.service.save(replace(draft, findings=Findings((moved, a_mark("h1", 25)))))
    before, after, adapters, view = tab.show(draft)
    page = json.dumps(view)
    assert all(f'"pdc-{kind}"' in page for kind in ("was", "moved", "added", "removed")) and "counted 2, then 2" in page
    assert f"images/{draft.image.sha256}.png" in page and adapters["value"] == ""
    assert json.dumps(tab.compare(draft, before["value"], after["value"], True)).count('"figure"') == 2
    again, value, _, bar = tab.reopen(draft, {}, before["value"])
    assert again.findings == FOUND and len(value["marks"]) == 2 and bar["selected"] == "review"
    with pytest.raises(NotFound):
        tab.reopen(draft, {}, "unknown")


def test_the_tab_says_that_an_adapter_answers_while_it_does(desk: Desks):
    draft = desk.service.open(desk.image("a.png"), ASK, "ada")
    waiting, shown = watch(HistoryTab(desk.history, desk.tab).ask(draft, "second"))
    assert "The adapter is answering …" in json.dumps(waiting[-1], ensure_ascii=False)
    assert [p.adapter for p in desk.store.predictions()] == ["second"] and "answering" not in json.dumps(shown[-1])
