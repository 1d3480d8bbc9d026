"""Labels that an adapter never finds any more. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pdc.adapters.assessable import Metrics
from pdc.domain.message import Message

VANISHED = "It never says '{label}' any more, of which {n} are on the held-out images."


def lost_labels(metrics: Metrics, side: str) -> Iterator[Message]:
    """An objection for each label that the side which serves finds, and the candidate never does."""
    for label, now in metrics["candidate"].get("labels", {}).items():
        before = metrics[side].get("labels", {}).get(label)
        if before and now["true_marks"] and before["predicted_marks"] and not now["predicted_marks"]:
            yield Message(VANISHED, label=label, n=now["true_marks"])
