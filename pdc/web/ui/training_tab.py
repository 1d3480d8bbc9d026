"""The training tab: fold reviews into an adapter, watch it learn, decide what serves. Handlers are plain methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from pdc.adapters.assessable import not_assessable
from pdc.adapters.registry import Adapters, is_there
from pdc.adapters.saved_work import saved_work
from pdc.adapters.test_sets import SET_HEADERS, set_rows
from pdc.domain.errors import BadSetting
from pdc.domain.message import Message, joined
from pdc.domain.roles import Action, Role, demand
from pdc.domain.values import Adapter, RunStatus
from pdc.inference.adapter_folder import has_vision, labels_served, lora_layers
from pdc.inference.adapter_ref import AdapterRef
from pdc.review.edit_counts import TOGETHER, EditCount
from pdc.training.config import TrainConfig
from pdc.training.process import Trainer, TrainingProgress
from pdc.web.ui.screen import show_errors, user_of
from pdc.web.ui.training.suspicions import SuspicionPanel
from pdc.web.ui.view import Node, NodeView, el, table
from pdc.web.ui.words import LINE, in_language, language_of, sentence_expression, word

if TYPE_CHECKING:
    import pandas

SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_BETWEEN_PLOTS = 30.0
NO_CHANGES = "Pictures of what changed on held-out images appear here for adapters that were measured when they were made."
CHANGES = f"${{value || '<p>' + {sentence_expression(NO_CHANGES)} + '</p>'}}"
EDITS, SCORES = ["image", "edits", "answered by"], ["made as", "score", "model", "adapter"]
HEADERS = [
    Message("Adapter"),
    Message("Status"),
    Message("Answers about"),
    Message("Held-out score"),
    Message("Base"),
    Message("Served then"),
    Message("Change, points"),
    Message("Edits an image"),
    Message("Not assessable"),
    Message("Images"),
    Message("Goes on from"),
    Message("Made"),
    Message("LoRA layers"),
]
START_FROM = [(word("what serves for the reviewed labels"), "active"), (word("the base model alone"), "none")]
LOG_LINES = 200
BAR = "<progress max='1' value='${value}' aria-label='Training' style='width: 100%'></progress>"
BASE_ALONE = Message("the base alone")
DONE_ALL = "{n} planned steps are done"
DONE_SOME = "{n} of {all} planned steps are done; train longer to go on from there"
LEFT = "minutes of training left: about {n}"
SERVES_NOW = "serves: {labels}"
SERVES_SOME = "serves: {labels}; learnt {all}"
SERVES = "{name} serves from the next question on."
VISION = "Needed for kinds of image the model never saw. Such an adapter serves in this app only."
UNUSABLE = "They do not answer, as they were trained on other weights: {names}. `python -m finetune retrain` trains them anew."
IDLE = Message("Nothing is training. Training learns from accepted and corrected reviews; some images are held out to measure.")


class TrainingTab:
    """Builds the tab and holds its handlers; knows a trainer and the registry, and nothing of models, SQL or files."""

    def __init__(
        self,
        trainer: Trainer,
        adapters: Adapters,
        defaults: TrainConfig,
        efforts: Callable[[], Sequence[EditCount]] = tuple,
        suspicions: SuspicionPanel | None = None,
        role: Callable[[str], Role] = lambda user: Role.ADMIN,
    ) -> None:
        self.role = role
        self.suspicions = suspicions or SuspicionPanel(adapters)
        self.suspicions.role = role
        self.trainer, self.adapters, self.defaults, self.efforts = trainer, adapters, defaults, efforts

    def build(self, demo: gr.Blocks) -> None:
        """Add the components to the surrounding Blocks and wire them."""
        with gr.Row():
            with gr.Column(scale=1, min_width=260):
                self._build_form(demo)
            with gr.Column(scale=2, min_width=420):
                self.loss = _plot(
                    self.curve(None), "step", "loss", "Loss on the answers", x_title="step", y_title="loss", height=220
                )
                self.lines = gr.Textbox(label=word("Log"), interactive=False, lines=8, max_lines=8, autoscroll=True)
        self._build_registry()
        with gr.Row():
            self._build_plots()
        self._wire(demo)

    def _build_form(self, demo: gr.Blocks) -> None:
        minutes = self.defaults.max_seconds / 60
        self.minutes = gr.Number(minutes, label=word("Longest training time, minutes"), minimum=0.1)
        self.source = gr.Dropdown(START_FROM, value="active", label=word("Go on from"))
        self.vision = gr.Checkbox(self.defaults.vision, label=word("Train the vision blocks too"), info=word(VISION))
        self.left_out = self.suspicions.build_choice(demo)
        with gr.Row():
            self.start_button = gr.Button(word("Start training"), variant="primary", min_width=120)
            self.stop_button = gr.Button(word("Stop"), min_width=80)
        self.longer_button = gr.Button(word("Train longer"), interactive=False)
        self.status = gr.HTML("", html_template=LINE, elem_classes="pdc-training")
        self.bar = gr.HTML(0, html_template=BAR)

    def _build_registry(self) -> None:
        self.table = NodeView(elem_classes="pdc-adapters")
        with gr.Row():
            self.chosen = gr.Dropdown([], label=word("Adapter"), scale=2)
            why = word("why it should serve; kept with the decision")
            self.reason = gr.Textbox(label=word("Reason"), placeholder=why, scale=3)
            self.force = gr.Checkbox(False, label=word("Whatever speaks against it"), scale=1)
            self.promote_button = gr.Button(word("Let it serve"), scale=1)
        with gr.Row():
            self.served = gr.Dropdown([], label=word("Adapter that serves"), scale=2)
            self.back_button = gr.Button(word("Roll back"), scale=1)
        self.suspicions.build(self.chosen)
        self.sets = NodeView(elem_classes="pdc-adapters")
        self.pictures = gr.HTML("", html_template=CHANGES)

    def _build_plots(self) -> None:
        title = "Held-out score of each adapter, and of what served then"
        axes: dict[str, Any] = {
            "x_title": "in order of making",
            "y_title": "score",
            "color": "model",
            "y_lim": [0, 1],
            "tooltip": "all",
        }
        scores = _plot(self.scores(), "made as", "score", title, **axes)
        title = f"Edits per image, mean of the last {TOGETHER} reviewed"
        axes = {"x_title": "reviewed image", "y_title": "edits", "color": "answered by", "y_lim": [0, None]}
        self.plotted = [scores, _plot(self.edits(), "image", "edits", title, **axes)]

    def _wire(self, demo: gr.Blocks) -> None:
        seen = gr.State(None)
        hidden: dict[str, Any] = {"show_progress": "hidden"}
        registry = [self.table, self.chosen, self.served, self.source]
        everything = [seen, self.status, self.bar, self.longer_button, self.loss, self.lines, *registry]
        demo.load(show_errors(self.look), None, everything, **hidden)
        gr.Timer(SECONDS_BETWEEN_LOOKS).tick(show_errors(self.look_again), [seen], everything, **hidden)
        demo.load(self.plots, None, self.plotted, **hidden)
        gr.Timer(SECONDS_BETWEEN_PLOTS).tick(self.plots, None, self.plotted, **hidden)
        self.chosen.change(show_errors(self.changed), [self.chosen], [self.pictures], **hidden)
        self.chosen.change(show_errors(self.on_sets), [self.chosen], [self.sets], **hidden)
        asked, decided = [self.minutes, self.source, self.vision, self.left_out], [self.status, *registry]
        self.start_button.click(show_errors(self.start), asked, everything, **hidden)
        self.longer_button.click(show_errors(self.train_longer), [self.minutes], everything, **hidden)
        self.stop_button.click(show_errors(self.stop), None, [self.status], **hidden)
        self.promote_button.click(show_errors(self.promote), [self.chosen, self.reason, self.force], decided, **hidden)
        self.back_button.click(show_errors(self.rollback), [self.served, self.reason], decided, **hidden)

    def opens(self, tab: gr.Tab, bar: gr.Tabs) -> None:
        """Wire what leads to the review tab."""
        self.suspicions.opens(bar)

    # Handlers ---------------------------------------------------------------------------------------------------

    def start(
        self, minutes: float, source: str, vision: bool, left_out: Sequence[str] | None = None, request: gr.Request | None = None
    ) -> tuple[Any, ...]:
        demand(self.role(user_of(request)), Action.TRAIN)
        parent, without = None if source == "none" else source, {"without_readers": left_out} if left_out else {}
        self.trainer.start(max_seconds=_seconds(minutes), parent=parent, vision=bool(vision), **without)
        return self.look()

    def train_longer(self, minutes: float, request: gr.Request | None = None) -> tuple[Any, ...]:
        """Go on from the adapter of the newest run, whose time ended before its plan did."""
        demand(self.role(user_of(request)), Action.TRAIN)
        name = self.trainer.latest()
        if name is None or not self.trainer.progress(name).unfinished:
            raise BadSetting("The newest training did all its planned steps; start another one.")
        vision = has_vision(self.adapters.get(name).path)
        self.trainer.start(max_seconds=_seconds(minutes), parent=name, vision=vision)
        return self.look()

    def stop(self, request: gr.Request | None = None) -> Message:
        demand(self.role(user_of(request)), Action.TRAIN)
        name = self.trainer.running()
        if name is None:
            raise BadSetting("Nothing is training, so there is nothing to stop.")
        self.trainer.stop(name)
        return Message("{name} was asked to stop; it ends at its next step.", name=name)

    def promote(self, name: str | None, reason: str, force: bool, request: gr.Request | None = None) -> tuple[Any, ...]:
        if not name:
            raise BadSetting("Choose the adapter that should serve.")
        demand(self.role(user_of(request)), Action.FORCE if force else Action.PROMOTE)
        why = reason.strip() or ("" if force else "no reason given")
        self.adapters.promote(name, by=user_of(request), reason=why, force=bool(force))
        told = [Message(SERVES, name=name), *self.adapters.takeovers(name), *self.adapters.notes(name)]
        return joined(told, " "), *self.registry()

    def rollback(self, name: str | None, reason: str, request: gr.Request | None = None) -> tuple[Any, ...]:
        demand(self.role(user_of(request)), Action.PROMOTE)
        undone = self.adapters.promotion(name)
        self.adapters.rollback(name, by=user_of(request), reason=reason.strip() or "rolled back")
        return self.adapters.handed_back(undone), *self.registry()

    def look(self) -> tuple[Any, ...]:
        """Everything the tab shows, read anew."""
        name = self.trainer.latest()
        rows = self.trainer.log(name) if name else []
        progress = self.trainer.progress(name) if name else None
        longer = gr.update(interactive=progress is not None and progress.unfinished)
        watched = (standing(progress), progress.share if progress else 0, longer, self.curve(rows), log_text(rows))
        return (self.mark(), *watched, *self.registry())

    def look_again(self, seen: Any) -> tuple[Any, ...]:
        """Nothing, unless something has happened since."""
        return self.look() if self.mark() != seen else (gr.skip(),) * 10

    def changed(self, name: str | None) -> str:
        """Pictures of what changed from what served when the adapter was made."""
        return (self.adapters.changes(name) if name else None) or ""

    def on_sets(self, name: str | None) -> Node | None:
        """How the adapter does on each test set beside the base and what served."""
        rows = list(set_rows(self.adapters.get(name).metrics)) if name else []
        return table(SET_HEADERS, rows) if rows else None

    def plots(self, request: gr.Request | None = None) -> tuple[pandas.DataFrame, pandas.DataFrame]:
        """Scores and edits, with names in the reader's language."""
        language = language_of(request)
        return self.scores(language), self.edits(language)

    # Words and values -------------------------------------------------------------------------------------------

    def mark(self) -> list[Any]:
        """Changes whenever the tab has something new to show."""
        name = self.trainer.latest()
        run = [name, len(self.trainer.log(name)), str(self.trainer.progress(name).status)] if name else []
        return [*run, *([a.name, str(a.status)] for a in self.adapters.all())]

    def registry(self) -> tuple[Any, ...]:
        """The table, newest first; the choice of adapters that could serve, of those that do, and of those to go on from."""
        found, route = self.adapters.all()[::-1], self.adapters.route()
        could = [a.name for a in found if self.adapters.fits(a) and not route.has_all(AdapterRef(a.name, a.path))]
        serve = [name for a in route.adapters if (name := a.named)]
        rows = table(HEADERS, (adapter_row(a, self.adapters.fits(a), route.share(a.name)) for a in found))
        choices = [gr.update(choices=names, value=names[0] if names else None) for names in (could, serve)]
        return self._noted(rows), *choices, gr.update(choices=[*START_FROM, *((name, name) for name in serve)])

    def _noted(self, rows: Node) -> Node:
        names = ", ".join(a.name for a in self.adapters.outdated())
        return el("div", el("p", Message(UNUSABLE, names=names)), rows) if names else rows

    def scores(self, language: str = "en") -> pandas.DataFrame:
        """The held-out score of each measured adapter, of the base and of what served, on the images of its time."""
        import pandas

        sides = {"candidate": Message("the adapter"), "active": Message("served then"), "base": BASE_ALONE}
        measured = [a for a in self.adapters.all() if a.metrics.get("candidate")]
        rows = [
            (f"{i:02}", float(a.metrics[side]["score"]), in_language(name, language), a.name)
            for i, a in enumerate(measured, start=1)
            for side, name in sides.items()
            if a.metrics.get(side)
        ]
        return pandas.DataFrame(rows, columns=SCORES)

    def edits(self, language: str = "en") -> pandas.DataFrame:
        """The running mean of edits, image by image."""
        import pandas

        rows = [(float(e.number), e.mean, e.adapter or in_language(BASE_ALONE, language)) for e in self.efforts()]
        return pandas.DataFrame(rows, columns=EDITS)

    def curve(self, rows: Sequence[Mapping[str, Any]] | None) -> pandas.DataFrame:
        """Columns step and loss."""
        import pandas

        points = [(row["step"], row["loss"]) for row in rows or () if "loss" in row]
        return pandas.DataFrame(points, columns=["step", "loss"], dtype=float)  # Gradio plots objects as names


