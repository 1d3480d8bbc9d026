"""A review that is signed is locked; it is re-opened with a reason, and the page says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import ASK, Desk, a_mark, who

from pdc.domain.errors import BadSetting, NotFound, Signed
from pdc.domain.values import Findings
from pdc.review.drafts import Draft
from pdc.review.reading.signing import Signing, words_of

pytestmark = pytest.mark.both_databases("nightly")

ONE = Findings((a_mark("h1", 3),))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def saved(desk: Desk, sha: str, reader: str = "ada", findings: Findings = ONE) -> Draft:
    draft = desk.service.open(sha, ASK, reader)
    return desk.service.save(desk.service.edit(draft, findings))[0]


def test_only_what_its_reader_saved_is_signed(desk: Desk):
    signing, sha = Signing(desk.service), desk.image("a.png")
    fresh = desk.service.open(sha, ASK, "ada")
    with pytest.raises(BadSetting, match="Save this image first"):
        signing.sign(fresh)
    mine = saved(desk, sha)
    for other in (desk.service.open(sha, ASK, "bert"), desk.service.edit(mine, Findings())):
        with pytest.raises(BadSetting, match="Save this image first"):
            signing.sign(other)
    assert signing.sign(mine).meaning == "read and signed"
    with pytest.raises(Signed, match="ada signed this revision already"):
        signing.sign(mine)


def test_a_signed_review_is_kept_as_it_is_until_it_is_reopened_with_a_reason(desk: Desk):
    signing, sha = Signing(desk.service), desk.image("a.png")
    mine = saved(desk, sha)
    signing.sign(mine)
    changed = desk.service.edit(desk.service.open(sha, ASK, "bert"), Findings())
    with pytest.raises(Signed, match=r"ada signed revision 1 on .* Re-open it with a reason"):
        desk.service.save(changed)
    assert desk.service.open(sha, ASK, "bert").findings == Findings()  # the draft is kept
    with pytest.raises(BadSetting, match="Say why"):
        signing.reopen(changed, "  ")
    signing.reopen(changed, "a cell was missed")
    assert desk.service.save(changed)[1].revision == 2 and signing.signature(changed) is None
    said = [str(words_of(s)) for s in signing.trail(changed)]
    assert said[0].startswith("Revision 1 signed by ada") and said[0].endswith("read and signed")
    assert said[1].startswith("Revision 1 re-opened by bert") and said[1].endswith("a cell was missed")
    with pytest.raises(NotFound, match="not signed"):
        signing.reopen(changed, "again")


def test_the_page_saves_and_signs_in_one_step_and_the_list_says_who_signed(desk: Desk):
    sha = desk.image("a.png")
    opened = desk.choose(sha)
    draft, _, worklist, _, said, *_ = desk.tab.sign(opened[0], opened[1], {})
    assert said.startswith("Revision 1 signed by ada") and worklist["signed"]["by"] == "ada"
    assert [e.signed for e in desk.listed("bert")] == ["ada"]
    worklist, said = desk.tab.reopen({"reason": "too early"}, draft)
    assert worklist["signed"] is None and "too early" in said


def test_the_page_gives_the_images_of_the_list_to_readers_and_takes_one_back(desk: Desk):
    shas = [desk.image(f"{i}.png") for i in range(4)]
    draft = desk.choose(shas[0])[0]
    asked = {"do": "give", "readers": "anna, bert, carl", "each": "2", "images": shas, "shows_model": False}
    _, said = desk.tab.give(draft, {"readers": asked}, who("ada"))
    assert said == "Reads given: 8, images: 4, for red blood cell, platelet as count_and_box."
    tasks = desk.store.read_tasks()
    assert {t.given.shows_model for t in tasks} == {False} and {t.given.by for t in tasks} == {"ada"}
    _, said = desk.tab.give(draft, {"readers": {"do": "again", "images": shas, "days": "30"}}, who("ada"))
    assert said.startswith("Reads given once more: 0")
    asked = {"do": "withdraw", "readers": "anna", "images": shas}
    with pytest.raises(BadSetting, match="Say why anna"):
        desk.tab.give(draft, {"readers": asked}, who("ada"))
    desk.tab.give(draft, {"readers": {**asked, "why": "on leave"}}, who("ada"))
    assert "anna" not in {t.given.reader for t in desk.store.read_tasks()}
    _, said = desk.tab.give(
        draft, {"readers": {"do": "give", "readers": "dora, emil", "some": "1", "images": shas[:3]}}, who("ada")
    )
    assert said.startswith("Reads given: 2, images: 1")
