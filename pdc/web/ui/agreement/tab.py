"""The tab that shows how far readers agree: choose readers and a label, and take the numbers along."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from pdc.review.agreement.report import Report
from pdc.review.agreement.reports import Reports
from pdc.review.counting.measures.twice import ReadTwice
from pdc.web.ui.agreement.page import ALL_LABELS, ALL_READERS, named, report_page
from pdc.web.ui.agreement.twice import twice_page
from pdc.web.ui.screen import show_errors, user_of
from pdc.web.ui.view import Node, NodeView, el
from pdc.web.ui.words import word

CSV = "api/agreement.csv"
EVERYBODY = ""


class AgreementTab:
    """Builds the tab and holds its handlers."""

    def __init__(self, reports: Reports, twice: ReadTwice | None = None) -> None:
        self.reports, self.twice = reports, twice

    def build(self, demo: gr.Blocks) -> None:
        with gr.Row(elem_classes="pdc-question"):
            self.readers = gr.Dropdown([], label=word("Readers"), scale=2, min_width=240)
            self.label = gr.Dropdown([], label=word("Label"), scale=1, min_width=200)
            gr.Button(word("Download as CSV"), link=CSV, scale=0, min_width=230)
        self.view = NodeView()

    def opens(self, tab: gr.Tab, bar: gr.Tabs) -> None:
        chosen = [self.readers, self.label]
        tab.select(show_errors(self.show), None, [*chosen, self.view], show_progress="hidden")
        gr.on([c.input for c in chosen], show_errors(self.choose), chosen, self.view, show_progress="hidden")

    # Handlers ---------------------------------------------------------------------------------------------------

    def show(self, request: gr.Request) -> tuple[Any, Any, Node]:
        """What this reader may see, of everybody and every label."""
        report = self.reports.of(user_of(request))
        readers = [(ALL_READERS, EVERYBODY), *((named(c.readers), json.dumps(c.readers)) for c in report.comparisons)]
        labels = [(ALL_LABELS, EVERYBODY), *((label, label) for label in report.labels)]
        chosen = [gr.update(choices=choices, value=EVERYBODY) for choices in (readers, labels)]
        return chosen[0], chosen[1], self._page(report, None, user_of(request))

    def choose(self, readers: str | None, label: str | None, request: gr.Request) -> Node:
        """The same of two readers, or of one label."""
        wanted = json.loads(readers) if readers else None
        return self._page(self.reports.of(user_of(request)).about(wanted), label or None, user_of(request))

    # ------------------------------------------------------------------------------------------------------------

    def _page(self, report: Report, label: str | None, user: str) -> Node:
        """The report, and below it what was counted twice, of whomever."""
        below = twice_page(self.twice.replicates(user), self.twice.again(user)) if self.twice else None
        above = [report_page(report, label)] if report.comparisons or not below else []
        return el("div", *above, *([below] if below else []), cls="pdc-agreement")
