"""What an expert beside the model gains: the same questions asked with it and without it, of the same adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from finetune.data.dataset import Row
from finetune.evaluate.bootstrap import Estimate
from finetune.evaluate.compare import ask
from finetune.evaluate.metrics import ScoredAnswer, change, score
from pdc.domain.progress import Progress, unseen
from pdc.inference.adapter_ref import Wanted
from pdc.inference.experts.registry import Experts
from pdc.inference.predictors.experts import ExpertPredictor
from pdc.inference.predictors.local import LocalPredictor

if TYPE_CHECKING:
    from pdc.inference.qwen import Qwen

FEWEST = 10  # images: from fewer an interval is too narrow to decide by


@dataclass(frozen=True, slots=True)
class ExpertGain:
    """The score without and with the expert on n images, and its change, drawn in pairs."""

    n: int
    without: Estimate | None
    within: Estimate | None
    change: Estimate | None

    @property
    def gains(self) -> bool:
        """Whether the interval of the change leaves out 0 from above, on images enough to say so."""
        return self.n >= FEWEST and self.change is not None and self.change.low > 0

    def sentence(self, where: str) -> str:
        """What was found and decided, for whoever reads the list of experts."""
        if self.change is None:
            return f"Off: on {where} there is nothing to compare ({self.n} images)."
        points = [f"{100 * v:+.1f}" for v in (self.change.value, self.change.low, self.change.high)]
        numbers = f"score {_short(self.within)} with it against {_short(self.without)} without, {points[0]} points"
        measured = f"On {where} ({self.n} images) {numbers} with a 95 % interval from {points[1]} to {points[2]}"
        if self.gains:
            return f"{measured}: it answers."
        few = f"; {FEWEST} images are the fewest to decide by" if self.n < FEWEST else ""
        return f"{measured}: it does not surely gain, so it is off{few}."

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def expert_gain(
    qwen: Qwen, rows: Sequence[Row], serving: Wanted, without: Experts, within: Experts, progress: Progress = unseen
) -> ExpertGain:
    """Ask the rows twice."""
    before = _asked(qwen, rows, serving, without, "Without the expert", progress)
    after = _asked(qwen, rows, serving, within, "With the expert", progress)
    return ExpertGain(len({row.path for row in rows}), score(before), score(after), change(before, after))


def _asked(
    qwen: Qwen, rows: Sequence[Row], serving: Wanted, experts: Experts, title: str, progress: Progress
) -> list[ScoredAnswer]:
    predictor = ExpertPredictor(LocalPredictor(lambda: qwen, lambda: serving), experts, lambda: serving, qwen.name)
    return ask(predictor, rows, lambda done: progress(title, done, len(rows)))


def _short(e: Estimate | None) -> str:
    return "-" if e is None else f"{e.value:.2f}"