def _title(english: str) -> str:
    """A plot's title. Gradio translates it like a label, though its signature says `str`."""
    return word(english)  # pyright: ignore[reportReturnType]


def _plot(rows: pandas.DataFrame, x: str, y: str, title: str, *, height: int = 240, **axes: Any) -> gr.LinePlot:
    return gr.LinePlot(rows, x=x, y=y, title=_title(title), height=height, **axes)


def standing(progress: TrainingProgress | None) -> Message:
    """One or two sentences on how the run stands."""
    if progress is None:
        return IDLE
    if progress.status is not RunStatus.RUNNING or not progress.steps:
        told = [progress.name, Message(progress.status), *_steps_done(progress), *_work(progress), Message(progress.message)]
        return joined(told, " · ")
    step = Message("step {n} of at most {all}", n=progress.step, all=progress.steps)
    left = [Message(LEFT, n=f"{progress.seconds_left / 60:.0f}")] if progress.seconds_left else []
    return joined([progress.name, step, *left, Message(progress.message)], " · ")


def _steps_done(progress: TrainingProgress) -> list[Message]:
    if not progress.steps or progress.status is not RunStatus.COMPLETE:
        return []
    return [Message(DONE_SOME if progress.unfinished else DONE_ALL, n=progress.step, all=progress.steps)]


