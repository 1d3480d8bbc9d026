"""The data tab: export, the table of counts, and import. Its script asks our own routes; nothing passes through Gradio."""

from __future__ import annotations

import gradio as gr

from pdc.web.ui.scripts import on_load


class DataTab:
    """Has no handlers: what it shows is fetched when it is opened."""

    def build(self, demo: gr.Blocks) -> None:
        """Add the page to the surrounding Blocks."""
        template = '<div class="pdc-data"></div>'
        gr.HTML(html_template=template, js_on_load=on_load("mountData"), apply_default_css=False, padding=False)
