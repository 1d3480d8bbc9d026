"""Of the chosen adapter: reviews that chance does not explain, their images, and the buttons that decide about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from pdc.adapters.registry import Adapters
from pdc.adapters.suspicions import Suspicion, images_of
from pdc.domain.errors import BadSetting
from pdc.domain.message import Message
from pdc.domain.users.roles import Action, Role, demand
from pdc.domain.values import Image
from pdc.review.drafts import Draft
from pdc.web.ui.review_tab import ReviewTab
from pdc.web.ui.screen import show_errors, user_of
from pdc.web.ui.view import Node, NodeView, el
from pdc.web.ui.words import word

HEADING = "Look at these reviews before {name} serves"
WHY = word("why the reviews are right; kept with the decision")
LEAVE_OUT = word("Leave out the reviews of")


class SuspicionPanel:
    """Built inside the Training tab. `readers` are those whose reviews can be left out; `review` opens an image."""

    def __init__(self, adapters: Adapters, readers: Callable[[], Sequence[str]] = tuple, review: ReviewTab | None = None) -> None:
        self.adapters, self.readers, self.review = adapters, readers, review
        self.role: Callable[[str], Role] = lambda user: Role.ADMIN  # the Training tab says who may decide

    def build_choice(self, demo: gr.Blocks) -> gr.Dropdown:
        """Whose reviews the next training leaves out."""
        left_out = gr.Dropdown([], multiselect=True, label=LEAVE_OUT)
        demo.load(self.could_be_left_out, None, left_out, show_progress="hidden")
        return left_out

    def build(self, chosen: gr.Dropdown) -> None:
        """The sentences, and what can be done; hidden where nothing is suspected of the `chosen` adapter."""
        with gr.Column(visible=False) as self.group:
            self.view = NodeView(elem_classes="pdc-suspicions")
            with gr.Row():
                self.reader = gr.Dropdown([], label=word("Reader"), scale=2)
                self.image = gr.Dropdown([], label=word("Image to look at"), scale=3)
                self.open_button = gr.Button(word("Open the image"), scale=1)
            with gr.Row():
                self.reason = gr.Textbox(label=word("Reason"), placeholder=WHY, scale=5)
                self.right_button = gr.Button(word("The reviews are right"), scale=1)
        shown = [self.group, self.view, self.reader, self.image]
        hidden: dict[str, Any] = {"show_progress": "hidden"}
        chosen.change(show_errors(self.show), [chosen], shown, **hidden)
        self.reader.input(show_errors(self.choose), [chosen, self.reader], [self.image], **hidden)
        self.right_button.click(show_errors(self.confirm), [chosen, self.reader, self.reason], [*shown, self.reason], **hidden)

    def opens(self, bar: gr.Tabs) -> None:
        """Wire what opens an image, once the review tab has its components."""
        if self.review is not None:
            asked, shown = [self.image, self.review.draft], [*self.review.screen, bar]
            self.open_button.click(show_errors(self.open), asked, shown, show_progress="hidden")

    # Handlers ---------------------------------------------------------------------------------------------------

    def could_be_left_out(self) -> Any:
        return gr.update(choices=list(self.readers()))

    def show(self, name: str | None) -> tuple[Any, Node | None, Any, Any]:
        """Everything that is suspected behind this adapter, the first reader chosen."""
        found = self.adapters.suspicions(name) if name else []
        readers = list(dict.fromkeys(s.reader for s in found))
        first = readers[0] if readers else None
        told = self._told(name, found) if name and found else None
        return gr.update(visible=bool(found)), told, gr.update(choices=readers, value=first), self._images(found, first)

    def choose(self, name: str | None, reader: str | None) -> Any:
        """The images of another reader."""
        return self._images(self.adapters.suspicions(name) if name else [], reader)

    def confirm(
        self, name: str | None, reader: str | None, reason: str, request: gr.Request | None = None
    ) -> tuple[Any, Node | None, Any, Any, str]:
        """Keep that somebody looked, and that the reviews are right."""
        if not name or not reader:
            raise BadSetting("Choose the adapter and the reader whose reviews you looked at.")
        demand(self.role(user_of(request)), Action.PROMOTE)
        self.adapters.confirm(name, reader, by=user_of(request), reason=reason)
        return *self.show(name), ""

    def open(self, sha256: str | None, draft: Draft | None, request: gr.Request) -> tuple[Any, ...]:
        """The chosen image, on the review tab."""
        if not sha256 or self.review is None:
            raise BadSetting("Choose the image to look at.")
        return *self.review.go_to(sha256, draft, user_of(request)), gr.update(selected="review")

    # Words and values -------------------------------------------------------------------------------------------

    def _told(self, name: str, found: Sequence[Suspicion]) -> Node:
        return el("div", el("h3", Message(HEADING, name=name)), *(el("p", s.sentence()) for s in found))

    def _images(self, found: Sequence[Suspicion], reader: str | None) -> Any:
        images = images_of(found, reader) if reader else []
        return gr.update(choices=[(self._name(sha), sha) for sha in images], value=images[0] if images else None)

    def _name(self, sha256: str) -> str:
        """The image's own name, and enough of its sha256 to leave it out of a training."""
        image: Image | None = self.review.service.store.image(sha256) if self.review else None
        return f"{image.name} · {sha256[:8]}" if image else sha256[:12]
