"""The data tab and retired images, in a browser: what is downloaded, what comes in, and what leaves the list and returns."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image as Pillow
from workbench_page import Workbench, open_page, press, says

from pdc.domain.values import Box, Findings, Mark, Point, Question, Task
from pdc.review.listing.entries import WorklistFilter

pytestmark = pytest.mark.browser

CELLS = Question(Task.COUNT_AND_BOX, ("red blood cell", "platelet"))


def reviewed(bench: Workbench) -> list[str]:
    """Three images; the first has boxes of one label and none of the other, and points."""
    shas = bench.add(3)
    found = Findings(tuple(Mark(f"m{i}", Box(10 * i, 5, 10 * i + 8, 15), "red blood cell") for i in range(1, 4)))
    save(bench, shas[0], CELLS, found)
    save(bench, shas[0], Question(Task.POINTING, ("platelet",)), Findings((Mark("p", Point(9, 9), "platelet"),)))
    return shas


def save(bench: Workbench, sha: str, question: Question, findings: Findings) -> None:
    from datetime import UTC, datetime

    from pdc.domain.values import Review, Verdict

    review = Review(f"{sha}{question.task}", sha, question, None, Verdict.CORRECTED, findings, "reader", 1, datetime.now(UTC))
    bench.store.save_review(review, key=review.id, base_revision=0)


def data_tab(page) -> None:
    page.get_by_role("tab", name=re.compile("Data|Daten")).click()
    page.wait_for_selector(".pdc-sheet td")


def test_an_export_is_prepared_as_a_job_and_downloaded_from_the_list(browser, workbench, tmp_path: Path):
    bench = workbench()
    reviewed(bench)
    page = open_page(browser, bench)
    data_tab(page)
    page.click(".pdc-data button:text-is('Prepare as a job')")
    page.wait_for_selector(".pdc-jobs li[data-state=done]")
    with page.expect_download() as waiting:
        page.click(".pdc-jobs a:text-is('Download')")
    waiting.value.save_as(tmp_path / "coco.zip")
    with ZipFile(tmp_path / "coco.zip") as archive:
        assert archive.testzip() is None and "coco.json" in archive.namelist()
    assert not page.errors
    page.close()


def test_an_export_says_what_it_leaves_out_and_comes_as_a_zip(browser, workbench, tmp_path: Path):
    bench = workbench()
    reviewed(bench)
    page = open_page(browser, bench)
    data_tab(page)
    page.select_option(".pdc-data select[aria-label=Format]", "yolo")
    with page.expect_download() as waiting:
        page.click(".pdc-data button:text-is('Export')")
    told = says(page, "Reviews: 1. Images: 1. Marks: 3. “None”: 1.", ".pdc-told")
    assert "1 × object (platelet in smear-00.png): this format has no place for a point; only PDC reads it back" in told
    waiting.value.save_as(tmp_path / "yolo.zip")
    with ZipFile(tmp_path / "yolo.zip") as archive:
        assert archive.testzip() is None and "labels/smear-00.txt" in archive.namelist()
    assert not page.errors
    page.close()


def test_the_table_of_counts_is_there_and_one_click_saves_it(browser, workbench):
    bench = workbench()
    reviewed(bench)
    page = open_page(browser, bench)
    data_tab(page)
    head, row = (
        page.locator(f".pdc-sheet {part}").all_inner_texts() for part in ("th", "tbody tr:last-child td")
    )  # the newest is the first
    assert dict(zip(head, row, strict=True)) | {"When (UTC)": ""} == {
        "Image": "smear-00.png",
        "Task": "Count and box",
        "platelet": "0",
        "red blood cell": "3",
        "none": "platelet",
        "Reviewed by": "reader",
        "When (UTC)": "",
        "Revision": "1",
    }
    with page.expect_download() as waiting:
        page.click("text=Counts as CSV")
    lines = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text("utf-8-sig"), newline="")))
    assert [(line["red blood cell"], line["platelet"]) for line in lines] == [("3", "0"), ("", "1")]
    page.close()


def test_an_import_shows_what_would_come_in_before_it_does(browser, workbench, tmp_path: Path):
    bench = workbench()
    bench.add(1)
    picture = io.BytesIO()
    Pillow.new("RGB", (64, 48), "teal").save(picture, "PNG")
    with ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("a.csv", "file,label,x1,y1,x2,y2\nin.png,polyp,1,1,9,9\ngone.png,polyp,1,1,9,9\n")
        archive.writestr("in.png", picture.getvalue())
    page = open_page(browser, bench)
    page.get_by_role("tab", name="Data").click()
    page.set_input_files("input[data-role=import]", tmp_path / "set.zip")
    says(page, "What would come in: reviews 1, images 1.", ".pdc-import [role=status]")
    assert "gone.png" in page.inner_text(".pdc-import .pdc-told") and len(bench.store.images()) == 1
    page.click(".pdc-import button:text-is('Import')")
    says(page, "Imported: reviews 1, images 1.", ".pdc-import [role=status]")
    says(page, "in.png", ".pdc-sheet tbody")
    assert sorted(i.name for i in bench.store.images()) == ["in.png", "smear-00.png"]
    assert not page.errors
    page.close()


def test_an_image_is_retired_with_a_reason_undone_and_brought_back_by_the_keyboard(browser, workbench):
    bench = workbench()
    bench.add(3)
    page = open_page(browser, bench)
    page.wait_for_selector("#pdc-row-" + bench.store.images()[1].sha256)
    press(page, "w", "ArrowDown", "Delete")
    assert "smear-01.png" in page.inner_text(".pdc-retire:not([hidden]) p") and len(bench.store.images()) == 3  # asked first
    page.keyboard.type("wrong patient")
    press(page, "Enter")
    says(page, "0 of 2 done", ".pdc-progress")
    assert [e.note for e in bench.store.retired().values()] == ["wrong patient"]
    page.click("[data-retire=undo]")
    says(page, "0 of 3 done", ".pdc-progress")
    press(page, "w", "Delete", "Escape")
    assert page.is_hidden(".pdc-retire") and bench.store.retired() == {}
    row = f"#pdc-row-{bench.store.images()[2].sha256}"
    page.hover(row)
    page.click(f"{row} .pdc-away")
    page.click("[data-retire=yes]")
    says(page, "0 of 2 done", ".pdc-progress")
    page.select_option("[data-name=stage]", "retired")
    page.wait_for_function("document.querySelectorAll('.pdc-own .pdc-item').length === 1")
    assert "smear-02.png" in page.inner_text(".pdc-own") and "retired" in page.inner_text(".pdc-own")
    page.focus(".pdc-own")
    press(page, "Delete")
    page.wait_for_function("!document.querySelector('.pdc-own .pdc-item')")
    assert [e.image.name for e in bench.images.walk("reader", WorklistFilter())] == [f"smear-0{i}.png" for i in range(3)]
    assert not page.errors
    page.close()


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en-GB"), ("dark", "de-DE")])
def test_the_tab_is_accessible_and_in_the_readers_language(browser, workbench, scheme: str, locale: str):
    from axe_playwright_python.sync_playwright import Axe

    bench = workbench()
    reviewed(bench)
    page = open_page(browser, bench, color_scheme=scheme, locale=locale)
    data_tab(page)
    found = Axe().run(page, context=".pdc-data").response["violations"]
    assert [(v["id"], [n["html"][:90] for n in v["nodes"]]) for v in found] == []
    assert ("Zahlen als CSV" if locale.startswith("de") else "Counts as CSV") in page.inner_text(".pdc-data")
    page.close()
