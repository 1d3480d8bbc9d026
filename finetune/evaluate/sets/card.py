"""An adapter's card as Markdown: base, what served, and the adapter on the held-out images and on each test set. From metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from finetune.evaluate.bootstrap import Estimate
from finetune.evaluate.robustness.measure import Robustness
from finetune.evaluate.robustness.tables import robustness_markdown
from finetune.evaluate.sets.shift import SIDES, relative_robustness

HEAD = "model", "images", "F1 (.5)", "F1 (.75)", "count error", "zero-case", "unreadable", "edits an image"
PARTS = {"labels": "label", "sizes": "size", "densities": "objects in the image", "tasks": "task"}
INTERVALS = "In brackets: 95 % bootstrap intervals over images, or over groups where it is known which images belong together."
Metrics = Mapping[str, Any]
Lines = Iterator[str]


def card(name: str, facts: Mapping[str, str], metrics: Metrics, against: Sequence[str]) -> str:
    """The whole card. `facts` is what else is known of the adapter, `against` what speaks against it, in sentences."""
    lines = [f"# {name}", "", *(f"- {what}: {said}" for what, said in facts.items()), "", *_decision(against)]
    lines += _held_out(metrics) if metrics.get("candidate") else ["", "It was not measured on held-out images."]
    for set_name, found in (metrics.get("sets") or {}).items():
        lines += ["", *_of_set(set_name, found)]
    return "\n".join([*lines, *_elsewhere(metrics), "", INTERVALS, ""])


def _decision(against: Sequence[str]) -> Lines:
    yield "## What speaks against it"
    yield ""
    yield from (f"- {sentence}" for sentence in against or ["Nothing does."])


def _held_out(metrics: Metrics) -> Lines:
    yield from ("", "## Held-out images", "")
    yield from _tables(metrics)


def _of_set(name: str, found: Metrics) -> Lines:
    about = found["set"]
    labels = ", ".join(f"{n} {label}" for label, n in about["labels"].items())
    locked = "; locked: it is looked at once a release" if about["locked"] else ""
    yield from (
        f"## Test set {name}",
        "",
        f"{about['images']} images with {labels}; from {about['source']}{locked}. {about['notes']}",
    )
    if "not_measured" in found:
        yield from ("", f"Not measured: {found['not_measured']}")
        return
    asked = max(found[side]["overall"]["answers"] for side in SIDES if found.get(side))
    yield from (f"Measured on {asked} of its {about['questions']} questions about this adapter's labels.", "")
    yield from _tables(found)
    yield from _sources(found)
    if found.get("perturbed"):
        yield from ("", "The same images seen otherwise (this adapter):", "")
        yield robustness_markdown(Robustness.from_json(found["perturbed"]))


def _tables(found: Metrics) -> Lines:
    sides = [side for side in SIDES if found.get(side)]
    yield from _table(HEAD, ([_who(side, found), *_overall(side, found)] for side in sides))
    yield from _changes(found)
    for key, what in PARTS.items():
        names = list(found["candidate"].get(key) or {})
        if len(names) > 1:
            rows = ([name, _images(found, key, name), *(_f1(found[side], key, name) for side in sides)] for name in names)
            yield from ("", *_table([what, "images", *(f"F1, {SIDES[side]}" for side in sides)], rows))
    yield from _false_alarms(found, sides)
    yield from _image_free(found)


def _who(side: str, found: Metrics) -> str:
    name = found[side].get("adapter")
    return f"{SIDES[side]} ({name})" if side == "active" and name else SIDES[side]


def _overall(side: str, found: Metrics) -> list[str]:
    overall, edits = found[side]["overall"], found.get("edits") or {}
    strict = (found.get("strict") or {}).get(side)
    cells = [_text(overall.get("f1")), _text(strict), *(_text(overall.get(k)) for k in ("count_mae", "zero_case", "unreadable"))]
    return [str(overall["images"]), *cells, _text(edits.get(side))]


def _changes(found: Metrics) -> Lines:
    told = {side: change for side, change in (found.get("changes") or {}).items() if change}
    what = found["candidate"]["score_name"]
    for side, change in told.items():
        yield from ("", f"Change of {what} from {SIDES.get(side, side)}: {_text(change, '+')}.")


def _images(found: Metrics, key: str, name: str) -> str:
    return str(found["candidate"][key][name]["images"])


def _f1(evaluation: Metrics, key: str, name: str) -> str:
    part = (evaluation.get(key) or {}).get(name) or {}
    return _text(part.get("f1") or part.get("within_1"))


def _false_alarms(found: Metrics, sides: Sequence[str]) -> Lines:
    some = found.get("negatives") or {}
    rows = ([label, str(one["n"]), *(_text(one["shares"].get(side)) for side in sides)] for label, one in some.items())
    if some:
        yield from ("", "How often something is found where there is none:", "")
        yield from _table(["label", "negatives", *(SIDES[side] for side in sides)], rows)


def _image_free(found: Metrics) -> Lines:
    free = found.get("image_free")
    if not free:
        return
    grey = f", and of answers to a grey image {_text(free['grey'])}" if free["grey"] else ""
    verdict = "It uses the image" if free["gain"]["low"] > 0 else "Nothing shows that it uses the image"
    yield ""
    yield (
        f"Without the image: the score of answers to another image is {_text(free['exchanged'])}{grey}. {verdict}: "
        f"a gain of {_text(free['gain'], '+')} on {free['images']} images."
    )


def _sources(found: Metrics) -> Lines:
    some = found.get("sources") or {}
    sides = [side for side in SIDES if found.get(side)]
    if some:
        rows = ([name, str(one["n"]), *(_text(one.get(side)) for side in sides)] for name, one in some.items())
        yield from ("", *_table(["source", "images", *(SIDES[side] for side in sides)], rows))


def _elsewhere(metrics: Metrics) -> list[str]:
    rows = list(relative_robustness(metrics))
    if not rows:
        return []
    cells = {(r.test_set, r.side): f"{r.ratio.value:.2f} [{r.ratio.low:.2f}, {r.ratio.high:.2f}]" for r in rows}
    names = dict.fromkeys(r.test_set for r in rows)
    body = ([name, *(cells.get((name, side), "-") for side in SIDES)] for name in names)
    explained = "The score on each set divided by that on the held-out images; 1: nothing is lost where the images are others."
    return ["", "## Does it hold elsewhere?", "", explained, "", *_table(["test set", *SIDES.values()], body)]


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> list[str]:
    return [_joined(head), "|" + "---|" * len(head), *map(_joined, rows)]


def _joined(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(value: Any, sign: str = "") -> str:
    if not value:
        return "-"
    e = Estimate(**value)
    return f"{e.value:{sign}.2f} [{e.low:{sign}.2f}, {e.high:{sign}.2f}]"
