"""What every annotation format is read into and written from: a picture, and per label what was asked and found. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from pdc.domain.errors import BadSetting, PdcError
from pdc.domain.geometry import Size, clip
from pdc.domain.values import Box, Image, Mark, Point, Review, Shape, Task, Verdict, check_label
from pdc.formats.shapes.outlines import cut, drawn, outline_of, polygon_of, traced

Corners = tuple[float, ...]
SignedBy = tuple[str, str]
"""who signed a review, and when (ISO 8601)"""
OTHER = "other"
Holds = Callable[[Shape], bool]
"""whether a format has a place for a shape that other programs find"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One label of a question about a picture: its shapes in pixels, and their number (all there is when counting).

    `question` are the labels that were asked together; empty when nothing says so. `complete`: the shapes are all there are;
    where they are not, a label without any is not "none". `signed`: who signed the review, and when. `unseen`: it was
    auto-accepted, and nobody has looked at it.
    """

    task: Task
    label: str
    shapes: tuple[Shape, ...]
    count: int
    question: tuple[str, ...] = ()
    complete: bool = True
    signed: SignedBy | None = field(default=None, compare=False)
    unseen: bool = False

    @property
    def none(self) -> bool:
        """Whether it says that nothing of the label is there."""
        return self.complete and not self.count

    @property
    def kind(self) -> tuple[str, bool, bool]:
        """What a file has one place for: the boxes of a label, its points, or its number."""
        return self.label, self.task.has_boxes, self.task.has_points

    @classmethod
    def of_shapes(cls, label: str, shapes: Sequence[Shape]) -> Asked:
        """As boxes if all are, or there is nothing at all, else as points: only points tell all of a mixture."""
        task = Task.BOUNDING if all(isinstance(s, Box) for s in shapes) else Task.POINTING
        return cls(task, label, tuple(shapes), len(shapes))


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file and what is in it. `size` is (width, height) as the annotations say, None when they do not; `data`
    reads the file's bytes where the annotations carry them; `beside` is the annotation file, from which `file` is looked up;
    `sha256` is the stored image's, empty when it is not known."""

    file: str
    name: str
    group: str
    size: Size | None
    asked: tuple[Asked, ...]
    data: Callable[[], bytes] | None = None
    beside: str = ""
    sha256: str = ""

    @property
    def known_size(self) -> Size:
        """`size` of a picture that must have one: it is to be written, or its file has been opened."""
        assert self.size is not None, f"the size of {self.file} is not known"
        return self.size


@dataclass(frozen=True, slots=True)
class Case:
    """An image, its current reviews that say what is in it, oldest first, and the file that it is written to."""

    image: Image
    reviews: tuple[Review, ...]
    file: str
    signed: Mapping[str, SignedBy] = field(default_factory=dict)
    """the id of each review that is signed -> by whom"""


def picture_of(case: Case) -> Picture:
    """Every answer of every review."""
    image = case.image
    asked = [
        replace(_asked(review, label), signed=case.signed.get(review.id))
        for review in case.reviews
        for label in review.question.labels
    ]
    return Picture(case.file, image.name, image.group, (image.width, image.height), tuple(asked), sha256=image.sha256)


def marks_of(review: Review, label: str) -> list[Mark]:
    return [m for m in review.findings.marks if m.counts and m.label == label]


def _asked(review: Review, label: str) -> Asked:
    task = review.question.task
    shapes = tuple(drawn(m) for m in marks_of(review, label)) if task.has_marks else ()
    count = review.findings.counts(task).get(label, 0)
    unseen = review.verdict is Verdict.AUTO_ACCEPTED
    return Asked(task, label, shapes, count, review.question.labels, review.findings.complete, unseen=unseen)


def has_area(shape: Shape) -> bool:
    """Whether it is a point or a box that encloses something: of others most programs stumble over a box of no size."""
    return not isinstance(shape, Box) or shape.area > 0


def is_drawn_box(shape: Shape) -> bool:
    return isinstance(shape, Box) and shape.area > 0


def shown(picture: Picture) -> list[bool]:
    """Per answer whether other programs see it: of several about a label's boxes, points or number only the newest."""
    newest = {a.kind: i for i, a in enumerate(picture.asked)}
    return [newest[a.kind] == i for i, a in enumerate(picture.asked)]