def _work(progress: TrainingProgress) -> list[Message]:
    """Whether the new adapter saves work, or makes some."""
    return [work.sentence()] if (work := saved_work(progress.metrics)) else []


def _seconds(minutes: float) -> float:
    if not minutes:
        raise BadSetting("Say for how many minutes to train at most.")
    return float(minutes) * 60


def log_text(rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(_line(row) for row in rows[-LOG_LINES:])


def _line(row: Mapping[str, Any]) -> str:
    if "message" in row:
        return str(row["message"])
    right = 100 * row.get("accuracy", 0)
    return f"step {row.get('step')}: loss {row.get('loss', 0):.3f}, {right:.0f} % of the answer right"


def adapter_row(adapter: Adapter, fits: bool = True, share: frozenset[str] | None = None) -> list[str]:
    """The cells of its row; `fits`: it is there, and made for the present base. `share`: the labels that it serves now (none:
    all that no other does; None: it does not serve)."""
    metrics = adapter.metrics
    scores = [_score(metrics.get(part)) for part in ("candidate", "base", "active")]
    parent = adapter.parent or Message("the base")
    return [
        adapter.name,
        Message(adapter.status),
        _answers_about(adapter, fits, share),
        *scores,
        change_text(metrics),
        work.cell() if (work := saved_work(metrics)) else "-",
        ", ".join(not_assessable(metrics)),
        str(metrics.get("n", "-")),
        parent,
        f"{adapter.created_at:%Y-%m-%d %H:%M}",
        str(lora_layers(adapter.path) or "-"),
    ]


def _answers_about(adapter: Adapter, fits: bool, share: frozenset[str] | None) -> str:
    if not is_there(adapter):
        return Message("its folder is missing")
    if not fits:
        return Message("trained on other weights")
    could = labels_served(adapter.path)
    named = ", ".join(sorted(could)) or Message("everything")
    if share is None:
        return named
    return (
        Message(SERVES_SOME, labels=", ".join(sorted(share)), all=named) if share < could else Message(SERVES_NOW, labels=named)
    )


def change_text(metrics: Mapping[str, Any]) -> str:
    """By how many points the score changed from what served then, with its 95 % interval."""
    change = (metrics.get("changes") or {}).get("active")
    if not change:
        return "-"
    return f"{100 * change['value']:+.1f} [{100 * change['low']:+.1f}, {100 * change['high']:+.1f}]"


def _score(evaluation: Any) -> str:
    """F1 with its 95 % interval, or the score that stands in for it."""
    if not isinstance(evaluation, Mapping) or "score" not in evaluation:
        return Message("not measured")
    text = f"{evaluation['score_name']} {evaluation['score']:.2f}"
    f1 = (evaluation.get("overall") or {}).get("f1")
    return f"{text} [{f1['low']:.2f}, {f1['high']:.2f}]" if f1 else text
