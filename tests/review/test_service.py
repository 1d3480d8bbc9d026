"""The review service on the embedded model: open, predict, correct, save, come back."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from desk import ASK, Desk, a_mark

from pdc.domain.errors import StaleSave
from pdc.domain.values import Box, Findings, Mark, Origin, Question, Status, Task, Verdict
from pdc.images.intake import ImageFiles
from pdc.review.drafts import Draft, verdict_of
from pdc.review.service import ReviewService
from pdc.store.store import Store

MARKED = Findings((a_mark("h1", 1),))
QUESTION = Question(Task.COUNT_AND_BOX, ("red blood cell", "platelet"))


@pytest.fixture
def service(tmp_path: Path, embedded) -> ReviewService:
    store = Store.open(f"sqlite:///{tmp_path / 'pdc.sqlite3'}")
    return ReviewService(store, ImageFiles(tmp_path / "images"), embedded)


def uploaded(service: ReviewService, smears, i: int = 0) -> str:
    buffer = io.BytesIO()
    smears[i][0].save(buffer, "PNG")
    image, _ = service.add_image(buffer.getvalue(), f"smear-{i}.png")
    return image.sha256


def drawn(draft) -> Findings:
    extra = Mark("h1", Box(1, 1, 20, 20), "platelet", Origin.HUMAN, Status.ACCEPTED)
    return replace(draft.findings, marks=(*draft.findings.marks, extra))


def test_predict_correct_save_restart_and_it_is_still_there(service: ReviewService, smears, tmp_path: Path, embedded):
    draft = service.predict(service.open(uploaded(service, smears), QUESTION, "ada"))
    assert draft.prediction.findings.marks and draft.prediction.adapter is None and draft.prediction.raw.startswith("[{")
    saved, review = service.save(service.edit(draft, drawn(draft)))
    assert (review.verdict, review.revision, saved.base_revision) == (Verdict.CORRECTED, 1, 1)

    service.store.close()
    again = ReviewService(Store.open(f"sqlite:///{tmp_path / 'pdc.sqlite3'}"), ImageFiles(tmp_path / "images"), embedded)
    back = again.open(draft.image.sha256, QUESTION, "ben")
    assert back.findings == saved.findings and back.prediction == draft.prediction


def test_asking_again_never_touches_the_review(service: ReviewService, smears):
    draft = service.predict(service.open(uploaded(service, smears), QUESTION, "ada"))
    saved, review = service.save(service.edit(draft, drawn(draft)))
    service.predict(saved)
    assert service.store.current_review(draft.image.sha256, QUESTION) == review


def test_unsaved_work_comes_back_to_its_author_only(service: ReviewService, smears):
    draft = service.predict(service.open(uploaded(service, smears), QUESTION, "ada"))
    service.edit(draft, drawn(draft))
    assert service.open(draft.image.sha256, QUESTION, "ada").findings == drawn(draft)
    other = service.open(draft.image.sha256, QUESTION, "ben")
    assert other.findings == draft.findings and other.prediction == draft.prediction


def test_an_autosave_that_comes_after_its_save_leaves_no_draft(service: ReviewService, smears):
    draft = service.predict(service.open(uploaded(service, smears), QUESTION, "ada"))
    service.save(service.edit(draft, drawn(draft)))
    service.edit(draft, drawn(draft))
    assert service.store.draft("ada", draft.image.sha256, QUESTION) is None
    assert service.open(draft.image.sha256, QUESTION, "ada").base_revision == 1


def test_the_second_of_two_readers_is_refused_and_keeps_their_draft(service: ReviewService, smears):
    sha256 = uploaded(service, smears)
    ada, ben = (service.predict(service.open(sha256, QUESTION, name)) for name in ("ada", "ben"))
    service.save(ada)
    mine = service.edit(ben, drawn(ben))
    with pytest.raises(StaleSave, match="ada"):
        service.save(mine)
    assert service.open(sha256, QUESTION, "ben").findings == drawn(ben)


def test_the_same_save_sent_twice_is_one_revision(service: ReviewService, smears):
    draft = service.open(uploaded(service, smears), QUESTION, "ada")
    assert service.save(draft)[1] == service.save(draft)[1]
    assert len(service.store.reviews()) == 1


def test_the_verdict_says_what_the_reader_did(service: ReviewService, smears):
    draft = service.predict(service.open(uploaded(service, smears), QUESTION, "ada"))
    assert verdict_of(draft) is Verdict.ACCEPTED
    none = tuple(replace(m, status=Status.REJECTED) for m in draft.findings.marks)
    assert verdict_of(replace(draft, findings=Findings(none))) is Verdict.REJECTED
    assert verdict_of(replace(draft, findings=drawn(draft))) is Verdict.CORRECTED


def resent(folder: Path, *, blind: bool = False) -> tuple[Desk, Draft]:
    """A server that was killed after it had stored a save and before it said so: a new one, and the image opened again."""
    killed = Desk(folder, blind=blind)
    draft = killed.service.open(killed.image("a.png"), ASK, "ada")
    killed.service.save(killed.service.edit(draft, MARKED))
    killed.store.close()
    desk = Desk(folder, blind=blind)
    return desk, desk.service.open(draft.image.sha256, ASK, "ada")


@pytest.mark.parametrize("blind", [False, True])
def test_a_save_that_is_sent_again_after_a_kill_is_one_revision(tmp_path: Path, blind: bool):
    desk, again = resent(tmp_path, blind=blind)
    saved, review = desk.service.save(desk.service.edit(again, MARKED))
    assert [r.revision for r in desk.store.reviews()] == [1] and review == desk.store.reviews()[0]
    assert saved.note.startswith("Saved, revision 1") and desk.store.draft_lines() == []
    assert desk.service.save(replace(saved, findings=Findings()))[1].revision == 2


def test_a_draft_that_outlived_a_kill_is_saved_once_and_gone(tmp_path: Path):
    killed = Desk(tmp_path)
    draft = killed.service.edit(killed.service.open(killed.image("a.png"), ASK, "ada"), MARKED)
    killed.store.close()
    desk = Desk(tmp_path)
    for _ in range(2):
        back = desk.service.open(draft.image.sha256, ASK, "ada")
        assert back.findings == MARKED
        assert desk.service.save(back)[1].revision == 1
    assert desk.store.draft_lines() == []


def test_saying_the_same_is_a_new_revision_where_it_was_asked_for_or_another_says_it(tmp_path: Path):
    desk, again = resent(tmp_path)
    desk.images.send_back(again.image.sha256, "ben", "sure?")
    assert desk.service.save(again)[1].revision == 2
    assert desk.service.save(desk.service.open(again.image.sha256, ASK, "ben"))[1].revision == 3
    assert desk.service.skip(desk.service.open(again.image.sha256, ASK, "ben"))[1].revision == 4
