"""May an adapter serve? The reasons against it, each a sentence, from what was measured and what it was trained on. Pure.

Damaged or foreign files are not weighed here: `adapter_folder.verify` refuses them, and nothing overrides that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pdc.adapters.assessable import ENOUGH_NEGATIVES, Metrics
from pdc.adapters.saved_work import saved_work
from pdc.images.near_duplicates import ImageHash, near_duplicate_pairs
from pdc.inference.adapter_folder import AdapterManifest

MAY_LOSE = 0.02  # of the score: the lower 95 % bound of the change may not be below minus this
MAY_LOSE_RECALL = 0.05  # of a label that has enough held-out marks to say so
ENOUGH_MARKS = 20
NAMED = 3  # held-out images that a leak names
MAY_RISE = 0.05  # of false alarms, or of "none" where something is: the upper 95 % bound of a rise may not be above it
MOST_ALARMS = 0.10  # of a label of which what serves says nothing: the lower 95 % bound may not be above it


def objections(name: str, metrics: Metrics, serving: str | None, manifest: AdapterManifest) -> list[str]:
    """Every reason why the adapter should not serve in place of `serving` (None: the base alone); empty when it may."""
    candidate = metrics.get("candidate")
    if not isinstance(candidate, Mapping) or not candidate.get("n"):
        return [f"{name} was not measured on held-out images; `python -m finetune evaluate` does that."]
    side, rival = _rival(metrics, serving)
    if rival is None or not isinstance(metrics.get("changes"), Mapping):
        return [f"{name} was not measured beside {serving or 'the base model'}, which serves now; evaluate it again."]
    return [
        *_leaks(manifest, metrics),
        *_worse(candidate, rival, (metrics["changes"] or {}).get(side), serving),
        *_labels(candidate, rival),
        *_blank(metrics),
        *_work(metrics, side, serving),
        *_false_alarms(metrics, rival, side),
        *_missed(metrics, side),
    ]


def _rival(metrics: Metrics, serving: str | None) -> tuple[str, Metrics | None]:
    """Where the measurement of what serves now stands, if it was made beside the candidate's."""
    if serving is None:
        return "base", metrics.get("base")
    measured = metrics.get("active") or {}
    return "active", measured if measured.get("adapter") == serving else None


def _leaks(manifest: AdapterManifest, metrics: Metrics) -> Iterator[str]:
    held_out = {name: ImageHash.parse(text) for name, text in metrics.get("held_out", {}).items()}
    trained = {name: ImageHash.parse(text) for name, text in manifest.trained_on.items()}
    found = sorted({held for _, held in near_duplicate_pairs(trained, held_out)})
    if found:
        named = ", ".join(name[:12] for name in found[:NAMED])
        yield (
            f"{manifest.name} was trained on {len(found)} of the held-out images, or on near copies of them ({named}), "
            "so its measurement says nothing."
        )


def _worse(candidate: Metrics, rival: Metrics, change: Metrics | None, serving: str | None) -> Iterator[str]:
    what, n = candidate["score_name"], candidate["n"]
    compared = f"{what} {candidate['score']:.3f} against {rival['score']:.3f} of {serving or 'the base model'}"
    if change is None:
        yield f"The change could not be measured on {n} held-out images: {compared}."
    elif change["low"] < -MAY_LOSE:
        yield (
            f"It may be worse on {n} held-out images: {compared}, a change of {_points(change['value'])} points with a 95 % "
            f"interval from {_points(change['low'])} to {_points(change['high'])}; the lower end may not be below "
            f"{_points(-MAY_LOSE)}. More held-out images narrow the interval."
        )


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _labels(candidate: Metrics, rival: Metrics) -> Iterator[str]:
    for label, now in candidate.get("labels", {}).items():
        before = rival.get("labels", {}).get(label)
        if before is None or not now["true_marks"]:
            continue
        if before["predicted_marks"] and not now["predicted_marks"]:
            yield f"It never says {label!r} any more, of which {now['true_marks']} are on the held-out images."
        elif now["true_marks"] >= ENOUGH_MARKS and round(_recall(before) - _recall(now), 6) >= MAY_LOSE_RECALL:
            yield (
                f"It finds fewer of {label!r}: recall {_recall(now):.3f} against {_recall(before):.3f} on "
                f"{now['true_marks']} held-out marks; it may lose less than {100 * MAY_LOSE_RECALL:.0f} points."
            )


def _recall(scores: Metrics) -> float:
    return (scores.get("recall") or {"value": 0.0})["value"]


def _blank(metrics: Metrics) -> Iterator[str]:
    if marks := metrics.get("blank_marks", 0):
        yield f"It reports {marks} finding(s) on blank images, where there is nothing."


def _work(metrics: Metrics, side: str, serving: str | None) -> Iterator[str]:
    work = saved_work(metrics, side)
    if work and work.makes_work:
        without = "when every mark is drawn from scratch" if work.scratch else f"with {serving or 'the base model'}"
        yield (
            f"It makes work: {work.after:.1f} edits an image on the held-out images against {work.before:.1f} {without}, "
            f"a change of {work.change:+.1f} with a 95 % interval from {work.low:+.1f} to {work.high:+.1f}."
        )


def _false_alarms(metrics: Metrics, rival: Metrics, side: str) -> Iterator[str]:
    for label, found in (metrics.get("negatives") or {}).items():
        what = f"It finds {label!r} where there is none"
        if _answers(rival, label):
            yield from _rise(what, found, side, "negatives")
        elif (now := found["shares"]["candidate"])["low"] > MOST_ALARMS:
            yield (
                f"{what}, on {_percent(now['value'])} of {found['n']} images and pieces of images, with a 95 % interval from "
                f"{_percent(now['low'])} to {_percent(now['high'])}; the lower end may not be above {_percent(MOST_ALARMS)}."
            )


def _answers(rival: Metrics, label: str) -> bool:
    """Whether what serves finds the label anywhere: to be compared with one that never does would be no use."""
    zero = (rival.get("labels", {}).get(label) or {}).get("zero_case")
    return zero is None or zero["value"] < 1


def _missed(metrics: Metrics, side: str) -> Iterator[str]:
    if found := metrics.get("zero_cases"):
        yield from _rise("It answers 'none' where something is", found, side, "images with objects")


def _rise(what: str, found: Metrics, side: str, more: str) -> Iterator[str]:
    """An objection where a share of wrong answers rose, unless the rise is surely small."""
    rise, shares = found["changes"].get(side), found["shares"]
    if rise is None or rise["value"] <= 0:
        return
    said = (
        f"{what} more often: {_percent(shares['candidate']['value'])} against {_percent(shares[side]['value'])} of {found['n']}"
    )
    if found["n"] < ENOUGH_NEGATIVES:
        yield f"{said}. That cannot be decided: {ENOUGH_NEGATIVES - found['n']} more {more} are needed."
    elif rise["high"] > MAY_RISE:
        yield (
            f"{said} {more}, a change of {_points(rise['value'])} points with a 95 % interval from {_points(rise['low'])} to "
            f"{_points(rise['high'])}; the upper end may not be above {_points(MAY_RISE)}."
        )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
