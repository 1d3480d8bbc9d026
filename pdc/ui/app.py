"""The whole interface: a header, the tabs, and what goes into the page's head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from pdc.ui import annotator, worklist

RESEARCH_LINE = "Research use only. Not cleared or approved. Do not use for diagnosis."


def build_ui(tabs: Mapping[str, Any]) -> gr.Blocks:
    """Blocks with a header and the tabs, by their titles; each has `build(demo)`, and may have `opens(its Tab, all Tabs)`."""
    with gr.Blocks(title="PDC: Point, Detect, Count", analytics_enabled=False, fill_width=True) as demo:
        gr.HTML(
            f"<header class='pdc-header'><strong>PDC</strong> <span>Point, Detect, Count</span><em>{RESEARCH_LINE}</em></header>",
            padding=False,
        )
        with gr.Tabs() as bar:
            for title, tab in tabs.items():
                with gr.Tab(title, id=title.lower()) as page:
                    tab.build(demo)
                if hasattr(tab, "opens"):
                    tab.opens(page, bar)
    return demo


def gradio_options() -> dict[str, Any]:
    """What mounting needs: theme and head. Scripts are inlined; nothing is fetched from elsewhere."""
    return {"head": annotator.head_html() + worklist.head_html(), "theme": gr.themes.Base(font=["system-ui", "sans-serif"])}
