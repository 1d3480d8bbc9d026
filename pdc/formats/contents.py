"""What a reader made of an annotation file: the pictures that may be stored, and what was left out and why. Pure.

A review says everything about its labels. So a label goes out of an image with the first object of it that is left out, and
a label is "none" only where the file says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from pdc.domain.errors import PdcError
from pdc.domain.message import Message, joined
from pdc.domain.values import Box
from pdc.formats.records import Asked, Picture
from pdc.formats.sources.index import FileIndex
from pdc.spool import Once, Spool, spooled

SPOILED = "another object there was left out, and the rest would look complete"
SILENT = 'nothing is drawn, and the file does not say that none is there (--complete takes it as "none")'
EMPTY = "it is empty, and no label is drawn anywhere that it could be empty of"
UNSEEN = "it was auto-accepted, and nobody has looked at it"
UNUSED = "no object that is taken over has it"
NAMED = 5
GROUPS = 10
T = TypeVar("T")


class What(StrEnum):
    """What was left out. ANSWER: what an image says about a label. SIZE: the extent of a box that is kept as a point.

    POSE, OUTLINE: the keypoints or the outline of an object whose box is kept. FILE: a whole annotation file.
    """

    OBJECT = "object"
    IMAGE = "image"
    LABEL = "label"
    ANSWER = "answer"
    ANNOTATION = "annotation"
    SIZE = "box size"
    OUTLINE = "outline"
    POSE = "pose"
    FILE = "file"


class Silence(StrEnum):
    """What it means that a label is not drawn in an image.

    TOLD: the file lists what was asked there, and the rest is unknown. NONE: a file of its own says that the image is empty.
    """

    TOLD = "told"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in a file that is not stored. `file` None: in no single image; `label` None: whatever its label."""

    what: What
    reason: str
    file: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What a file says about one image, before anything is concluded from silence."""

    picture: Picture
    silence: Silence
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file comes to."""

    pictures: Collection[Picture]
    left_out: Collection[LeftOut]


def gather(sources: Iterable[T], read: Callable[[T], Record | LeftOut], name: Callable[[T], str]) -> list[Record | LeftOut]:
    """What `read` makes of each source. One that is wrong is an image left out, with the sentence that says what is wrong."""
    return list(gathered(sources, read, name))


def gathered(sources: Iterable[T], read: Callable[[T], Record | LeftOut], name: Callable[[T], str]) -> Iterator[Record | LeftOut]:
    """`gather`, one by one."""
    for source in sources:
        try:
            yield read(source)
        except PdcError as error:
            yield LeftOut(What.IMAGE, error.message, name(source))


def placed(entries: Iterable[Record | LeftOut], index: FileIndex, beside: str) -> list[Record | LeftOut]:
    """The entries of an annotation file, each knowing its file. A name that is exact beside it becomes the path from the top."""
    return list(placing(entries, index, beside))


def placing(entries: Iterable[Record | LeftOut], index: FileIndex, beside: str) -> Iterator[Record | LeftOut]:
    """`placed`, one by one."""

    def path(name: str) -> str:
        return found if index.has(found := index.beside(beside, name)) else name

    def there(entry: Record | LeftOut) -> Record | LeftOut:
        if isinstance(entry, LeftOut):
            return replace(entry, file=entry.file and path(entry.file))
        picture, file = entry.picture, path(entry.picture.file)
        group = file if picture.group == picture.file else picture.group
        left_out = tuple(replace(e, file=e.file and path(e.file)) for e in entry.left_out)
        return replace(entry, picture=replace(picture, file=file, group=group, beside=beside), left_out=left_out)

    return map(there, entries)


def together(parts: Iterable[Contents]) -> Contents:
    """Of several sets, one after the other."""
    pictures, left_out = Spool[Picture](), Spool[LeftOut]()
    for part in parts:
        pictures.extend(part.pictures)
        left_out.extend(part.left_out)
    return Contents(spooled(pictures), spooled(left_out))


def settle(entries: Iterable[Record | LeftOut], labels: Sequence[str] | None = None, complete: bool = False) -> Contents:
    """The pictures that may be stored. `labels` are those the file declares; None: those that it uses, as they come.

    `complete` says that every image was looked at for every label that is used: what is not drawn is "none".
    """
    entries = spooled(entries)
    drawn = dict.fromkeys(label for r in entries if isinstance(r, Record) for label in _labels(r))
    used = [n for n in dict.fromkeys(drawn if labels is None else labels) if n in drawn]
    pictures, left = Spool[Picture](), Spool[LeftOut](e for e in entries if isinstance(e, LeftOut))
    left.extend(LeftOut(What.LABEL, UNUSED, label=n) for n in dict.fromkeys(labels or ()) if n not in drawn)
    for record in (e for e in entries if isinstance(e, Record)):
        picture, more = _settled(record, used, complete)
        left.extend((*record.left_out, *more))
        if picture.asked:
            pictures.append(picture)
    return Contents(spooled(pictures), spooled(left))


