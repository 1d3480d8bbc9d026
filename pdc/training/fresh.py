"""What there is to learn since the last training, and how long it would take here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pdc.files import read_json
from pdc.store import Store
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run

FIRST = 15  # reviews that make a first training worth while
HELD_OUT = 0.2  # of the reviews, about: the split holds out so much
TIMED = 5  # newest runs whose time is looked at


@dataclass(frozen=True, slots=True)
class Fresh:
    """Reviews to learn from: all, and those saved since the last training (of which at most MOST_NEW are counted), which learnt
    from all others. `trained`: there was one. `seconds` is about what a training takes now, None where that cannot be told;
    `measuring` its part after the steps."""

    reviews: int = 0
    new: int = 0
    trained: bool = False
    seconds: float | None = None
    measuring: float = 0.0

    @property
    def missing(self) -> int:
        """How many more reviews make a first training worth while; 0 once there was one."""
        return 0 if self.trained else max(0, FIRST - self.reviews)


@dataclass(frozen=True, slots=True)
class Pace:
    """What a run took, in seconds: a `step`, and the `rest`, which is loading and measuring. `planned` steps for `reviews`."""

    step: float
    rest: float
    planned: int
    reviews: int

    @classmethod
    def of(cls, run: Run) -> Pace | None:
        """None where the run did not note what it takes."""
        told: dict[str, Any] = run.metrics().get("training") or {}
        reviews = sum((run.manifest.get(side) or {}).get("rows", 0) for side in ("train", "held_out"))
        if not (reviews and told.get("steps") and told.get("elapsed")):
            return None
        rest = max(0.0, told["elapsed"] - told["seconds"])
        return cls(told["seconds"] / told["steps"], rest, told["planned"], reviews)

    def seconds(self, reviews: int, most: float) -> tuple[float, float]:
        """Of a training on so many reviews whose steps take at most `most`: in all, and of that for loading and measuring."""
        more = reviews / self.reviews
        rest = self.rest * more
        return min(self.step * self.planned * more, most) + rest, rest


def fresh(store: Store, runs: Path, config: TrainConfig) -> Fresh:
    """What is new since the newest complete run under `runs`, as this `config` would train."""
    complete, reviews = _complete(runs), store.count_usable()
    new = _new(store, complete) if complete else reviews
    pace = _pace(complete, config)
    took = pace.seconds(reviews, config.max_seconds) if pace and reviews else (None, 0.0)
    return Fresh(reviews, new, bool(complete), *took)


def count_new(store: Store, runs: Path) -> int:
    """How many reviews are new since the newest complete run under `runs`."""
    return _new(store, _complete(runs))


def _complete(runs: Path) -> list[Run]:
    return [run for run in Run.all(runs) if run.is_here]


def _new(store: Store, complete: Sequence[Run]) -> int:
    return store.count_usable(_learnt_until(complete[-1]) if complete else None)


def _learnt_until(run: Run) -> datetime:
    """When its training set was made of the reviews."""
    made = run.manifest.get("created_at")
    return datetime.fromisoformat(made) if made else datetime.fromtimestamp((run.folder / "config.json").stat().st_mtime, UTC)


def _pace(complete: Sequence[Run], config: TrainConfig) -> Pace | None:
    """Of the newest of these runs that trained the same model in the same way and noted its time."""
    alike = (run for run in complete[: -TIMED - 1 : -1] if _same_work(read_json(run.folder / "config.json") or {}, config))
    return next(filter(None, map(Pace.of, alike)), None)


def _same_work(past: dict[str, Any], config: TrainConfig) -> bool:
    now = config.to_json()
    return all(past.get(name) == now[name] for name in ("model", "device", "quantization", "batch", "vision"))
