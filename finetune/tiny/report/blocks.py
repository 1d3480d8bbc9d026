"""The blocks of the model card, each a Markdown table or list made from the files that the stages leave."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.evaluate.robustness.measure import Robustness
from finetune.evaluate.robustness.tables import robustness_markdown
from finetune.tiny.measure import BOXES, FULL_FIELD, format_estimate
from pdc.inference.adapter_folder import MANIFEST
from pdc.inference.experts.base import MANIFEST as EXPERT
from pdc.inference.experts.base import Mode
from pdc.inference.experts.registry import FOLDER as EXPERTS

SHOWN = (0.0, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)  # thresholds of the polyp table
NO_COLUMN = ("n", "groups", "seconds")
POLYP = "polyp"
ASKED = {Mode.INSTEAD: "instead of the model", Mode.BESIDE: "beside the model"}
Numbers = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """A finished model folder, and the working folder in which the stages left their numbers."""

    model: Path
    out: Path

    def read(self, name: str) -> Numbers:
        """A file of numbers; nothing where it is absent."""
        path = self.out / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    @property
    def measured(self) -> Numbers:
        return self.read("measured.json")

    @property
    def negatives(self) -> Numbers:
        return self.measured.get("negatives", {})

    @property
    def thresholds(self) -> Mapping[str, float]:
        return json.loads((self.model / MANIFEST).read_text(encoding="utf-8")).get("thresholds", {})


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str | None:
    """None without rows."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines).replace("|  |", "| |") if rows else None


def _measure(m: Measured) -> str | None:
    """A row a kind: the columns are those that were measured, the last is the median of the seconds."""
    rows = {kind: row for kind, row in m.measured.items() if isinstance(row, dict) and BOXES in row}
    columns = list(dict.fromkeys(c for row in rows.values() for c in row if c not in NO_COLUMN))
    cells = [[_kind(kind), str(r["n"]), *(_said(r.get(c)) for c in columns), f"{r['seconds'][0]:g}"] for kind, r in rows.items()]
    return _table(["", "n", *columns, "median seconds"], cells)


def _kind(name: str) -> str:
    named = {"nuclei": f"nuclei, fields of up to {FULL_FIELD}", "nuclei, full fields": "nuclei, fuller fields"}
    return named.get(name, _plain(name))


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _one_label(m: Measured) -> str | None:
    found = m.measured.get("one label", {})
    rows = [[label, _said(ways["alone"]), _said(ways["together"])] for label, ways in found.items()]
    return _table(["asked for", "F1, asked alone", "F1, with the others of its kind"], rows)


def _none(m: Measured) -> str | None:
    """How often it says none where it should, then where it should not."""
    right = [[what, str(row["n"]), _said(row["none"])] for what, row in m.negatives.get("none", {}).items()]
    there = m.negatives.get("none where something is", {})
    wrong = [[f"{_kind(kind)}, with objects", str(row["n"]), _said(row["none"])] for kind, row in there.items()]
    return _table(["shown", "n", 'answered with "none"'], [*right, *wrong])


def _pieces(m: Measured) -> str | None:
    rows = [
        [how, str(row["pairs"]), *(_said(row["counted"].get(side)) for side in ("clean", "with an object")), _said(row["AUROC"])]
        for how, row in m.negatives.get("pieces", {}).items()
    ]
    return _table(["pieces", "pairs", "clean: false alarms", "with a polyp: counted", "AUROC of the best score"], rows)


def _froc(m: Measured) -> str | None:
    rules = {rule: row for rule, row in m.negatives.get("FROC", {}).items() if isinstance(row, dict)}
    rates = list(dict.fromkeys(rate for row in rules.values() for rate in row))
    rows = [[rule, *(_said(row.get(rate)) for rate in rates)] for rule, row in rules.items()]
    return _table(["sensitivity at false marks an image of", *rates], rows)


def _tasks_agree(m: Measured) -> str | None:
    found = m.measured.get("tasks agree")
    return found and f"All five tasks come to the same count on a share of {_said(found)} of the images."


def _several(m: Measured) -> str | None:
    s = m.negatives.get("several")
    return (
        s
        and f"{s['frames']} frames with several polyps hold {s['there']}; it said {s['said']}, of which {s['found']} were right."
    )


def _polyp_thresholds(m: Measured) -> str | None:
    """What each threshold does for polyps; the one that serves is bold."""
    serving = m.thresholds.get(POLYP, 0.0)
    found = {r["threshold"]: r for r in m.read("thresholds.json").get(POLYP, [])}
    columns = [found[t] for t in sorted({*SHOWN, serving} & found.keys())]
    if not columns:
        return None

    def line(title: str, key: str, style: str) -> list[str]:
        return [title, *(_bold(_number(c[key], style), c["threshold"] == serving) for c in columns)]

    head = ["polyp counted from a score of", *(_bold(_number(c["threshold"], ".2f"), c["threshold"] == serving) for c in columns)]
    rows = ("images with a polyp that keep a mark", "kept", ".0%"), ("images without one: false alarms", "alarms", ".0%")
    return _table(head, [line(*row) for row in (*rows, ("F1 of the boxes", "f1", ".2f"))])


