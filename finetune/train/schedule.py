"""The learning-rate schedule, by steps or by wall-clock time: warm-up, then a cosine to zero."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

WARM_UP = 0.03  # share of training in which the learning rate rises


class LearningRateSchedule:
    """How far training is, 0 to 1, by steps or by time, whichever is further; and the learning rate there.

    With s = max(step / steps, seconds / max_seconds), w = WARM_UP and peak p, the factor on the learning rate is

        p s / w                                       for s < w
        p (1 + cos(pi (s - w) / (1 - w))) / 2         after (Loshchilov & Hutter 2017, arXiv 1608.03983, eq. 5)

    So a training cut short by time ends at a rate of zero too. Where steps are further, nothing depends on the machine.
    """

    def __init__(self, steps: int, max_seconds: float, now: Callable[[], float] = time.monotonic, peak: float = 1.0) -> None:
        self.steps, self.max_seconds, self.now, self.peak = steps, max_seconds, now, peak
        self.start = now()
        self.agreed: float | None = None  # rank 0's seconds, where several processes train: their rates must be equal

    def share(self, step: int) -> float:
        """How far training is, 0 to 1."""
        return min(1.0, max(step / self.steps, self.elapsed / self.max_seconds))

    @property
    def elapsed(self) -> float:
        """Seconds of training so far, those before an interruption included."""
        return self.now() - self.start if self.agreed is None else self.agreed

    def rate(self, step: int) -> float:
        """Factor on the learning rate, 0 to `peak`."""
        share = self.share(step) if step else 0.5 / self.steps  # at s = 0 the first step would be lost
        if share < WARM_UP:
            return self.peak * share / WARM_UP
        return self.peak * 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))

    def steps_in_all(self, step: int) -> int:
        """How many steps there will be, as far as can be told after `step` of them: time may end training earlier."""
        return max(step, round(step / share)) if (share := self.share(step)) else self.steps

    def seconds_left(self, step: int) -> float:
        """Estimated from the pace so far."""
        share = self.share(step)
        return self.elapsed * (1 - share) / share if share else self.max_seconds
