"""The whole interface: a header, the tabs, and what goes into the page's head."""

from __future__ import annotations

from typing import Any

import gradio as gr

from pdc.review import ReviewService
from pdc.ui import annotator, worklist
from pdc.ui.review_tab import ReviewTab

RESEARCH_LINE = "Research use only. Not cleared or approved. Do not use for diagnosis."


def build_ui(service: ReviewService, trainer: Any = None) -> gr.Blocks:
    """Blocks with the review tab, and the training tab where there is a trainer."""
    with gr.Blocks(title="PDC: Point, Detect, Count", analytics_enabled=False, fill_width=True) as demo:
        gr.HTML(
            f"<header class='pdc-header'><strong>PDC</strong> <span>Point, Detect, Count</span><em>{RESEARCH_LINE}</em></header>",
            padding=False,
        )
        with gr.Tabs():
            with gr.Tab("Review", id="review"):
                ReviewTab(service).build(demo)
            if trainer is not None:
                from pdc.ui.training_tab import TrainingTab

                with gr.Tab("Training", id="training"):
                    TrainingTab(trainer).build(demo)
    return demo


def gradio_options() -> dict[str, Any]:
    """What mounting needs: theme and head. Scripts are inlined; nothing is fetched from elsewhere."""
    return {"head": annotator.head_html() + worklist.head_html(), "theme": gr.themes.Base(font=["system-ui", "sans-serif"])}
