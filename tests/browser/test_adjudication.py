"""A consensus from the list to the store: three readers' marks on the page, decided by keys and saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from several_readers import ASK, found, read_by

from pdc.review.agreement.reports import Reports
from pdc.web.app import build_server
from pdc.web.auth import Access
from pdc.web.ui.agreement.tab import AgreementTab
from pdc.web.ui.app import build_ui, gradio_options

pytestmark = pytest.mark.browser
READS = {
    "ada": found((0, "cell"), (60, "cell"), (120, "cell"), (200, "=platelet")),
    "bob": found((1, "cell"), (61, "=platelet"), (121, "cell")),
    "eve": found((2, "cell"), (62, "cell")),
    "kim": found((1, "cell"), (60, "=platelet")),
}


def test_everybodys_marks_become_one_consensus_and_the_agreement_is_shown(
    tmp_path: Path, browser: Any, serve: Callable[[object], str]
) -> None:
    desk = Desk(tmp_path)
    sha = desk.image("smear.png", (300, 40))
    read_by(desk.store, sha, READS)
    reports = Reports(desk.service.reads, lambda user: True)
    blocks = build_ui({"Review": desk.tab, "Agreement": AgreementTab(reports)})
    access = Access(desk.store, tmp_path, login=False)
    options = {"prefetcher": desk.prefetcher, "reports": reports, "gradio_options": gradio_options()}
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(serve(build_server(desk.service, access, blocks, **options)))
    page.get_by_text("smear.png").first.click()
    page.locator(".pda-reader-chip").first.wait_for()
    assert page.locator(".pda-reader-chip").all_inner_texts() == ["ada\n4", "bob\n3", "eve\n2", "kim\n2"]
    assert "to decide: 2" in page.locator(".pda-standing").inner_text()

    page.keyboard.press("Shift+E")
    page.keyboard.press("s")
    page.get_by_text("tied about 2 objects").first.wait_for()
    assert desk.store.current_review(sha, ASK) is None

    for key in ("f", "2", "f", "r", "s"):  # the second object is a platelet, the third is none
        page.keyboard.press(key)
    page.get_by_text("Saved, revision 1").first.wait_for()
    saved = desk.store.current_review(sha, ASK)
    assert saved is not None and len(saved.rests_on) == 4
    assert saved.findings.counts(ASK.task) == {"cell": 1, "=platelet": 1}

    page.get_by_role("tab", name="Agreement").click()
    page.locator(".pdc-agreement table").first.wait_for()
    assert page.locator(".pdc-plot").count() == 6
    page.close()
    desk.prefetcher.stop()
    desk.store.close()