def _thresholds(m: Measured) -> str | None:
    """What the serving threshold changes for each label, and what it leaves."""
    rows = []
    for label, found in m.read("thresholds.json").items():
        serving = m.thresholds.get(label, 0.0)
        free, served = found[0], next((r for r in found if r["threshold"] == serving), found[0])
        pairs = [[_number(free[key], ".3f"), _number(served[key], ".3f")] for key in ("f1", "count")]
        changed = [", ".join(pair if serving else pair[:1]) for pair in pairs]
        left = [_number(served[key], ".0%") for key in ("kept", "alarms")]
        rows.append([label, f"{serving:.2f}" if serving else "none", *changed, *left])
    head = "F1 without, with", "count error without, with", "images with it that keep a mark", "without it: false alarms"
    return _table(["label", "threshold", *head], rows)


def _robustness(m: Measured) -> str | None:
    found = m.read("robustness.json")
    return robustness_markdown(Robustness.from_json(found)) if found else None


def _likeness(m: Measured) -> str | None:
    """A row a kind: how often its own images are called unlike it, and how well others are told from them."""
    kinds = {kind: row for kind, row in m.read("likeness.json").items() if isinstance(row, dict) and "auroc" in row}
    others = list(dict.fromkeys(other for row in kinds.values() for other in row["auroc"]))
    rows = [
        [_kind(kind), str(r["n"]), _number(r.get("called unlike"), ".1%"), *(_said(r["auroc"].get(other)) for other in others)]
        for kind, r in kinds.items()
    ]
    return _table(["asked for", "its images", "called unlike", *(f"AUROC against {_plain(other)}" for other in others)], rows)


def _expert(m: Measured) -> str | None:
    """A row an expert in the model's folder: what it answers for, and what it gains, as its stage measured it."""
    rows = []
    for path in sorted((m.model / EXPERTS).glob(f"*/{EXPERT}")):
        said = json.loads(path.read_text(encoding="utf-8"))
        gains = said.get("about", {}).get("measured", {})
        labels = ", ".join(f"{label}, {said.get('thresholds', {}).get(label, 0):.2f}" for label in said["labels"])
        numbers = (str(gains.get(key, "-")) for key in ("n", "model", "expert", "change"))
        rows.append([said["name"], labels, ASKED[Mode(said["mode"])], *numbers])
    head = "expert", "label, threshold", "asked", "images", "F1 of the model alone", "F1 with it", "change"
    return _table(head, rows)


def _words(m: Measured) -> str | None:
    """A row a label: F1 by how it is spelled in the question."""
    rows = [
        [label, str(r["n"]), ", ".join(f"{word} {_number(f1 and f1[0], '.2f')}" for word, f1 in r["spellings"].items())]
        for label, r in m.read("words.json").items()
    ]
    return _table(["label", "n", "F1 of the boxes, asked as"], rows)


def _adapter(m: Measured) -> str | None:
    """What the adapter that ships learnt, before and after."""
    found = m.read("adapter.json")
    if not found:
        return None
    before, after = (found[who]["overall"] for who in ("base", "candidate"))
    f1, off = ((_interval(before[key]), _interval(after[key])) for key in ("f1", "count_mae"))
    name, n = found["candidate"]["adapter"], found["n"]
    learnt = f"F1 {f1[0]} before, {f1[1]} after; count error an image {off[0]} before, {off[1]} after"
    return f"`{name}`, on the {n} images that it held out: {learnt}."


def _interval(value: Mapping[str, float] | None) -> str:
    return _said(value and [value["value"], value["low"], value["high"]])


def _is_estimate(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(isinstance(v, (int, float)) for v in value)


def _said(value: Any) -> str:
    """An estimate with its interval, a number, a word."""
    if value is None or _is_estimate(value):
        return format_estimate(value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _number(value: float | None, style: str) -> str:
    return "-" if value is None else format(value, style).replace("%", " %")


def _bold(text: str, yes: bool) -> str:
    return f"**{text}**" if yes else text


BLOCKS: Mapping[str, Callable[[Measured], str | None]] = {
    "measure": _measure,
    "one label": _one_label,
    "tasks agree": _tasks_agree,
    "none": _none,
    "pieces": _pieces,
    "FROC": _froc,
    "several": _several,
    "polyp thresholds": _polyp_thresholds,
    "thresholds": _thresholds,
    "robustness": _robustness,
    "likeness": _likeness,
    "expert": _expert,
    "words": _words,
    "adapter": _adapter,
}
