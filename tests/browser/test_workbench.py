"""A worklist worked through by keyboard events alone, a blind read whose whole traffic is recorded, and two tabs on one image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image as Pillow
from workbench_page import Workbench, open_page, opened, press, says

from pdc.review.examples import KNOWN_LABELS
from pdc.review.listing.entries import Stage

pytestmark = pytest.mark.browser


def test_twelve_images_are_finished_by_keyboard_events_alone(browser, workbench):
    bench = workbench()
    shas = bench.add(12)
    page = open_page(browser, bench)
    press(page, "w", "Enter")
    for i in range(12):
        opened(page, f"smear-{i:02}.png")
        says(page, "Answered by")
        if i == 3:
            press(page, "Shift+Enter")
        elif i == 5:
            press(page, "Shift+Backspace")
            page.keyboard.type("blurred")
            press(page, "Enter")
        else:
            press(page, "n", "a", "Enter")
    opened(page, "smear-05.png")
    assert bench.stages() == [{3: Stage.SKIPPED, 5: Stage.SENT_BACK}.get(i, Stage.DONE) for i in range(12)]
    assert [e.note for e in bench.store.events()] == ["blurred"]
    kept = bench.store.reviews(shas[0])[-1].findings.marks
    assert [m.status for m in kept if m.status == "accepted"] and len(bench.store.predictions()) == 12

    press(page, "/")
    page.keyboard.type("smear-1")
    page.wait_for_function("document.querySelector('.pdc-progress').textContent.startsWith('2 of 2 done')")
    press(page, "Enter", "ArrowDown", "Enter")
    opened(page, "smear-11.png")
    says(page, "revision 1")
    assert not page.errors
    page.close()


def test_images_of_a_patient_and_of_a_folder_in_a_folder_are_one_group(browser, workbench, tmp_path: Path):
    bench, folder = workbench(), tmp_path / "day"
    for i, name in enumerate(("a.png", "ward 1/b.png", "ward 1/c.png", "ward 2/d.png", "e.png", "f.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("RGB", (40, 30), (40 * i, 90, 120)).save(folder / name)
    page = open_page(browser, bench)
    for loose in (folder / "e.png", folder / "f.png"):
        loose.rename(tmp_path / loose.name)
    page.set_input_files("input[data-role=folder]", str(folder))
    page.get_by_text("4 of 4 stored.").wait_for()
    page.get_by_label("Patient or sample (optional)").fill(" patient 7 ")
    page.set_input_files("input[data-role=file]", [str(tmp_path / "e.png"), str(tmp_path / "f.png")])
    page.get_by_text("2 of 2 stored.").wait_for()
    groups = {image.name: image.group for image in bench.store.images()}
    own = next(image.sha256 for image in bench.store.images() if image.name == "a.png")
    assert groups == {
        "a.png": own,
        "b.png": "ward 1",
        "c.png": "ward 1",
        "d.png": "ward 2",
        "e.png": "patient 7",
        "f.png": "patient 7",
    }
    assert page.get_by_label("Patient or sample (optional)").input_value() == ""  # the next are of another patient
    assert not page.errors
    page.close()


def test_no_byte_of_a_prediction_is_sent_before_the_blind_read_is_saved(browser, workbench):
    bench = workbench(blind=True)
    shas = bench.add(2)
    for sha in shas:
        bench.service.answer(bench.store.image(sha), bench_question())
    secret = next(p for p in bench.store.predictions() if p.image_sha256 == shas[0])
    scores = [m.score for m in secret.findings.marks]
    assert scores

    page = open_page(browser, bench)
    press(page, "w", "Enter")
    opened(page, "smear-00.png")
    says(page, "Blind read")
    assert not page.locator(".pdc-tour").is_visible() and page.locator("[data-tour]").count() == 0
    page.get_by_role("button", name="Show the model").click()
    page.get_by_text("save what you see first").wait_for()
    page.get_by_role("tab", name="History").click()
    page.get_by_role("tab", name="Reading study").click()
    page.get_by_text("There are no blind reads yet").wait_for()
    page.get_by_role("tab", name="Review").click()
    bench.prefetcher.wait(60)
    page.wait_for_timeout(500)
    sent = said_by(bench)
    assert traces_of(secret, sent) == []
    assert "Answered by pdc-tiny" not in sent and '"new",""' in rows(sent) and "predicted" not in rows(sent)

    press(page, "s")
    says(page, "Saved, revision 1")
    page.get_by_role("button", name="Show the model").click()
    says(page, "dashed and not counted")
    found = traces_of(secret, said_by(bench))
    assert all(f'"score":{score!r}' in found for score in scores), "the recorder must see what is shown"
    press(page, "n", "r", "s")
    says(page, "Saved, revision 2")
    assert [(r.blind, len(r.findings.marks) > 0) for r in bench.store.reviews(shas[0])] == [(True, False), (False, True)]
    assert not page.errors
    page.close()


def said_by(bench: Workbench) -> str:
    """Everything the app has sent, JSON within JSON unwrapped, without spaces after colons."""
    return bytes(bench.app.sent).decode("utf-8", "replace").replace('\\"', '"').replace('": ', '":')


def traces_of(prediction, sent: str) -> list[str]:
    """What of a prediction is in what was sent: its id, its words, its marks with their origin, scores and counts."""
    known = [prediction.id, prediction.raw, '"origin":"model"', '"model_stated":{"']
    return [trace for trace in (*known, *(f'"score":{m.score!r}' for m in prediction.findings.marks)) if trace in sent]


def rows(sent: str) -> str:
    return "".join(re.findall(r'\{"rows":\[.*?\]\]', sent))


def bench_question():
    from pdc.domain.values import Question, Task

    return Question(Task.COUNT_AND_BOX, KNOWN_LABELS)


def test_two_tabs_on_one_image_see_each_others_work_and_merge(browser, workbench):
    bench = workbench()
    (sha,) = bench.add(1)
    bench.service.answer(bench.store.image(sha), bench_question())
    first, second = (open_page(browser, bench) for _ in range(2))
    for page in (first, second):
        press(page, "w", "Enter")
        opened(page, "smear-00.png")
        says(page, "Answered by")
    found = first.locator(".pda-mark").count()
    press(first, "n", "r")
    says(first, "Draft saved", ".pdc-autosave p")
    press(first, "s")
    says(first, "Saved, revision 1")
    press(second, "n", "n", "a", "s")
    second.wait_for_selector(".pdc-conflict svg")
    assert "revision 1" in second.inner_text(".pdc-conflict") and second.locator(".pdc-three figure").count() == 3
    second.wait_for_function("document.activeElement.textContent.trim() === 'Take mine'")
    press(second, "Tab", "Tab", "Enter")
    says(second, "Now over revision 1")
    press(second, "s")
    says(second, "Saved, revision 2")
    merged = bench.store.reviews(sha)[-1].findings.marks
    assert [m.status for m in merged[:2]] == ["rejected", "accepted"] and len(merged) == found
    assert not first.errors + second.errors
    first.close()
    second.close()


def test_visitors_are_told_what_is_kept_and_are_offered_nothing_for_others(browser, workbench):
    page = open_page(browser, workbench(private=True))
    assert "Other visitors do not see them" in page.inner_text(".pdc-visitors")
    page.click(".pdc-more summary")
    assert page.is_visible("[data-name=label]") and not page.is_visible("text=Assign shown")
    page.close()
    page = open_page(browser, workbench())
    page.click(".pdc-more summary")
    assert page.is_visible("text=Assign shown") and not page.is_visible(".pdc-visitors")
    page.close()
