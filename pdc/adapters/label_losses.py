"""Labels that an adapter finds no longer, or less often. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pdc.adapters.assessable import Metrics
from pdc.domain.message import Message

MAY_LOSE_RECALL = 0.05  # of a label that has enough held-out marks to say so
ENOUGH_MARKS = 20
VANISHED = "It never says '{label}' any more, of which {n} are on the held-out images."
FEWER = "It finds fewer of '{label}': recall {now} against {before} on {n} held-out marks; it may lose less than {margin} points."


def lost_labels(metrics: Metrics, side: str) -> Iterator[Message]:
    """An objection for each label that the side which serves finds, and the candidate misses."""
    for label, now in metrics["candidate"].get("labels", {}).items():
        before = metrics[side].get("labels", {}).get(label)
        if before is None or not now["true_marks"]:
            continue
        n, recalls = now["true_marks"], (_recall(now), _recall(before))
        if before["predicted_marks"] and not now["predicted_marks"]:
            yield Message(VANISHED, label=label, n=n)
        elif n >= ENOUGH_MARKS and round(recalls[1] - recalls[0], 6) >= MAY_LOSE_RECALL:
            is_now, was = (f"{recall:.3f}" for recall in recalls)
            yield Message(FEWER, label=label, n=n, now=is_now, before=was, margin=f"{100 * MAY_LOSE_RECALL:.0f}")


def _recall(scores: Metrics) -> float:
    return (scores.get("recall") or {"value": 0.0})["value"]
