"""What every annotation format is read into and written from: a picture, and per label what was asked and found. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size, clip
from pdc.domain.values import Box, Image, Mark, Point, Review, Shape, Task, check_label

Corners = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One label of a question about a picture: its shapes in pixels, and their number (all there is when counting)."""

    task: Task
    label: str
    shapes: tuple[Shape, ...]
    count: int

    @classmethod
    def of_shapes(cls, label: str, shapes: Sequence[Shape]) -> Asked:
        """As boxes if all are, or there is nothing at all, else as points: only points tell all of a mixture."""
        task = Task.BOUNDING if all(isinstance(s, Box) for s in shapes) else Task.POINTING
        return cls(task, label, tuple(shapes), len(shapes))


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file and what is in it. `size` is (width, height) as the annotations say, None when they do not; `data`
    are the file's bytes where the annotations carry them; `beside` is the annotation file, from which `file` is looked up."""

    file: str
    name: str
    group: str
    size: Size | None
    asked: tuple[Asked, ...]
    data: bytes | None = None
    beside: str = ""

    @property
    def known_size(self) -> Size:
        """`size` of a picture that must have one: it is to be written, or its file has been opened."""
        assert self.size is not None, f"the size of {self.file} is not known"
        return self.size


@dataclass(frozen=True, slots=True)
class Case:
    """An image and its current reviews that say what is in it, oldest first."""

    image: Image
    reviews: tuple[Review, ...]


def picture_of(case: Case) -> Picture:
    """Per label one answer: boxes are preferred to points, points to a bare count, a newer review to an older one."""
    image = case.image
    asked = [_asked(review, label) for label, review in best(case).items()]
    return Picture(f"images/{image.sha256}.png", image.name, image.group, (image.width, image.height), tuple(asked))


def best(case: Case) -> dict[str, Review]:
    """Per label the review that tells most about it."""
    by_worth = sorted(case.reviews, key=lambda r: (r.question.task.has_marks, r.question.task.has_boxes))
    return {label: review for review in by_worth for label in review.question.labels}


def marks_of(review: Review, label: str) -> list[Mark]:
    return [m for m in review.findings.marks if m.counts and m.label == label]


def _asked(review: Review, label: str) -> Asked:
    task = review.question.task
    shapes = tuple(m.shape for m in marks_of(review, label)) if task.has_marks else ()
    return Asked(task, label, shapes, review.findings.counts(task).get(label, 0))


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
        raise BadSetting(f"{where} has no two numbers of a point or four of a box; correct the file.")
    if len(values) == 2:
        shape: Shape = Point(*map(float, values))
    elif values[0] > values[2] or values[1] > values[3]:
        raise BadSetting(f"{where} has a box turned inside out; correct the file.")
    else:
        shape = Box(*values)
    return shape if size is None else inside(shape, size, where)


def inside(shape: Shape, size: Size, where: str) -> Shape:
    """The shape, cut at the picture's border. BadSetting when it is further out than rounding takes it."""
    for value, side in zip(numbers(shape), (*size, *size), strict=False):
        slack = max(1.0, 0.01 * side)
        if not -slack <= value <= side + slack or not keeps_area(shape, size):
            raise BadSetting(f"{where} lies outside its image ({value:g} of {side} pixels); was it drawn at another size?")
    return clip(shape, size)


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


def told(picture: Picture) -> dict[str, Any]:
    """What formats have no place for: name, group, and what was asked, also where nothing was found."""
    asked = [{"task": str(a.task), "label": a.label, "count": a.count} for a in picture.asked]
    return {"name": picture.name, "group": picture.group, "asked": asked}


def with_told(picture: Picture, value: Any) -> Picture:
    """The picture with what `told` said about it; its shapes are its own."""
    if not isinstance(value, Mapping):
        return picture
    shapes = {a.label: a.shapes for a in picture.asked}
    asked = [a for entry in value.get("asked") or () if (a := _told_asked(entry, shapes)) is not None]
    rest = [a for a in picture.asked if a.label not in {b.label for b in asked}]
    name, group = (v if isinstance(v := value.get(key), str) and v else getattr(picture, key) for key in ("name", "group"))
    return replace(picture, name=name, group=group, asked=(*asked, *rest))


def _told_asked(entry: Any, shapes: Mapping[str, tuple[Shape, ...]]) -> Asked | None:
    try:
        task, label, count = Task(entry["task"]), check_label(entry["label"]), int(entry["count"])
    except (TypeError, KeyError, ValueError):
        return None
    found = shapes.get(label, ())
    if not task.has_marks and not found:
        return Asked(task, label, (), count)
    fits = all(isinstance(s, Box) == task.has_boxes for s in found)
    return Asked(task, label, found, len(found)) if fits else Asked.of_shapes(label, found)
