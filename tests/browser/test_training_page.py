"""The Training tab as a clinician meets it: one sentence, its buttons, pictures; and the line that leads there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from adapter_files import labelled
from store_values import a_review
from workbench_page import Workbench, open_page

from pdc.adapters.registry import Adapters
from pdc.domain.values import Question, Task
from pdc.settings import EMBEDDED_MODEL
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run
from pdc.web.app import Offer

pytestmark = pytest.mark.browser
LABEL = "red blood cell"
IMAGES = {"n": 20, "better": 12, "worse": 2, "missed": {LABEL: 40}, "found": {LABEL: 31}, "lost": {}}


def review(bench: Workbench, n: int) -> list[str]:
    shas = bench.add(n)
    for sha in shas:
        saved = a_review(f"r{sha[:8]}", image_sha256=sha, question=Question(Task.COUNT_AND_BOX, (LABEL,)))
        bench.store.save_review(saved, key=sha, base_revision=0)
    return shas


def trained(home: Path, bench: Workbench, sha256: str) -> None:
    """A better adapter that waits for a decision, with a picture of what changed."""
    run = Run.create((home / "runs").resolve(), TrainConfig.for_model(str(EMBEDDED_MODEL)), "fold-1")
    run.data.mkdir()
    sides = {"train": {"rows": 12}, "held_out": {"rows": 3}}
    (run.data / "manifest.json").write_text(json.dumps({"created_at": datetime.now(UTC).isoformat(), **sides}))
    labelled(run.adapter, LABEL, name=run.name)
    scores = {name: {"score": of, "score_name": "F1", "n": 20, "labels": {}} for name, of in (("candidate", 0.7), ("base", 0.5))}
    change = {"value": 0.2, "low": 0.19, "high": 0.21}
    changes = {"base": change, "active": change}
    run.write_metrics({**scores, "active": scores["base"], "n": 20, "changes": changes, "images": {"active": IMAGES}})
    before = {"found": [], "missed": [[LABEL, 10, 10, 40, 40]], "wrong": []}
    after = {"found": before["missed"], "missed": [], "wrong": []}
    run.write_changes([{"image": sha256, "size": [160, 120], "faults": [1, 0], "before": before, "after": after}])
    run.mark_complete()
    Adapters(bench.store, str(EMBEDDED_MODEL), home).register(run)


def test_one_sentence_two_buttons_and_pictures_and_all_else_is_closed(browser, workbench, tmp_path):
    bench = workbench(training=True)
    shas = review(bench, 3)
    page = open_page(browser, bench)
    page.get_by_role("tab", name="Training").click()
    page.get_by_text("3 reviews; 12 more make a first training worth while").wait_for()
    assert not page.get_by_role("button", name="Train", exact=True).is_visible()
    assert page.locator(".pdc-adapters table").is_hidden() and page.get_by_text("Log", exact=True).is_hidden()
    trained(tmp_path, bench, shas[0])
    page.get_by_text("better on 12 of 20 held-out images, worse on 2").wait_for()  # the page sees it by itself
    page.get_by_text("Better: 1 to 0 to correct").wait_for()
    assert page.locator(".pdc-headline .pdc-two svg").count() == 2
    page.get_by_role("button", name="Keep the old one").click()
    page.get_by_text("The old one stays in use.").wait_for()
    assert not page.get_by_role("button", name="Use it").is_visible()
    page.get_by_text("Details", exact=True).click()
    page.locator(".pdc-adapters table").get_by_text("fold-1").wait_for()
    assert not page.errors
    page.close()


def test_a_closed_offer_comes_again_after_as_many_reviews_more(browser, workbench):
    new = [20]
    bench = workbench(training=True, offer=Offer(20, lambda user: new[0]))
    review(bench, 1)
    page = open_page(browser, bench)
    page.get_by_text("20 reviews not learnt yet").wait_for()
    page.locator(".pdc-offer button").first.click()
    page.locator(".pdc-standing p").wait_for()
    page.get_by_role("tab", name="Review").click()
    page.get_by_role("button", name="Not now").click()
    for n, shown in ((39, False), (40, True)):
        new[0] = n
        page.reload()
        page.wait_for_function("document.querySelector('.pdc-progress')?.textContent.includes('done')")
        assert page.locator(".pdc-offer").is_visible() is shown
    assert not page.errors
    page.close()
