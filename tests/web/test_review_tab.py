"""Every handler of the review tab, called as the page calls it, without a browser."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace

import gradio as gr
import pytest
from desk import ASK, FOUND, LABELS, Desk, drawn, watch, who

from pdc.cli.answer_lines import answer_row, in_words
from pdc.domain.errors import BadQuestion, ReadFirst, StillAnswering, StoreUnavailable
from pdc.domain.merge import Take
from pdc.domain.values import Findings, Question, Task, Verdict
from pdc.inference.answer_settings import labels_of
from pdc.inference.predictors.base import Answer
from pdc.review.examples import KNOWN_LABELS, first_question
from pdc.review.listing.entries import Stage
from pdc.settings import EMBEDDED_MODEL
from pdc.web.ui.bar import under_bar
from pdc.web.ui.review_tab import ANSWERING, LOADING, ReviewTab
from pdc.web.ui.screen import show_errors, status_line
from pdc.web.ui.worklist import detail

ADA = who("ada")


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path)


def opened(desk: Desk, name: str = "a.png", reader: str = "ada"):
    """(draft, editor's value) of an image that the model has answered."""
    draft, value, *_ = desk.choose(desk.image(name), reader)
    if draft.prediction is None:
        *_, (value, _) = watch(desk.tab.ask_if_new(draft, value))
    return desk.tab.asking.now(draft), value


def edited(value: dict, *marks: dict) -> dict:
    return {**value, "marks": [*value["marks"], *marks], "edits": value["edits"] + 1}


def stage_of(desk: Desk, sha: str, reader: str = "ada") -> Stage:
    return next(e.stage for e in desk.listed(reader) if e.image.sha256 == sha)


def test_the_tab_builds_and_has_a_place_for_everything_a_handler_returns(desk: Desk):
    with gr.Blocks() as demo:
        desk.tab.build(demo)
    assert len(desk.tab.screen) == len(desk.choose(desk.image("a.png")))


def test_a_new_image_is_asked_about_and_an_answered_one_opens_with_its_marks(desk: Desk):
    draft, value = opened(desk)
    assert len(value["marks"]) == 2 and len(desk.model.asked) == 1
    again, shown, *_ = desk.choose(draft.image.sha256, "ben")
    assert [m["id"] for m in shown["marks"]] == ["m1", "m2"]
    assert list(watch(desk.tab.ask_if_new(again, shown))) == [(gr.skip(), gr.skip())] and len(desk.model.asked) == 1


def test_an_example_opens_under_its_own_question(desk: Desk):
    example = desk.tab.examples[0]
    draft, value, *_ = desk.tab.choose({"chosen": {"example": example.path.name}}, None, ADA)
    assert draft.question == example.question and value["image"]["name"] == example.path.name
    other, *_ = desk.choose(desk.image("other.png"))
    again, *_ = desk.choose(draft.image.sha256)  # and goes by it when one comes back from an image asked otherwise
    assert again.question == example.question != other.question == ASK


def test_every_edit_is_kept_and_said(desk: Desk):
    draft, value = opened(desk)
    said, stored = desk.tab.edit(draft, edited(value, drawn()))
    assert said.startswith("Draft saved ") and (stored["acked"], "marks" in stored) == (1, False)
    assert len(desk.store.draft("ada", draft.image.sha256, ASK).findings.marks) == 3
    assert stage_of(desk, draft.image.sha256) is Stage.IN_REVIEW
    assert "unsaved work of" in desk.choose(draft.image.sha256)[4]


@pytest.mark.parametrize("act", ["save", "skip"])
def test_an_autosave_that_comes_after_the_save_it_was_sent_before_brings_nothing_back(desk: Desk, act: str):
    draft, value = opened(desk)
    once, twice = edited(value, drawn("h1", 10)), edited(edited(value, drawn("h1", 10)), drawn("h2", 60))
    getattr(desk.tab, act)(draft, twice, {})
    assert desk.tab.edit(draft, once) == (gr.skip(), gr.skip())
    assert desk.store.drafts(draft.image.sha256, ASK) == [] and stage_of(desk, draft.image.sha256) is not Stage.IN_REVIEW


def test_what_was_edited_while_a_save_went_on_is_kept_over_what_it_saved(desk: Desk):
    draft, value = opened(desk)
    saved, *_ = desk.tab.save(draft, once := edited(value, drawn("h1", 10)), {})
    desk.tab.edit(draft, edited(once, drawn("h2", 60)))
    desk.tab.edit(saved, edited(edited(once, drawn("h2", 60)), drawn("h3", 90)))
    (kept,) = desk.store.drafts(draft.image.sha256, ASK)
    assert (kept.base_revision, kept.key, len(kept.findings.marks)) == (1, saved.key, 5)


def test_an_autosave_that_is_under_way_when_a_save_comes_leaves_no_draft(desk: Desk, monkeypatch):
    draft, value = opened(desk)
    once, twice = edited(value, drawn("h1", 10)), edited(edited(value, drawn("h1", 10)), drawn("h2", 60))
    keep, at_work, go_on = desk.service.keep, threading.Event(), threading.Event()

    def slow(draft) -> None:
        at_work.set()
        go_on.wait(10)
        keep(draft)

    monkeypatch.setattr(desk.service, "keep", slow)
    acts = [
        threading.Thread(target=desk.tab.edit, args=(draft, once)),
        threading.Thread(target=desk.tab.save, args=(draft, twice, {})),
    ]
    acts[0].start()
    assert at_work.wait(10)
    acts[1].start()
    acts[1].join(0.5)  # it would be done by now, and the autosave would come after it
    go_on.set()
    for act in acts:
        act.join(10)
    assert desk.store.drafts(draft.image.sha256, ASK) == []
    assert len(desk.store.current_review(draft.image.sha256, ASK).findings.marks) == 4


def test_what_is_edited_after_a_save_that_was_refused_is_kept(desk: Desk, monkeypatch):
    draft, value = opened(desk)

    def full(*_, **__):
        raise StoreUnavailable("The disk is full.")

    with monkeypatch.context() as patch, pytest.raises(StoreUnavailable):
        patch.setattr(desk.service, "save", full)
        desk.tab.save(draft, once := edited(value, drawn("h1", 10)), {})
    assert desk.tab.edit(draft, once)[0].startswith("Draft saved")


def test_an_autosave_that_fails_is_loud(desk: Desk, monkeypatch):
    draft, value = opened(desk)

    def full(*args):
        raise StoreUnavailable("The disk is full <b>.")

    monkeypatch.setattr(desk.store, "put_draft", full)
    assert desk.tab.edit(draft, edited(value, drawn()))[0].startswith("NOT SAVED: The disk is full <b>.")
    monkeypatch.setattr(desk.store, "put_draft", lambda *args: 1 / 0)
    assert desk.tab.edit(draft, edited(value, drawn()))[0].startswith("NOT SAVED")


def test_an_edit_of_another_image_is_left_aside(desk: Desk):
    draft, _ = opened(desk)
    _, other = opened(desk, "b.png")
    desk.tab.edit(draft, edited(other, drawn()))
    assert desk.store.draft_lines() == []


def test_finish_saves_and_opens_the_next_image_that_needs_work(desk: Desk):
    first, second, third = (desk.image(f"{n}.png") for n in "abc")
    desk.service.save(desk.service.open(second, ASK, "ben"))
    draft, value, *_ = desk.choose(first)
    following, *_ = desk.tab.finish(draft, edited(value, drawn()), {})
    assert following.image.sha256 == third and stage_of(desk, first) is Stage.DONE
    assert len(desk.store.current_review(first, ASK).findings.marks) == 1


def test_skip_and_send_back_are_kept_and_go_on(desk: Desk):
    first, second, third = (desk.image(f"{n}.png") for n in "abc")
    draft, value, *_ = desk.choose(first)
    draft, value, *_ = desk.tab.skip(draft, value, {})
    assert draft.image.sha256 == second and desk.store.current_review(first, ASK).verdict is Verdict.SKIPPED
    draft, *_ = desk.tab.send_back(draft, value, {"note": "blurred"})
    assert draft.image.sha256 == third
    assert [stage_of(desk, s) for s in (first, second, third)] == [Stage.SKIPPED, Stage.SENT_BACK, Stage.NEW]
    draft, value, *_ = desk.choose(second)
    desk.tab.save(draft, value, {})
    assert stage_of(desk, second) is Stage.DONE


def test_next_and_previous_follow_the_filters_on_the_page(desk: Desk):
    a10, a9, b = (desk.image(n) for n in ("a10.png", "a9.png", "b.png"))
    draft, value, *_ = desk.choose(a9)
    by_name = {"wanted": {"order": "name", "name": "a"}}
    assert desk.tab.next(draft, value, by_name, ADA)[0].image.sha256 == a10
    assert desk.tab.previous(draft, value, by_name, ADA)[0].image.sha256 == a10
    assert desk.tab.next(draft, value, {}, ADA)[0].image.sha256 == b


def test_another_question_asks_no_model_until_the_model_is_asked(desk: Desk):
    draft, value = opened(desk)
    other, shown, _, said = desk.tab.change_question(bar(task="pointing"), draft, value)
    assert other.prediction == draft.prediction and shown["kind"] == "point" and len(desk.model.asked) == 1
    assert [m["point"] for m in shown["marks"]] == [[7, 7], [25, 10]]
    assert list(watch(desk.tab.ask_if_new(*desk.choose(draft.image.sha256)[:2]))) == [(gr.skip(), gr.skip())]
    steps = watch(desk.tab.ask_for(bar(*LABELS, "cyst", task="pointing"), other, shown))
    other, _, _, said = next(steps)
    assert "It has not been asked for cyst." in said and len(desk.model.asked) == 1
    *_, (_, shown, _, said) = steps
    assert desk.tab.asking.now(other).prediction.question == other.question and len(desk.model.asked) == 2
    assert "not been asked" not in said and len(shown["marks"]) == 2


def test_an_answer_comes_mark_by_mark_and_half_of_one_cannot_be_saved(desk: Desk):
    desk.model.go.clear()
    draft, value, *_ = desk.choose(desk.image("a.png"))
    steps = watch(desk.tab.ask(draft, value))
    while len((shown := next(steps)[0])["marks"]) < 1:
        assert shown["answering"]
    assert (shown["merge"], [m["id"] for m in shown["marks"]]) == (True, ["m1"])
    with pytest.raises(StillAnswering):
        desk.tab.save(draft, edited(shown), {})
    desk.model.go.set()
    *_, (whole, said) = steps
    assert [m["id"] for m in whole["marks"]] == ["m1", "m2"] and not whole["answering"] and "Answered by scripted" in said
    desk.tab.save(draft, edited(whole), {})
    assert desk.store.current_review(draft.image.sha256, ASK).prediction_id


def test_a_stopped_answer_leaves_what_had_come_and_is_no_prediction(desk: Desk):
    desk.model.go.clear()
    draft, value, *_ = desk.choose(desk.image("a.png"))
    steps = watch(desk.tab.ask(draft, value))
    while not next(steps)[0]["marks"]:
        pass
    desk.tab.asking.stop(draft)
    shown, said = next(steps)
    desk.model.go.set()
    assert not shown["answering"] and said.startswith("Stopped.") and list(steps) == []
    saved, *_ = desk.tab.save(draft, shown, {})
    assert (saved.prediction, len(saved.findings.marks)) == (None, 1)


def test_a_reader_who_goes_on_is_shown_nothing_more_of_the_answer(desk: Desk):
    desk.model.go.clear()
    draft, value, *_ = desk.choose(desk.image("a.png"))
    desk.image("b.png")
    steps = watch(desk.tab.ask(draft, value))
    next(steps)
    other, *_ = desk.tab.next(draft, value, {}, ADA)
    assert list(steps) == [] and other.image != draft.image
    desk.model.go.set()


def test_a_region_is_looked_at_closer_beside_what_the_reader_did(desk: Desk):
    draft, value = opened(desk)
    mine = edited(value, drawn(x=1))
    *_, (shown, said) = watch(desk.tab.closer(draft, {**mine, "region": [0, 0, 40, 30]}))
    assert [m["id"] for m in shown["marks"]][:3] == ["m1", "m2", "h1"] and shown["merge"] == "step"
    assert said.startswith("Looked closer: ") and shown["rev"] > value["rev"]
    assert desk.tab.asking.now(draft).rev == shown["rev"]
    with pytest.raises(gr.Error):
        list(watch(show_errors(desk.tab.closer)(draft, {**mine, "region": [0, 0, "x", 30]})))


def test_a_stopped_closer_look_adds_nothing_however_late_its_answer_comes(desk: Desk):
    draft, value = opened(desk)
    desk.model.go.clear()
    asked = len(desk.model.asked)
    steps = watch(desk.tab.closer(draft, {**value, "region": [0, 0, 40, 30]}))
    assert next(steps)[0]["answering"]
    while len(desk.model.asked) == asked:
        time.sleep(0.005)
    desk.tab.asking.stop(draft)
    shown, said = next(steps)
    desk.model.go.set()
    assert (shown["marks"], shown["answering"]) == (value["marks"], False) and said.startswith("Stopped looking closer")
    assert list(steps) == [] and not desk.tab.asking.answering(draft)
    saved, *_ = desk.tab.save(draft, edited(shown, drawn(x=1)), {})
    assert [m.id for m in saved.findings.marks] == ["m1", "m2", "h1"]


def test_a_stale_save_shows_both_and_each_way_out_can_be_saved(desk: Desk):
    ada, mine = opened(desk)
    ben, theirs = opened(desk, reader="ben")
    desk.tab.save(ben, edited(theirs, drawn(x=20)), {})
    stale = desk.tab.save(ada, edited(mine, drawn(x=5)), {})
    assert stale[6]["visible"] and "ben" in stale[4] and "Theirs, revision 1" in json.dumps(stale[7])
    for take, count in ((Take.MINE, 3), (Take.THEIRS, 3), (Take.MERGE, 4)):
        over, value, *rest = desk.tab.resolve(take, stale[0], edited(mine, drawn(x=5)), {})
        assert len(value["marks"]) == count and over.base_revision == 1 and not rest[-2]["visible"]
    saved, *_ = desk.tab.save(over, value, {})
    assert saved.base_revision == 2 and len(desk.store.current_review(ada.image.sha256, ASK).findings.marks) == 4


def test_blind_reads_show_nothing_of_the_model_before_the_first_save(tmp_path):
    desk = Desk(tmp_path, blind=True)
    sha = desk.image("a.png")
    desk.service.answer(desk.store.image(sha), ASK)
    screen = desk.choose(sha)
    draft = screen[0]
    assert list(watch(desk.tab.ask_if_new(draft, screen[1]))) == [(gr.skip(), gr.skip())]
    assert "0.31415" not in json.dumps(screen[1], default=str) and draft.findings == Findings()
    sent = []
    with pytest.raises(ReadFirst):
        sent.extend(watch(desk.tab.ask(draft, screen[1])))
    assert "0.31415" not in json.dumps(sent) and desk.tab.asking.now(draft).prediction is None
    assert [e.model for e in desk.listed("ada")] == [None] and stage_of(desk, sha) is Stage.NEW

    saved, *_ = desk.tab.save(draft, edited(screen[1], drawn(x=2)), {})
    shown, value, _ = desk.ask(saved, edited(screen[1], drawn(x=2)))
    assert {m["status"] for m in value["marks"] if m["origin"] == "model"} == {"rejected"}
    desk.tab.save(shown, value, {})
    assert [(r.blind, r.prediction_id is None) for r in desk.store.reviews(sha)] == [(True, True), (False, False)]


def test_what_another_reader_made_of_the_model_is_hidden_too(tmp_path):
    desk = Desk(tmp_path, blind=True)
    sha = desk.image("a.png")
    draft, value, *_ = desk.choose(sha)
    saved, *_ = desk.tab.save(draft, value, {})
    seen, shown, _ = desk.ask(saved, value)
    desk.tab.save(seen, shown, {})
    ben, empty, *_ = desk.choose(sha, "ben")
    assert ben.blind and empty["marks"] == [] and stage_of(desk, sha, "ben") is Stage.NEW
    desk.tab.save(ben, edited(empty, drawn()), {})
    kept = [(r.author, r.revision, r.blind) for r in desk.store.reviews(sha)]
    assert kept == [("ada", 1, True), ("ada", 2, False), ("ben", 3, True)]
    assert len(desk.choose(sha, "ben")[1]["marks"]) == 1


def test_blind_readers_do_not_stand_in_each_others_way_but_two_tabs_of_one_do(tmp_path):
    desk = Desk(tmp_path, blind=True)
    sha = desk.image("a.png")
    ada, tab, ben = (desk.choose(sha, name)[:2] for name in ("ada", "ada", "ben"))
    seen, shown, _ = desk.ask(desk.tab.save(*ada, {})[0], ada[1])
    assert desk.tab.save(ben[0], edited(ben[1], drawn()), {})[0].base_revision == 2
    assert desk.tab.save(seen, shown, {})[0].base_revision == 3
    stale = desk.tab.save(tab[0], edited(tab[1], drawn(x=9)), {})
    assert stale[6]["visible"] and desk.store.draft("ada", sha, ASK).findings.marks[-1].shape.x1 == 9
    over, value, *_ = desk.tab.resolve(Take.MINE, stale[0], edited(tab[1], drawn(x=9)), {})
    desk.tab.save(over, value, {})
    assert [(r.author, r.blind) for r in desk.store.reviews(sha)] == [
        ("ada", True),
        ("ben", True),
        ("ada", False),
        ("ada", False),
    ]


def test_work_that_began_before_reads_were_blind_does_not_show_the_model(tmp_path):
    seeing = Desk(tmp_path)
    draft, value = opened(seeing)
    seeing.tab.edit(draft, edited(value, drawn()))
    seeing.store.close()
    assert Desk(tmp_path, blind=True).choose(draft.image.sha256)[1]["marks"] == []


def test_prefetching_follows_the_list_and_skips_what_is_done(desk: Desk):
    shas = [desk.image(f"{i}.png") for i in range(8)]
    desk.service.skip(desk.service.open(shas[2], ASK, "ben"))
    draft, value, *_ = desk.choose(shas[0])
    list(watch(desk.tab.ask_if_new(draft, value)))
    desk.tab.prefetch(draft, {})
    assert desk.prefetcher.wait(20) and desk.prefetcher.now.error is None
    assert len(desk.model.asked) == 6 and {q for _, q in desk.model.asked} == {ASK}
    assert desk.choose(shas[1])[0].prediction.findings == FOUND and len(desk.model.asked) == 6
    desk.prefetcher.stop()


def bar(*labels: str, task: str = "count_and_box") -> dict:
    """What the page's bar says; without labels those of ASK."""
    return {"task": task, "labels": list(labels or LABELS)}


def under_the_bar(desk: Desk, name: str, draft, value: dict, bar: dict | None) -> tuple:
    """A handler called as the page calls it, with what its bar asks."""
    return under_bar(getattr(desk.tab, name))(bar, draft, value, {})


@pytest.mark.parametrize("name", ["save", "finish", "skip", "send_back"])
def test_nothing_is_stored_while_the_bar_asks_for_something_else_than_the_marks_answer(desk: Desk, name: str):
    draft, value = opened(desk)
    desk.image("b.png")
    with pytest.raises(BadQuestion, match="bar asks for polyp; the marks on the screen answer red blood cell, platelet"):
        under_the_bar(desk, name, draft, value, bar("polyp"))
    with pytest.raises(BadQuestion, match="another task"):
        under_the_bar(desk, name, draft, value, bar(task="pointing"))
    with pytest.raises(BadQuestion, match="1 to 16 labels"):
        under_the_bar(desk, name, draft, value, {"task": "pointing", "labels": []})
    for odd in (None, {"labels": "polyp"}):
        with pytest.raises(BadQuestion):
            under_the_bar(desk, name, draft, value, odd)
    assert desk.store.reviews() == [] == desk.store.events() and desk.store.draft_lines() == []
    under_the_bar(desk, name, draft, value, bar())
    assert desk.store.reviews() or desk.store.events()


def test_a_change_of_the_bar_is_about_the_image_on_the_screen_or_about_nothing(desk: Desk):
    draft, value = opened(desk)
    other, shown, shown_bar, said = desk.tab.change_question(bar("polyp"), draft, value)
    assert (other.question.labels, shown["labels"], "not been asked" in said) == (("polyp",), ["polyp"], True)
    assert "polyp" in shown_bar["others"]
    assert desk.tab.change_question(bar("polyp"), other, shown)[:2] == (gr.skip(),) * 2
    kept, same, told, _ = desk.tab.change_question(bar(), other, value)
    assert (kept, same, told["answered"]) == (
        gr.skip(),
        gr.skip(),
        ("count_and_box", LABELS),
    )  # the page still shows the question before
    with pytest.raises(BadQuestion, match="just changing"):
        desk.tab.save(other, value, {})


@pytest.mark.parametrize("labels", [[], [f"label {n}" for n in range(17)], ["<b>"], ["polyp", "polyp"]])
def test_a_question_that_cannot_be_asked_leaves_the_one_there_is_and_says_why(desk: Desk, labels: list[str]):
    draft, value = opened(desk)
    known = desk.store.labels()
    kept, shown, told, said = desk.tab.change_question({"task": "pointing", "labels": labels}, draft, value)
    assert (kept, shown) == (gr.skip(),) * 2 and "label" in said.lower()
    assert told["answered"] == ("pointing", labels) and desk.store.labels() == known


def test_a_model_that_is_still_loading_is_said_to_load_and_to_answer_only_then(desk: Desk):
    loaded = threading.Event()
    desk.tab.ready = loaded.is_set
    desk.model.go.clear()
    draft, value, *_ = desk.choose(desk.image("a.png"))
    steps = watch(desk.tab.ask(draft, value))
    first, again = next(steps), next(steps)
    assert first[0]["answering"] == "loading" and again[0] == gr.skip()
    assert [str(line) for _, line in (first, again)] == [LOADING.format(n=n) for n in (0, 1)]
    loaded.set()
    shown, line = next(steps)
    assert shown["answering"] is True and line == ANSWERING
    desk.model.go.set()
    assert list(steps)[-1][0]["answering"] is False


def test_a_first_visit_asks_for_everything_the_model_knows(desk: Desk):
    asked = ReviewTab(desk.service, desk.images, desk.prefetcher).questions.first
    assert asked == first_question(labels_of(str(EMBEDDED_MODEL))) == Question(Task.COUNT_AND_BOX, KNOWN_LABELS)
    assert first_question(frozenset({"polyp", "egg", "cyst", "nucleus"})).labels == ("nucleus", "polyp", "cyst", "egg")
    assert first_question(frozenset()).labels == KNOWN_LABELS[:3]  # a model that does not say what it was taught


def test_no_image_is_opened_under_the_question_of_another(desk: Desk):
    desk.image("a.png")
    example = next(e for e in desk.tab.examples if e.question.labels == ("polyp",))
    draft, value, *_ = desk.tab.choose({"chosen": {"example": example.path.name}}, None, ADA)
    assert draft.question == example.question
    mine, shown, *_ = desk.tab.change_question(bar("cyst", task="pointing"), draft, value)
    following, *_ = desk.tab.next(mine, shown, {}, ADA)
    assert following.question == ASK
    desk.tab.prefetch(mine, {})
    assert desk.prefetcher.wait(20) and desk.model.asked[-1][1] == ASK
    desk.prefetcher.stop()


def test_a_pinned_question_is_that_of_the_next_images_without_one_of_their_own(desk: Desk):
    first, second, third = (desk.image(f"{n}.png") for n in "abc")
    desk.service.save(desk.service.open(third, ASK, "ben"))
    mine, shown, *_ = desk.tab.change_question(bar("polyp"), *desk.choose(first)[:2])
    pinned, shown_bar = desk.tab.pin(mine)
    assert shown_bar["pinned"] == ["polyp"]
    following, value, *_ = desk.tab.next(pinned, shown, {}, ADA)
    assert (following.image.sha256, following.question) == (second, mine.question)
    changed, value, *_ = desk.tab.change_question(bar("cyst"), following, value)
    assert changed.pinned == changed.question  # the pin goes with the question it was set on
    reviewed, *_ = desk.tab.choose({"chosen": {"sha256": third}}, changed, ADA)
    assert reviewed.question == ASK and reviewed.pinned == changed.question
    freed, shown_bar = desk.tab.pin(reviewed)
    assert freed.pinned is None and shown_bar["pinned"] is None


def test_an_image_comes_back_under_the_question_of_the_unsaved_work_on_it(desk: Desk):
    draft, value = opened(desk)
    desk.tab.edit(draft, edited(value, drawn()))
    again, shown, *_ = desk.choose(draft.image.sha256)
    assert again.question == ASK and len(shown["marks"]) == 3
    chosen, *_ = desk.tab.change_question(bar("polyp"), again, shown)
    again, *_ = desk.choose(draft.image.sha256)
    assert again.question == chosen.question and stage_of(desk, draft.image.sha256) is Stage.IN_REVIEW
    assert desk.choose(draft.image.sha256, "ben")[0].question == ASK  # what the model answered last
    desk.tab.save(*desk.tab.change_question(bar("platelet"), *desk.choose(draft.image.sha256)[:2])[:2], {})
    assert desk.choose(draft.image.sha256)[0].question.labels == ("platelet",)  # saved after that other work was left


def test_a_none_under_a_question_nobody_chose_for_the_image_is_saved_only_when_it_is_meant(desk: Desk):
    first, second = desk.image("a.png"), desk.image("b.png")
    mine, shown, *_ = desk.tab.change_question(bar("polyp"), *desk.choose(first)[:2])
    pinned, _ = desk.tab.pin(mine)
    carried, empty, *_ = desk.tab.finish(pinned, shown, {})  # its own image: the reader chose the question for it
    assert desk.store.current_review(first, mine.question) and carried.image.sha256 == second
    asked, *rest = desk.tab.finish(carried, empty, {})
    assert desk.store.reviews(second) == [] and asked.image.sha256 == second and "you did not choose polyp" in rest[3]
    assert desk.tab.send_back(carried, empty, {}) and desk.tab.questions.of(second, "ada") == ASK
    desk.tab.finish(asked, empty, {})
    assert desk.store.current_review(second, mine.question)


def test_a_find_under_a_question_nobody_chose_for_the_image_is_saved_at_once(desk: Desk):
    first, second = desk.image("a.png"), desk.image("b.png")
    mine, shown, *_ = desk.tab.change_question(bar("platelet"), *desk.choose(first)[:2])
    carried, empty, *_ = desk.tab.finish(desk.tab.pin(mine)[0], shown, {})
    desk.tab.save(carried, edited(empty, drawn()), {})
    assert len(desk.store.reviews(second)) == 1


def test_a_none_says_of_what_and_is_neither_unreadable_nor_not_asked(desk: Desk):
    draft, _ = opened(desk)
    answer = draft.prediction
    none, unread = replace(draft, prediction=replace(answer, findings=Findings())), replace(answer, findings=None)
    assert status_line(none).startswith("No red blood cell or platelet found. Answered by ")
    assert " found." not in status_line(draft) + status_line(replace(draft, prediction=unread)) + status_line(
        replace(draft, prediction=None)
    )
    row = answer_row("a.png", (9, 9), ASK, Answer(FOUND, "", "scripted", None, "compact-1", 0.1))
    assert in_words({**row, "count": 0}).startswith("a.png: No red blood cell or platelet found (0.1 s; ")
    assert "2 found" in in_words(row) and "could not be read" in in_words({**row, "count": None, "readable": False})


def test_the_list_says_of_what_it_counts_none(desk: Desk):
    draft, value = opened(desk)
    none = {**value, "marks": [{**m, "status": "rejected"} for m in value["marks"]], "edits": 1}
    assert [detail(e).split(" · ")[0] for e in desk.listed("ada")] == ["2"]
    desk.tab.save(draft, none, {})
    assert [detail(e) for e in desk.listed("ada")] == ["0 (red blood cell, platelet) · model 2"]
