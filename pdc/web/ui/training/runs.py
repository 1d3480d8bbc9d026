"""Under Details: how a training is set, how the newest one stands, its loss and its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from pdc.adapters.saved_work import saved_work
from pdc.domain.errors import BadSetting
from pdc.domain.message import Message, joined
from pdc.domain.values import RunStatus
from pdc.training.config import TrainConfig
from pdc.training.process import Trainer, TrainingProgress
from pdc.web.ui.training.charts import line_plot
from pdc.web.ui.training.suspicions import SuspicionPanel
from pdc.web.ui.words import LINE, word

if TYPE_CHECKING:
    import pandas

START_FROM = [(word("what is in use for the reviewed labels"), "active"), (word("the model as it came"), "none")]
VISION = "Needed for kinds of image the model never saw. Such an adapter serves in this app only."
LOG_LINES = 200
DONE_ALL = "{n} planned steps are done"
DONE_SOME = "{n} of {all} planned steps are done; train longer to go on from there"
LEFT = "minutes of training left: about {n}"
IDLE = Message("Nothing is training. Training learns from accepted and corrected reviews; some images are held out to measure.")


class RunPanel:
    """Its components. `asked` are the settings; `outputs` are all that `show` returns values for, in order."""

    def __init__(self, trainer: Trainer, defaults: TrainConfig, suspicions: SuspicionPanel) -> None:
        self.trainer, self.defaults, self.suspicions = trainer, defaults, suspicions

    def build(self, demo: gr.Blocks) -> None:
        with gr.Row():
            with gr.Column(scale=1, min_width=260):
                self._build_form(demo)
            with gr.Column(scale=2, min_width=420):
                self.status = gr.HTML("", html_template=LINE, elem_classes="pdc-training")
                axes = {"height": 220, "visible": False}
                self.loss = line_plot(curve(()), "step", "loss", "Loss on the answers", **axes)
                self.lines = gr.Textbox(
                    label=word("Log"), interactive=False, lines=8, max_lines=8, autoscroll=True, visible=False
                )
        self.asked = [self.minutes, self.source, self.vision, self.left_out]
        self.outputs = [self.status, self.longer_button, self.loss, self.lines]

    def _build_form(self, demo: gr.Blocks) -> None:
        minutes = self.defaults.max_seconds / 60
        self.minutes = gr.Number(minutes, label=word("Longest training time, minutes"), minimum=0.1)
        self.source = gr.Dropdown(START_FROM, value="active", label=word("Go on from"))
        self.vision = gr.Checkbox(self.defaults.vision, label=word("Learn a new kind of image"), info=word(VISION))
        self.left_out = self.suspicions.build_choice(demo)
        with gr.Row():
            self.start_button = gr.Button(word("Train with these settings"), min_width=120)
            self.longer_button = gr.Button(word("Train longer"), min_width=80, interactive=False)

    def show(self) -> tuple[Any, ...]:
        """The newest run; a loss and a log only where there are any."""
        name = self.trainer.latest()
        rows = self.trainer.log(name) if name else []
        progress = self.trainer.progress(name) if name else None
        longer = gr.update(interactive=progress is not None and progress.unfinished)
        points = curve(rows)
        loss = gr.update(value=points, visible=not points.empty, x_title=Message("step"), y_title=Message("loss"))
        log = gr.update(value=log_text(rows), visible=bool(rows))
        return run_line(progress), longer, loss, log

    def unfinished(self) -> str:
        """The newest run, whose time ended before its plan did; BadSetting where it was not so."""
        name = self.trainer.latest()
        if name is None or not self.trainer.progress(name).unfinished:
            raise BadSetting("The newest training did all its planned steps; start another one.")
        return name


def run_line(progress: TrainingProgress | None) -> Message:
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


def seconds_of(minutes: float | None) -> float:
    """BadSetting without a time."""
    if not minutes:
        raise BadSetting("Say for how many minutes to train at most.")
    return float(minutes) * 60


def curve(rows: Sequence[Mapping[str, Any]]) -> pandas.DataFrame:
    """Columns step and loss."""
    import pandas

    points = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    return pandas.DataFrame(points, columns=["step", "loss"], dtype=float)  # Gradio plots objects as names


def log_text(rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(_line(row) for row in rows[-LOG_LINES:])


def _line(row: Mapping[str, Any]) -> str:
    if "message" in row:
        return str(row["message"])
    right = 100 * row.get("accuracy", 0)
    return f"step {row.get('step')}: loss {row.get('loss', 0):.3f}, {right:.0f} % of the answer right"
