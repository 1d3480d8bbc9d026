"""The review tab: pick an image, ask, correct, save. Handlers are plain methods; a test can call each without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import gradio as gr

from pdc.domain import Question, Task
from pdc.errors import PdcError
from pdc.review import Draft, ReviewService
from pdc.starters import KNOWN_LABELS, Example, examples
from pdc.tasks import HUMAN_NAMES, task_from
from pdc.ui.annotator import Annotator, findings_from, to_value
from pdc.ui.worklist import Worklist, image_url, worklist_value

TASKS = [(HUMAN_NAMES[task], task.value) for task in HUMAN_NAMES]
WELCOME = "Open an example, or upload an image of your own."


def speaks(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A PdcError becomes a message the reader sees; their work stays as it is."""

    @wraps(handler)
    def spoken(*args: Any) -> Any:
        try:
            return handler(*args)
        except PdcError as error:
            raise gr.Error(str(error), duration=12, print_exception=False, title="That did not work") from error

    return spoken


class ReviewTab:
    """Builds the tab and holds its handlers; knows the service, and nothing of models, SQL or files."""

    def __init__(self, service: ReviewService) -> None:
        self.service = service
        self.examples: tuple[Example, ...] = tuple(examples())

    def build(self, demo: gr.Blocks) -> None:
        """Add the components to the surrounding Blocks and wire them."""
        draft = gr.State(None)
        with gr.Row(equal_height=False, elem_classes="pdc-review"):
            with gr.Column(scale=0, min_width=210, elem_classes="pdc-left"):
                worklist = Worklist()
            with gr.Column(scale=6, min_width=600):
                with gr.Row(elem_classes="pdc-question"):
                    task = gr.Dropdown(TASKS, value=Task.COUNT_AND_BOX.value, label="Task", scale=1, min_width=170)
                    labels = gr.Dropdown(
                        self.service.store.labels(), value=list(KNOWN_LABELS[:3]), label="Look for", multiselect=True,
                        allow_custom_value=True, scale=8, min_width=220,
                    )
                    ask = gr.Button("Ask the model", variant="primary", scale=0, min_width=130)
                    save = gr.Button("Save", scale=0, min_width=80)
                    following = gr.Button("Next image", scale=0, min_width=100)
                status = gr.HTML("", elem_classes="pdc-status", html_template="<p role='status'>${value}</p>")
                editor = Annotator()
        question, screen = [task, labels], [draft, editor, worklist, task, labels, status]
        work = [draft, editor]
        demo.load(speaks(self.start), None, [worklist, status])
        worklist.choose(speaks(self.choose), [worklist, *question], screen).then(
            speaks(self.ask_if_new), work, [*work, status], show_progress="minimal"
        )
        gr.on([task.input, labels.input], speaks(self.ask_anew), [*question, *work], [*work, status], show_progress="hidden")
        ask.click(speaks(self.ask), [*question, *work], [*work, status], show_progress="minimal")
        editor.edit(speaks(self.edit), work, None, queue=False, show_progress="hidden", trigger_mode="always_last")
        for event in (save.click, editor.save):
            event(speaks(self.save), work, [draft, worklist, status], show_progress="hidden")
        for event, handler in ((following.click, self.next), (editor.next, self.next), (editor.previous, self.previous)):
            event(speaks(handler), work, screen).then(
                speaks(self.ask_if_new), work, [*work, status], show_progress="minimal"
            )

    # Handlers ---------------------------------------------------------------------------------------------------

    def start(self) -> tuple[Any, str]:
        return self._worklist(None), WELCOME

    def choose(self, worklist: Mapping[str, Any], task: str, labels: list[str], request: gr.Request) -> tuple[Any, ...]:
        """Open what was clicked: an example under its own question, an image under the one it was last reviewed with."""
        chosen = worklist.get("chosen") or {}
        if name := chosen.get("example"):
            example = next(e for e in self.examples if e.path.name == name)
            image, _ = self.service.add_image(example.path.read_bytes(), example.path.name)
            return self._open(image.sha256, example.question, request)
        sha256 = str(chosen.get("sha256"))
        return self._open(sha256, self.service.reviewed_with(sha256) or _question(task, labels), request)

    def ask_if_new(self, draft: Draft | None, value: Any) -> tuple[Draft | None, Any, str]:
        """Ask the model about an image nobody has worked on under this question."""
        if draft is None or draft.prediction or draft.base_revision or draft.findings.marks:
            return draft, gr.skip(), self._say(draft)
        return self._predicted(draft, value)

    def ask(self, task: str, labels: list[str], draft: Draft | None, value: Any, request: gr.Request) -> tuple[Any, ...]:
        """Ask again, or ask something else about the same image."""
        if draft is None:
            raise gr.Error(WELCOME, print_exception=False, title="No image is open")
        question = _question(task, labels)
        if question != draft.question:
            draft = self.service.open(draft.image.sha256, question, draft.author)
        return self._predicted(draft, value)

    def ask_anew(self, task: str, labels: list[str], draft: Draft | None, value: Any) -> tuple[Any, ...]:
        """Another task or label: show what is known about that question, without asking the model."""
        if draft is None or not labels or _question(task, labels) == draft.question:
            return gr.skip(), gr.skip(), gr.skip()
        opened = self.service.open(draft.image.sha256, _question(task, labels), draft.author)
        return opened, _value(opened), self._say(opened)

    def edit(self, draft: Draft | None, value: Any) -> None:
        """Keep every edit on disk as the reader's draft."""
        if draft is not None and value and value.get("case") == case_of(draft):
            self.service.edit(draft, _findings(draft, value))

    def save(self, draft: Draft | None, value: Any) -> tuple[Draft, Any, str]:
        if draft is None or not value or value.get("case") != case_of(draft):
            raise gr.Error(WELCOME, print_exception=False, title="Nothing to save")
        edited = self.service.edit(draft, _findings(draft, value))
        saved, _ = self.service.save(edited)
        return saved, self._worklist(saved.image.sha256), self._say(saved)

    def next(self, draft: Draft | None, value: Any, request: gr.Request) -> tuple[Any, ...]:
        """The next image without a review, under the same question."""
        return self._go(self.service.next_image(draft.image.sha256 if draft else None).sha256, draft, request)

    def previous(self, draft: Draft | None, value: Any, request: gr.Request) -> tuple[Any, ...]:
        """The image before this one, reviewed or not."""
        return self._go(self.service.previous_image(draft.image.sha256 if draft else None).sha256, draft, request)

    # Words and values --------------------------------------------------------------------------------------------

    def _go(self, sha256: str, draft: Draft | None, request: gr.Request | None) -> tuple[Any, ...]:
        question = draft.question if draft else Question(Task.COUNT_AND_BOX, KNOWN_LABELS[:3])
        return self._open(sha256, self.service.reviewed_with(sha256) or question, request)

    def _open(self, sha256: str, question: Question, request: gr.Request | None) -> tuple[Any, ...]:
        draft = self.service.open(sha256, question, _user(request))
        known = sorted({*self.service.store.labels(), *question.labels})
        labels = gr.update(choices=known, value=list(question.labels))
        return draft, _value(draft), self._worklist(sha256), question.task.value, labels, self._say(draft)

    def _predicted(self, draft: Draft, value: Any) -> tuple[Draft, Any, str]:
        for label in draft.question.labels:
            self.service.store.add_label(label)
        answered = self.service.predict(draft)
        edits = int(value.get("edits", 0)) if isinstance(value, Mapping) and value.get("case") == case_of(draft) else 0
        return answered, _value(answered, edits), self._say(answered)

    def _worklist(self, current: str | None) -> dict[str, Any]:
        newest = {r.image_sha256: r for r in self.service.store.reviews()}
        return worklist_value(self.service.store.images(), newest, self.examples, current)

    def _say(self, draft: Draft | None) -> str:
        """One line: what was saved, who answered, and how long it took."""
        if draft is None:
            return WELCOME
        parts = [draft.note] if draft.note else []
        if answer := draft.prediction:
            if answer.findings is not None and not answer.findings.count(draft.question.task):
                parts.append("No finding reported by the model.")
            adapter = f"adapter {answer.adapter}" if answer.adapter else "no adapter"
            parts.append(f"Answered by {answer.model}, {adapter}, in {answer.seconds:.1f} s; scores are uncalibrated.")
        elif not draft.base_revision:
            parts.append("The model has not been asked yet.")
        return " ".join(parts)


def case_of(draft: Draft) -> str:
    """Identifies the document on the editor's screen: an image and a question."""
    return json.dumps([draft.image.sha256, draft.question.task, *draft.question.labels])


def _value(draft: Draft, edits: int = 0) -> dict[str, Any]:
    predicted = draft.prediction.findings if draft.prediction else None
    return to_value(
        case_of(draft), draft.question, draft.findings, draft.image, image_url(draft.image.sha256), rev=draft.rev,
        edits=edits, model_stated=predicted.stated if predicted else None,
    )


def _findings(draft: Draft, value: Any):
    return findings_from(value, wh=(draft.image.width, draft.image.height), labels=draft.question.labels)


def _question(task: str, labels: list[str]) -> Question:
    return Question(task_from(task), tuple(label.strip() for label in labels))


def _user(request: gr.Request | None) -> str:
    return getattr(request, "username", None) or "reader"
