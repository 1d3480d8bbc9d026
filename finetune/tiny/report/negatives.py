"""What the embedded model says where there is nothing, and where it says "none" though there is something.

Clean pieces of polyp frames and pieces that show a polyp are cut by one rule (`finetune.evaluate.pieces`), so neither their size
nor their border tells them apart. Both are asked about again with black borders and captions painted over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from finetune.evaluate.bootstrap import FEW_GROUPS, Group, ratio_of_pairs, rounded
from finetune.evaluate.froc import Hits, JudgedImage, auroc, best_score, froc, judge
from finetune.evaluate.pieces import clean_piece, cut_box, pairs, visible
from finetune.evaluate.tables import format_estimate
from finetune.evaluate.views import Answers, Change, View
from finetune.tiny import LABELS
from pdc.domain.matching import EVALUATION, match
from pdc.domain.values import Box, Mark, Question, Task

if TYPE_CHECKING:
    from finetune.tiny.measure import Field

RESAMPLES = 2000
CUT = "polyps"  # their frames are cut into pieces
FLAT = ("black", "white", "#c08070", "#404858")
PAPERS = (("white", "black", 12), ("black", "white", 18), ("#f4ecd8", "#303030", 28), ("#c08070", "white", 40))  # ground, ink, px
TEXT = "Patient 1042, 14/03/2019. Withdrawn in nine minutes. No lesion seen in any segment. 7 images of 12, grade 0."
PICTURE_WH = (320, 240)
HITS: Mapping[str, Hits] = {
    f"IoU {EVALUATION.iou:g}": lambda found, true: EVALUATION.same(found.shape, true.shape),
    "centre in the box": lambda found, true: _holds(true, found),
}
Say = Callable[[str], None]
Asked = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class CutPair:
    """A clean piece, and a piece of another frame at the same place that shows objects: the true ones are in its pixels."""

    clean: View
    clean_field: Field
    shown: View
    shown_field: Field
    true: tuple[Mark, ...]

    def changed(self, change: Change) -> CutPair:
        return replace(self, clean=replace(self.clean, change=change), shown=replace(self.shown, change=change))


def measure_negatives(answers: Answers, kinds: Mapping[str, Sequence[Field]], say: Say) -> dict[str, object]:
    """Says a line at a time and returns all numbers. `kinds`: dev images of each kind."""
    frames = kinds.get(CUT, [])
    cut = cut_pieces(frames)
    return {
        "none": _none(answers, kinds, say),
        "none where something is": {kind: _missed(answers, kind, some, say) for kind, some in kinds.items()},
        "pieces": {str(change): _pieces(answers, cut, change, say) for change in (Change.NONE, Change.PAINTED)},
        "FROC": _froc(answers, frames, cut, say),
        "several": _several(answers, frames, say),
    }


def cut_pieces(some: Sequence[Field]) -> list[CutPair]:
    """Pieces of frames by the one rule, the same every time."""
    found = pairs([(_size(f), _boxes(f)) for f in some])
    return [
        CutPair(
            View(some[p.clean].path, p.window),
            some[p.clean],
            View(some[p.shown].path, p.window),
            some[p.shown],
            tuple(replace(m, shape=cut_box(b, p.window)) for m, b in _boxed(some[p.shown]) if visible(b, p.window)),
        )
        for p in found
    ]


def _boxed(field: Field) -> list[tuple[Mark, Box]]:
    return [(m, m.shape) for m in field.true.marks if isinstance(m.shape, Box)]


def _boxes(field: Field) -> list[Box]:
    return [box for _, box in _boxed(field)]


def _size(field: Field) -> tuple[int, int]:
    with Image.open(field.path) as file:
        return file.size


def drawn_groups(groups: Sequence[Group]) -> list[Group] | None:
    """The groups to draw from; None, so that images are drawn, where they are too few for an interval."""
    return list(groups) if len(set(groups)) >= FEW_GROUPS else None


def _share(found: Asked, groups: Sequence[Group] = ()) -> list[float] | None:
    return rounded(ratio_of_pairs(found, RESAMPLES, groups=drawn_groups(groups) if groups else None))


def _none(answers: Answers, kinds: Mapping[str, Sequence[Field]], say: Say) -> dict[str, object]:
    """Share of questions about what is not there that are answered with none, by what is shown."""
    shown: dict[str, Asked] = {
        "labels of another kind": [_is_none(answers, View(f.path), [label]) for f, label in _foreign(kinds)],
        "labels of its kind": [_is_none(answers, View(f.path), [label]) for f, label in _absent(kinds)],
        "empty fields": [_is_none(answers, view, f.labels) for f, view in _empty(kinds)],
        "out of focus": [
            _is_none(answers, View(f.path, change=Change.DEFOCUSED), f.labels) for some in kinds.values() for f in some
        ],
        "flat colours": [_says_none(answers, picture, label) for picture, label in product(map(_flat, FLAT), LABELS)],
        "text": [_says_none(answers, _page(*paper), label) for paper, label in product(PAPERS, LABELS)],
    }
    shown["all"] = [one for found in shown.values() for one in found]
    numbers = {name: {"n": len(found), "none": _share(found)} for name, found in shown.items()}
    for name, row in numbers.items():
        say(f"'none', {name}: {format_estimate(row['none'])}, n = {row['n']}")
    return {**numbers}


def _foreign(kinds: Mapping[str, Sequence[Field]]) -> Iterator[tuple[Field, str]]:
    for some in kinds.values():
        for i, field in enumerate(some):
            foreign = [label for label in LABELS if label not in field.labels]
            yield field, foreign[i % len(foreign)]


def _absent(kinds: Mapping[str, Sequence[Field]]) -> Iterator[tuple[Field, str]]:
    for field in (f for some in kinds.values() for f in some):
        present = {m.label for m in field.true.marks}
        yield from ((field, label) for label in field.labels if label not in present)


def _empty(kinds: Mapping[str, Sequence[Field]]) -> Iterator[tuple[Field, View]]:
    """Parts of fields of cells that show none."""
    for field in (f for kind, some in kinds.items() if kind != CUT for f in some):
        if window := clean_piece(_size(field), _boxes(field)):
            yield field, View(field.path, window)


def _flat(colour: str) -> Image.Image:
    return Image.new("RGB", PICTURE_WH, colour)


def _page(ground: str, ink: str, height: int) -> Image.Image:
    """A page of text, letters `height` pixels high."""
    page = Image.new("RGB", PICTURE_WH, ground)
    font, width = ImageFont.load_default(height), max(2 * PICTURE_WH[0] // height, 8)
    lines = [TEXT[i : i + width] for i in range(0, len(TEXT), width)]
    ImageDraw.Draw(page).multiline_text((8, 8), "\n".join(lines * 4), ink, font)
    return page


def _is_none(answers: Answers, view: View, labels: Sequence[str]) -> tuple[float, float]:
    return float(not answers.counted(view, Task.COUNT_AND_BOX, labels)), 1.0


def _says_none(answers: Answers, picture: Image.Image, label: str) -> tuple[float, float]:
    found = answers.look(picture, Question(Task.COUNT_AND_BOX, (label,)))
    return float(not any(m.counts for m in found.marks)), 1.0


def _missed(answers: Answers, kind: str, some: Sequence[Field], say: Say) -> dict[str, object]:
    """The share of images with objects that are answered with none: the zero-case."""
    there = [f for f in some if f.true.marks]
    found = _share([_is_none(answers, View(f.path), f.labels) for f in there], [f.group for f in there])
    say(f"'none' where something is, {kind}: {format_estimate(found)}, n = {len(there)}")
    return {"n": len(there), "none": found}


def _pieces(answers: Answers, cut: Sequence[CutPair], change: Change, say: Say) -> dict[str, object]:
    """How often something is counted on clean pieces and on the others, and how well the best score tells them apart."""
    changed = [p.changed(change) for p in cut]
    clean = [(p.clean, p.clean_field) for p in changed]
    shown = [(p.shown, p.shown_field) for p in changed]
    counted = {}
    for name, side in (("clean", clean), ("with an object", shown)):
        asked = [(1 - _is_none(answers, view, f.labels)[0], 1.0) for view, f in side]
        counted[name] = _share(asked, [f.group for _, f in side])
    told = _told_apart(answers, shown, clean)
    say(
        f"polyp counted on clean pieces, {change}: {format_estimate(counted['clean'])}; on pieces with one: "
        f"{format_estimate(counted['with an object'])}; AUROC {format_estimate(told)}, n = {len(cut)} pairs"
    )
    return {"pairs": len(cut), "counted": counted, "AUROC": told}


def _told_apart(answers: Answers, *sides: Sequence[tuple[View, Field]]) -> list[float] | None:
    scores = [[best_score(answers.marks(v, Task.COUNT_AND_BOX, f.labels)) for v, f in side] for side in sides]
    groups = [[f.group for _, f in side] for side in sides]
    few = drawn_groups([g for some in groups for g in some]) is None
    return rounded(auroc(scores[0], scores[1], None if few else (groups[0], groups[1])))


def _froc(answers: Answers, frames: Sequence[Field], cut: Sequence[CutPair], say: Say) -> dict[str, object]:
    """Sensitivity per object at rates of false marks an image, over the frames and their clean pieces; whatever the score."""
    shown = [(View(f.path), f, f.true.marks) for f in frames] + [(p.clean, p.clean_field, ()) for p in cut]
    numbers: dict[str, object] = {"frames": len(frames), "clean pieces": len(cut)}
    for rule, hits in HITS.items():
        judged = [judge(true, answers.marks(view, Task.COUNT_AND_BOX, f.labels), hits, f.group) for view, f, true in shown]
        found = {f"{rate:g}": rounded(estimate) for rate, estimate in froc(_drawable(judged)).items()}
        said = ", ".join(f"{format_estimate(estimate)} at {rate}" for rate, estimate in found.items())
        say(f"FROC, {rule}: sensitivity {said} false marks an image, {len(frames)} frames, {len(cut)} clean pieces")
        numbers[rule] = found
    return numbers


def _drawable(images: Sequence[JudgedImage]) -> list[JudgedImage]:
    groups = drawn_groups([image.group for image in images])
    return list(images) if groups else [replace(image, group=None) for image in images]


def _several(answers: Answers, frames: Sequence[Field], say: Say) -> dict[str, object]:
    """Frames with two objects and more: how many there are, are said, and are found."""
    some = [f for f in frames if len(f.true.marks) > 1]
    marks = [answers.counted(View(f.path), Task.COUNT_AND_BOX, f.labels) for f in some]
    there, said = sum(len(f.true.marks) for f in some), sum(map(len, marks))
    found = sum(len(match(m, f.true.marks, min_iou=EVALUATION.iou)) for m, f in zip(marks, some, strict=True))
    say(f"frames with several polyps: {len(some)}, with {there} polyps; {said} said, {found} found")
    return {"frames": len(some), "there": there, "said": said, "found": found}


def _holds(box: Mark, other: Mark) -> bool:
    b, c = box.shape, other.shape.center
    return isinstance(b, Box) and b.x1 <= c.x <= b.x2 and b.y1 <= c.y <= b.y2
