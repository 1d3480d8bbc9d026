"""May an adapter serve? The reasons against it, each a sentence, from what was measured and what it was trained on. Pure.

Each subject is a module of its own, with a generator of sentences over the metrics. Damaged or foreign files are not weighed
here: `adapter_folder.verify` refuses them, and nothing overrides that.
"""

from __future__ import annotations

from collections.abc import Mapping

from pdc.adapters.assessable import Metrics
from pdc.adapters.failures import too_few, worse_failures
from pdc.adapters.false_alarms import alarms_of_new_labels
from pdc.adapters.label_losses import lost_labels
from pdc.adapters.leaks import leaks
from pdc.adapters.saved_work import more_work
from pdc.adapters.score_change import accepted_at_a_glance, lower_score, marks_on_blanks, unsure_score
from pdc.adapters.suspicions import objections as suspicious_reviews
from pdc.adapters.test_sets import Serving, more_failures_on_sets, worse_on_sets
from pdc.domain.message import Message
from pdc.inference.adapter_folder import AdapterManifest

NOT_MEASURED = "{name} was not measured on held-out images; `python -m finetune evaluate` does that."
NOT_COMPARED = "{name} was not measured beside {serving}, which serves now; evaluate it again."
OTHER_LOOKS = "{name} was measured with {n} looks at each image, {serving} with {m}; evaluate it again."
BASE = Message("the base model")


def objections(
    name: str, metrics: Metrics, serving: str | None, manifest: AdapterManifest, about: Serving = None
) -> list[Message]:
    """Every reason why the adapter should not serve in place of `serving` (None: the base alone); empty when it may. `about`
    says what serves about the labels of a test set, where that is not the same."""
    candidate, rival = metrics.get("candidate"), serving or BASE
    if not isinstance(candidate, Mapping) or not candidate.get("n"):
        return [Message(NOT_MEASURED, name=name)]
    side = "active" if serving else "base"
    if not _compared(metrics, side, serving):
        return [Message(NOT_COMPARED, name=name, serving=rival)]
    if (n := _looks(candidate)) != (m := _looks(metrics[side])):
        return [Message(OTHER_LOOKS, name=name, n=n, serving=rival, m=m)]
    return [
        *leaks(metrics, manifest),
        *lower_score(metrics, side, rival),
        *lost_labels(metrics, side),
        *marks_on_blanks(metrics),
        *more_work(metrics, side, rival),
        *worse_failures(metrics, side),
        *alarms_of_new_labels(metrics, side),
        *worse_on_sets(metrics, about or serving),
        *more_failures_on_sets(metrics, about or serving),
        *suspicious_reviews(metrics),
    ]


def undecided(metrics: Metrics, side: str) -> list[Message]:
    """What the held-out images are too few to decide, and does not stand in the way."""
    return [*accepted_at_a_glance(metrics), *unsure_score(metrics, side), *too_few(metrics, side)]


def _looks(measured: Metrics) -> int:
    """From how many looks each answer was voted; one before that was noted."""
    return measured.get("looks", 1)


def _compared(metrics: Metrics, side: str, serving: str | None) -> bool:
    """Whether what serves now was measured beside the candidate."""
    measured = metrics.get(side) or {}
    return bool(measured) and isinstance(metrics.get("changes"), Mapping) and (not serving or measured.get("adapter") == serving)
