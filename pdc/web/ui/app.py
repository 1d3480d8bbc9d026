"""The whole interface: a header, the tabs, and what goes into the page's head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from pdc.web.ui.scripts import head_html, import_expression, on_load
from pdc.web.ui.words import i18n, template_sentence, word

RESEARCH_LINE = "Research use only. Not cleared or approved. Do not use for diagnosis."
HEADER = f"""<header class="pdc-header"><h1>PDC</h1> <span>{template_sentence("Point, Detect, Count")}</span>
<em>{template_sentence(RESEARCH_LINE)}</em></header>"""


def build_ui(tabs: Mapping[str, Any]) -> gr.Blocks:
    """Blocks with a header and the tabs, by their titles; each has `build(demo)`, and may have `opens(its Tab, all Tabs)`."""
    watch_charts = f"() => {{ {import_expression()}.then((main) => main.watchCharts()); }}"
    with gr.Blocks(title="PDC: Point, Detect, Count", analytics_enabled=False, fill_width=True) as demo:
        gr.HTML(html_template=HEADER, js_on_load=on_load("mountSession"), apply_default_css=False, padding=False)
        with gr.Tabs() as bar:
            for title, tab in tabs.items():
                with gr.Tab(word(title), id=title.lower(), elem_id=f"pdc-tab-{title.lower().replace(' ', '-')}") as page:
                    tab.build(demo)
                page.select(None, js=watch_charts, queue=False)
                if hasattr(tab, "opens"):
                    tab.opens(page, bar)
    return demo


def gradio_options() -> dict[str, Any]:
    """What mounting needs: theme and head. Nothing is fetched from elsewhere."""
    return {"head": head_html(), "theme": gr.themes.Base(font=["system-ui", "sans-serif"]), "i18n": i18n()}
