"""The page of agreement: tables, plots, and what each user may take along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from desk import Desk, who
from fastapi.testclient import TestClient
from several_readers import ASK, careless, found, read_by

from pdc.review.agreement.reports import Reports
from pdc.review.reading.reads import Reads
from pdc.web.app import build_server
from pdc.web.auth import Access
from pdc.web.ui.agreement.file import html_file
from pdc.web.ui.agreement.page import EMPTY, report_page
from pdc.web.ui.agreement.tab import AgreementTab

TRUTH = found(*((30 * i, ASK.labels[i % 2]) for i in range(12)))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def read_images(desk: Desk, n: int = 6) -> None:
    for i in range(n):
        sha = desk.image(f"{i}.png")
        read_by(desk.store, sha, {name: careless(TRUTH, 7 * i + k) for k, name in enumerate(("ada", "bob", "eve"))})
        Reads(desk.store).adjudicate(sha, ASK, TRUTH, "boss")


def texts(node: Any) -> str:
    return "\n".join(map(texts, node[2:])) if isinstance(node, list) else str(node)


def count(node: Any, tag: str, cls: str = "") -> int:
    if not isinstance(node, list):
        return 0
    return (node[0] == tag and cls in node[1].get("class", "")) + sum(count(child, tag, cls) for child in node[2:])


def test_the_page_has_a_line_for_each_pair_and_label_and_a_plot_for_each_pair(desk: Desk):
    read_images(desk)
    readers, labels, page = AgreementTab(Reports(Reads(desk.store), lambda user: True)).show(who("boss"))
    assert [name for name, _ in readers["choices"]] == ["all readers", "ada – bob", "ada – eve", "bob – eve", "ada – bob – eve"]
    assert [name for name, _ in labels["choices"]] == ["all labels", "=platelet", "cell"]
    assert count(page, "tr") == 1 + 4 * 3 and count(page, "svg", "pdc-plot") == 3
    assert count(page, "path", "pdc-line") == 9 and count(page, "rect", "pdc-band") == 9


def test_readers_and_a_label_can_be_chosen(desk: Desk):
    read_images(desk)
    tab = AgreementTab(Reports(Reads(desk.store), lambda user: True))
    page = tab.choose(json.dumps(("ada", "eve")), "cell", who("boss"))
    assert count(page, "tr") == 3 and count(page, "svg", "pdc-plot") == 1
    assert "ada minus eve · cell" in texts(page) and "bob" not in texts(page)


def test_without_reads_the_page_says_what_to_do(desk: Desk):
    assert EMPTY in texts(AgreementTab(Reports(Reads(desk.store))).show(who("ada"))[2])


def test_the_csv_holds_what_the_user_may_see(desk: Desk, tmp_path: Path):
    read_images(desk)
    with gr.Blocks() as blocks:
        gr.Markdown("hello")
    reports = Reports(Reads(desk.store))
    app = build_server(
        desk.service, Access(desk.store, tmp_path, login=False), blocks, prefetcher=desk.prefetcher, reports=reports
    )
    client = TestClient(app, base_url="https://testserver")
    answer = client.get("/api/agreement.csv")
    assert answer.status_code == 200 and "no-store" in answer.headers["cache-control"]
    assert len(answer.text.splitlines()) == 1  # the user of a page without a login is none of the readers
    reports.sees_all = lambda user: True
    assert len(client.get("/api/agreement.csv").text.splitlines()) > 40


def test_the_file_holds_the_page_and_no_markup_of_anybodys(desk: Desk):
    sha = desk.image("a.png")
    read_by(desk.store, sha, {"<script>": TRUTH, "bob": TRUTH})
    text = html_file(report_page(Reports(Reads(desk.store)).of(None), None), "Agreement")
    assert text.startswith("<!doctype html>") and '<svg class="pdc-plot"' in text and "<script>" not in text
    assert "&lt;script&gt; – bob" in text
