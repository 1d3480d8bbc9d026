"""The whole interface: a header, the tabs, and what goes into the page's head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import gradio as gr

from pdc.domain.errors import PdcError
from pdc.domain.users.roles import Action, Allowed, anybody
from pdc.web.ui.screen import error_shown, user_of
from pdc.web.ui.scripts import head_html, import_expression, on_load
from pdc.web.ui.words import i18n, language_of, template_sentence, word

RESEARCH_LINE = "Research use only. Not cleared or approved. Do not use for diagnosis."
HEADER = f"""<header class="pdc-header"><h1>PDC</h1> <span>{template_sentence("Point, Detect, Count")}</span>
<em>{template_sentence(RESEARCH_LINE)}</em></header>"""
WATCH_CHARTS = f"() => {{ {import_expression()}.then((main) => main.watchCharts()); }}"
BY_THEMSELVES = {"load", "tick"}  # events that nobody causes by hand


class Interface(gr.Blocks):
    """The page. `reserved` are handlers and the action that a user must be `allowed` for each of them to run."""

    reserved: dict[int, Action]
    allowed: Allowed

    def add_tab(self, title: str, tab: Any, bar: gr.Tabs, action: Action | None) -> None:
        """A tab for everybody, or for whoever is allowed the action."""
        before = set(self.fns)
        with gr.Tab(
            word(title), id=title.lower(), elem_id=f"pdc-tab-{title.lower().replace(' ', '-')}", visible=not action
        ) as page:
            tab.build(self)
        page.select(None, js=WATCH_CHARTS, queue=False)
        if hasattr(tab, "opens"):
            tab.opens(page, bar)
        if action:
            self.reserved |= dict.fromkeys(set(self.fns) - before, action)
            self.load(self.showing(action), None, page, show_progress="hidden")

    def showing(self, action: Action) -> Callable[[gr.Request], Any]:
        """A handler that shows a reserved tab to those who have it, and hides it from others."""

        def show_tab(request: gr.Request) -> Any:
            return gr.update(visible=self.refusal(action, request) is None)

        return show_tab

    def refusal(self, action: Action | None, request: Any) -> PdcError | None:
        """Why whoever made the request may not run what takes the action."""
        try:
            if action:
                self.allowed(user_of(request), action)
        except PdcError as refused:
            return refused
        return None

    async def process_api(self, block_fn: Any, *args: Any, **named: Any) -> dict[str, Any]:
        """Runs a handler; for those who do not have its tab nothing changes by itself, and a press of a button is refused."""
        fn, request = (self.fns[block_fn] if isinstance(block_fn, int) else block_fn), named.get("request")
        for asked in request if isinstance(request, Sequence) else [request]:
            if refused := self.refusal(self.reserved.get(fn._id), asked):
                if {event for _, event in fn.targets} <= BY_THEMSELVES:
                    return _unchanged(fn)
                raise error_shown(refused.message, language=language_of(asked))
        return await super().process_api(fn, *args, **named)


def build_ui(
    tabs: Mapping[str, Any], allowed: Allowed = anybody, reserved: Mapping[str, Action] = MappingProxyType({})
) -> gr.Blocks:
    """Blocks with a header and the tabs, by their titles; each has `build(demo)`, and may have `opens(its Tab, all Tabs)`. A
    `reserved` tab is there for users who are allowed its action."""
    with Interface(title="PDC: Point, Detect, Count", analytics_enabled=False, fill_width=True) as demo:
        demo.allowed, demo.reserved = allowed, {}
        gr.HTML(html_template=HEADER, js_on_load=on_load("mountSession"), apply_default_css=False, padding=False)
        with gr.Tabs() as bar:
            for title, tab in tabs.items():
                demo.add_tab(title, tab, bar, reserved.get(title))
    for handler in demo.fns.values():
        handler.api_visibility = "private"  # scripts have /api/v1
    return demo


def gradio_options() -> dict[str, Any]:
    """What mounting needs: theme and head. Nothing is fetched from elsewhere."""
    return {"head": head_html(), "theme": gr.themes.Base(font=["system-ui", "sans-serif"]), "i18n": i18n()}


def _unchanged(fn: Any) -> dict[str, Any]:
    """What a handler returns that leaves the page as it is."""
    skipped = [{"__type__": "update"} for _ in fn.outputs]
    return {"data": skipped, "is_generating": False, "iterator": None, "duration": 0.0, "average_duration": 0.0} | {
        "render_config": None,
        "changed_state_ids": [],
        "used_cache": None,
    }
