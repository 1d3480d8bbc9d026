"""The top of the Training tab: one sentence, at most two buttons, and pictures of what changed."""

from __future__ import annotations

from typing import Any

import gradio as gr

from pdc.adapters.registry import Adapters
from pdc.domain.users.roles import Action, Role, may
from pdc.web.ui.training.pictures import changes_view
from pdc.web.ui.training.standing import Can, Standing
from pdc.web.ui.view import NodeView
from pdc.web.ui.words import LINE, word

BAR = "<progress max='1' value='${value}' aria-label='Training' style='width: 100%'></progress>"
NEEDED = {Can.TRAIN: Action.TRAIN, Can.STOP: Action.TRAIN, Can.USE: Action.PROMOTE, Can.KEEP: Action.PROMOTE, Can.WHY: None}


class Headline:
    """Its components. `outputs` are all that `show` returns values for, in order."""

    def __init__(self, adapters: Adapters) -> None:
        self.adapters = adapters

    def build(self) -> None:
        with gr.Column(elem_classes="pdc-headline"):
            self.sentence = gr.HTML("", html_template=LINE, elem_classes="pdc-standing")
            self.bar = gr.HTML(0, html_template=BAR, visible=False)
            with gr.Row(elem_classes="pdc-choices"):
                named = {Can.TRAIN: "Train", Can.STOP: "Stop", Can.USE: "Use it", Can.KEEP: "Keep the old one", Can.WHY: "Why"}
                main = (Can.TRAIN, Can.USE)
                self.buttons = {
                    can: gr.Button(word(text), variant="primary" if can in main else "secondary", visible=False, scale=0)
                    for can, text in named.items()
                }
            self.pictures = NodeView(elem_classes="pdc-changed")
        self.outputs = [self.sentence, self.bar, *self.buttons.values(), self.pictures]

    def show(self, now: Standing, role: Role) -> tuple[Any, ...]:
        """The sentence, and only the buttons that somebody of this role may press."""
        allowed = [can for can in now.can if (action := NEEDED[can]) is None or may(role, action)]
        buttons = (gr.update(visible=can in allowed) for can in self.buttons)
        pictures = changes_view(self.adapters.changes(now.about)) if now.about else None
        return now.sentence, gr.update(value=now.share or 0, visible=now.share is not None), *buttons, pictures