def _labels(record: Record) -> list[str]:
    return [a.label for a in record.picture.asked] + [e.label for e in record.left_out if e.label is not None]


def _settled(record: Record, used: Sequence[str], complete: bool) -> tuple[Picture, list[LeftOut]]:
    picture, spoiled = record.picture, {e.label for e in record.left_out if e.what in (What.OBJECT, What.IMAGE)}
    seen = [a for a in picture.asked if not a.unseen]
    kept = [a for a in seen if spoiled.isdisjoint((None, a.label)) and _agrees(a)]
    left = [e for a in seen if a not in kept for e in _gone(picture.file, a)]
    left += [LeftOut(What.ANSWER, UNSEEN, picture.file, a.label) for a in picture.asked if a.unseen]
    unsaid = [] if record.silence is Silence.TOLD or None in spoiled else [n for n in used if n not in _labels(record)]
    if complete or (record.silence is Silence.NONE and not spoiled):
        kept += [Asked.of_shapes(n, ()) for n in unsaid]
    else:
        left += _unsaid(picture, unsaid, whole=not record.left_out)
    if record.silence is not Silence.TOLD:
        kept.sort(key=lambda a: used.index(a.label))
    if not kept and not left and not record.left_out:
        left.append(LeftOut(What.IMAGE, SILENT if record.silence is Silence.UNKNOWN else EMPTY, picture.file))
    sizes = [
        LeftOut(What.SIZE, "it lies beside points of its label, so its centre is kept", picture.file, a.label)
        for a in kept
        if a.task.has_points
        for s in a.shapes
        if isinstance(s, Box)
    ]
    return replace(picture, asked=tuple(map(_pointed, kept))), left + sizes


def _agrees(asked: Asked) -> bool:
    return not asked.task.has_marks or asked.count == len(asked.shapes)


def _gone(file: str, asked: Asked) -> list[LeftOut]:
    if _agrees(asked):
        return [LeftOut(What.OBJECT, SPOILED, file, asked.label) for _ in asked.shapes]
    reason = f"its count is {asked.count}, and {len(asked.shapes)} are marked"
    return [LeftOut(What.ANSWER, reason, file, asked.label)]


def _unsaid(picture: Picture, labels: Sequence[str], *, whole: bool) -> list[LeftOut]:
    if whole and labels and not picture.asked:
        return [LeftOut(What.IMAGE, SILENT, picture.file)]
    return [LeftOut(What.ANSWER, SILENT, picture.file, n) for n in labels]


def _pointed(asked: Asked) -> Asked:
    """Points where points were asked: of a box beside them its centre."""
    return replace(asked, shapes=tuple(s.center for s in asked.shapes)) if asked.task.has_points else asked


@dataclass(slots=True)
class Group:
    """What was left out for one reason: how many, the first few of which, and how many there are of different names."""

    n: int = 0
    first: list[str] = field(default_factory=list)
    names: Once = field(default_factory=Once)

    def add(self, name: str) -> None:
        self.n += 1
        if name and self.names.add(name) and len(self.first) < NAMED:
            self.first.append(name)


def told_left_out(left_out: Iterable[LeftOut]) -> Message:
    """A sentence per kind and reason: how many, which, and why. Empty when nothing was left out."""
    groups = grouped(left_out)
    sentences = [_sentence(what, reason, group) for (what, reason), group in islice(groups.items(), GROUPS)]
    rest = sum(group.n for group in islice(groups.values(), GROUPS, None))
    more = Message("Left out {n} more, for {m} more reasons.", n=rest, m=len(groups) - GROUPS) if rest else ""
    return joined([*sentences, more])


def grouped(left_out: Iterable[LeftOut]) -> dict[tuple[What, str], Group]:
    """Which, for each kind and reason, in order."""
    groups: dict[tuple[What, str], Group] = {}
    for entry in left_out:
        groups.setdefault((entry.what, entry.reason), Group()).add(_name(entry))
    return groups


def _name(entry: LeftOut) -> str:
    return " in ".join(v for v in (entry.label, entry.file) if v is not None)


def _sentence(what: What, reason: str, group: Group) -> Message:
    n = group.n
    noun = Message(what if n == 1 else f"{what}s")
    said = Message("Left out {n} {what}: {why}", n=n, what=noun, why=reason)
    if group.first:
        said = Message("Left out {n} {what} ({which}): {why}", n=n, what=noun, which=_listed(group), why=reason)
    return said if reason.endswith((".", "?")) else joined([said, "."], "")


def _listed(group: Group) -> str:
    first, more = ", ".join(group.first), len(group.names) - NAMED
    return Message("{names} and {n} more", names=first, n=more) if more > 0 else first


def counted(number: int, noun: str) -> str:
    """1 image, 2 images."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