def visible(picture: Picture, holds: Holds) -> list[tuple[str, Shape]]:
    """(label, shape) of what a format that holds such shapes shows to other programs."""
    answers = [a for a, is_shown in zip(picture.asked, shown(picture), strict=True) if is_shown]
    return [(a.label, s) for a in answers for s in a.shapes if holds(s)]


def says_all(picture: Picture, holds: Holds) -> bool:
    """Whether a file of only what is visible is no lie: it shows something, or nothing is there."""
    return bool(visible(picture, holds)) or all(a.none for a in picture.asked)


def joined(pictures: Sequence[Picture]) -> list[Picture]:
    """One picture per file, in order; what was asked about it, one after the other."""
    found: dict[str, Picture] = {}
    for picture in pictures:
        before = found.get(picture.file)
        found[picture.file] = replace(before, asked=(*before.asked, *picture.asked)) if before else picture
    return list(found.values())


def numbers(shape: Shape) -> list[float]:
    """x1, y1, x2, y2 of a box, x, y of a point; in pixels."""
    return list(shape.xyxy) if isinstance(shape, Box) else [shape.x, shape.y]


def shape_of(values: Any, size: Size | None, where: str) -> Shape:
    """A point of two numbers or a box of four corners, cut at the picture's border; BadSetting says where it is not."""
    if not isinstance(values, list | tuple) or len(values) not in (2, 4) or not all(map(is_number, values)):
        raise BadSetting("{where} has no two numbers of a point or four of a box; correct the file.", where=where)
    if len(values) == 2:
        shape: Shape = Point(*map(float, values))
    elif values[0] > values[2] or values[1] > values[3]:
        raise BadSetting("{where} has a box turned inside out; correct the file.", where=where)
    else:
        shape = Box(*values)
    return shape if size is None else inside(shape, size, where)


def inside(shape: Shape, size: Size, where: str) -> Shape:
    """The shape, cut at the picture's border. BadSetting when it is further out than rounding takes it."""
    for value, side in zip(numbers(shape), (*size, *size), strict=False):
        slack = max(1.0, 0.01 * side)
        if not -slack <= value <= side + slack or not keeps_area(shape, size):
            raise BadSetting(
                "{where} lies outside its image ({value} of {side} pixels); was it drawn at another size?",
                where=where,
                value=f"{value:g}",
                side=side,
            )
    return cut(shape, size)


def reaching(shape: Shape, size: Size, where: str) -> Shape:
    """The shape, cut at the picture's border however far it reaches over it; BadSetting when its centre is outside."""
    if clip(shape.center, size) != shape.center:
        raise BadSetting("{where} lies outside its image; was it drawn at another size?", where=where)
    return cut(shape, size)


def keeps_area(shape: Shape, size: Size) -> bool:
    """Whether something of a box with an area is left when it is cut at the picture's border."""
    return not isinstance(shape, Box) or not shape.area or clip(shape, size).area > 0


def is_number(value: Any) -> TypeGuard[float]:
    return type(value) in (int, float) and -1e9 < value < 1e9


def exact(found: Corners, kept: Any) -> Corners:
    """The corners kept beside shares of 1, as long as no other program has changed the shares since."""
    if not isinstance(kept, list) or len(kept) != len(found) or not all(map(is_number, kept)):
        return tuple(round(v, 9) for v in found)
    same = all(abs(a - b) < 1e-6 for a, b in zip(found, kept, strict=True))
    return tuple(kept) if same else tuple(round(v, 9) for v in found)


def told(picture: Picture, holds: Holds) -> dict[str, Any]:
    """What a format has no place for: name, group, what was asked, also where nothing was found, and shapes it cannot show."""
    asked = [_entry(a, is_shown, holds) for a, is_shown in zip(picture.asked, shown(picture), strict=True)]
    return {"name": picture.name, "group": picture.group, "sha256": picture.sha256, "asked": asked}


def _entry(asked: Asked, is_shown: bool, holds: Holds) -> dict[str, Any]:
    """`shapes` holds null for each one that the file shows, or "other" where it is a point among boxes or a box among points;
    without it the file shows all. `older`: it shows none of them."""
    entry = {"task": str(asked.task), "label": asked.label, "count": asked.count, "question": list(asked.question)}
    shapes = [_slot(s, asked.task) if is_shown and holds(s) else _written(s) for s in asked.shapes]
    entry |= {"shapes": shapes} if any(shapes) else {}
    entry |= {} if asked.complete else {"complete": False}
    entry |= {"verdict": str(Verdict.AUTO_ACCEPTED)} if asked.unseen else {}
    entry |= dict(zip(("signed_by", "signed_at"), asked.signed, strict=True)) if asked.signed else {}
    return entry if is_shown else {**entry, "older": True}


