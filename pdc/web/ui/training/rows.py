"""The table of adapters: a row each, of what was measured when it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdc.adapters.assessable import not_assessable
from pdc.adapters.registry import is_there
from pdc.adapters.saved_work import saved_work
from pdc.domain.message import Message
from pdc.domain.values import Adapter
from pdc.inference.adapter_folder import labels_served, lora_layers

HEADERS = [
    Message("Adapter"),
    Message("Status"),
    Message("Answers about"),
    Message("Held-out score"),
    Message("Base"),
    Message("In use then"),
    Message("Change, points"),
    Message("Edits an image"),
    Message("Nothing to measure"),
    Message("Images"),
    Message("Goes on from"),
    Message("Made"),
    Message("LoRA layers"),
]
SERVES_NOW = "in use: {labels}"
SERVES_SOME = "in use: {labels}; learnt {all}"


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
