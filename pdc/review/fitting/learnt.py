"""How boxes of a label without a rule are fitted: as the label's reviews show, looked at once in the background."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock, Thread
from typing import TYPE_CHECKING

from pdc.domain.errors import PdcError
from pdc.domain.values import Box, Review
from pdc.images.intake import ImageFiles
from pdc.inference.experts.registry import Experts
from pdc.inference.fitting.fitter import look_of
from pdc.inference.fitting.rules import UNMEASURED, Rule
from pdc.inference.fitting.trial import choose
from pdc.store.store import Store

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)
MOST_IMAGES, MOST_EACH = 12, 5  # newest first: a trial takes seconds
MOST_READ = 200  # newest reviews in which boxes are looked for
MORE = 10  # images reviewed since the last trial, after which there is another


class LearntRules:
    """The rule of each label that reviews speak of. From any thread; nobody waits for a trial."""

    def __init__(self, store: Store, files: ImageFiles, experts: Experts) -> None:
        self.store, self.files, self.experts = store, files, experts
        self._rules: dict[str, Rule] = {}
        self._tried: dict[str, int] = {}
        self._lock = Lock()

    def rule(self, label: str) -> Rule:
        """What the last trial came to; the first one starts now, another once there are more reviews."""
        if self._lock.acquire(blocking=False):
            Thread(target=self._run, args=(label,), name="fit-trial", daemon=True).start()
        return self._rules.get(label, UNMEASURED)

    def _run(self, label: str) -> None:
        try:
            self.try_out(label)
        except PdcError as error:
            log.warning("How %s fits was not tried: %s", label, error)
        except Exception:
            log.exception("How %s fits could not be tried", label)
        finally:
            self._lock.release()

    def try_out(self, label: str) -> Rule:
        """Hold a trial, if there are reviews that none has seen; what is known then."""
        reviewed = self.store.label_uses().get(label, 0)
        if reviewed >= self._tried.get(label, 0) + MORE or label not in self._tried:
            self._tried[label] = reviewed
            newest = (r for r in self.store.newest_usable([label], MOST_READ) if r.question.task.has_boxes)
            self._rules[label] = choose(self._examples(label, newest), look_of(self.experts))
        return self._rules[label]

    def _examples(self, label: str, reviews: Iterable[Review]) -> Iterator[tuple[np.ndarray, Sequence[Box]]]:
        import numpy as np

        shown: set[str] = set()
        for review in reviews:
            marks = [m for m in review.findings.marks if m.label == label and m.counts]
            boxes = [m.shape for m in marks if isinstance(m.shape, Box)]
            if boxes and review.image_sha256 not in shown and len(shown) < MOST_IMAGES:
                shown.add(review.image_sha256)
                yield np.asarray(self.files.open(review.image_sha256)), boxes[:: max(1, len(boxes) // MOST_EACH)][:MOST_EACH]