def _slot(shape: Shape, task: Task) -> str | None:
    return None if isinstance(shape, Box) == task.has_boxes else OTHER


def _written(shape: Shape) -> Any:
    outline = outline_of(shape)
    return {"box": numbers(shape), "outline": outline} if outline else numbers(shape)


def with_told(picture: Picture, value: Any) -> Picture:
    """The picture with what `told` said about it. What the file shows is its own: another program may have changed it."""
    if not isinstance(value, Mapping):
        return picture
    left = _by_kind(picture)
    told = [a for entry in value.get("asked") or () if (a := _told_asked(entry, left)) is not None]
    asked = [_with_rest(a, left) if is_shown else a for a, is_shown in told]
    drawn = [Asked.of_shapes(label, shapes) for (label, _), shapes in left.items() if shapes]  # by another program
    redrawn = {a.label for a in drawn}
    asked = [a for a in asked if a.shapes or not a.count or a.label not in redrawn]
    name, group = (v if isinstance(v := value.get(key), str) and v else getattr(picture, key) for key in ("name", "group"))
    asked = [replace(a, count=len(a.shapes)) if a.task.has_marks else a for a in asked]
    return replace(picture, name=name, group=group, asked=(*asked, *drawn))


def only_kept(value: Any) -> dict[str, Any] | None:
    """Of what `told` said, the answers that need nothing of what the file shows; None when all of them do, or are "none"."""
    entries = value.get("asked") if isinstance(value, Mapping) else None
    asked = [e for e in entries if isinstance(e, Mapping) and _needs_no_file(e)] if isinstance(entries, list) else []
    return {**value, "asked": asked} if any(e.get("count") or e.get("complete") is False for e in asked) else None


def _needs_no_file(entry: Mapping[str, Any]) -> bool:
    shapes = entry.get("shapes")
    kept = isinstance(shapes, list) and not any(s is None or s == OTHER for s in shapes)
    return not entry.get("count") or entry.get("task") == Task.COUNTING or kept


def _by_kind(picture: Picture) -> dict[tuple[str, bool], list[Shape]]:
    """The shapes of each label, boxes (True) and points (False) apart."""
    found: dict[tuple[str, bool], list[Shape]] = {}
    for asked in picture.asked:
        for shape in asked.shapes:
            found.setdefault((asked.label, isinstance(shape, Box)), []).append(shape)
    return found


def _told_asked(entry: Any, left: dict[tuple[str, bool], list[Shape]]) -> tuple[Asked, bool] | None:
    """The answer, with as many of the shapes that are left as it had, and whether the file shows them; `count` is as told."""
    try:
        task, label, count = Task(entry["task"]), check_label(entry["label"]), int(entry["count"])
        question = tuple(map(check_label, entry.get("question") or ()))
        slots = entry.get("shapes") or [None] * (count if task.has_marks and not entry.get("older") else 0)
        shapes = [_taken(slot, (label, task.has_boxes), left) for slot in slots]
    except (TypeError, KeyError, ValueError, AttributeError, PdcError):
        return None
    found = tuple(s for s in shapes if s is not None)
    complete, unseen = entry.get("complete") is not False, entry.get("verdict") == Verdict.AUTO_ACCEPTED
    return Asked(task, label, found, count, question, complete, unseen=unseen), not entry.get("older")


def _taken(slot: Any, kind: tuple[str, bool], left: dict[tuple[str, bool], list[Shape]]) -> Shape | None:
    if slot is None or slot == OTHER:
        shapes = left.get(kind if slot is None else (kind[0], not kind[1]), [])
        return shapes.pop(0) if shapes else None
    if not isinstance(slot, Mapping):
        return shape_of(slot, None, kind[0])
    box = shape_of(slot["box"], None, kind[0])
    return traced(tuple(polygon_of(p, kind[0]) for p in slot["outline"]), box) if isinstance(box, Box) else box


def _with_rest(asked: Asked, left: dict[tuple[str, bool], list[Shape]]) -> Asked:
    """The answer with what another program drew more of its kind."""
    return (
        replace(asked, shapes=(*asked.shapes, *left.pop((asked.label, asked.task.has_boxes), ())))
        if asked.task.has_marks
        else asked
    )
