"""What an annotation file says, put to the test before anything is stored: labels, questions, pictures, and pictures that come
twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from pdc.domain.errors import BadImage, BadSetting, PdcError
from pdc.domain.geometry import Size
from pdc.domain.message import Message
from pdc.domain.values import Box, Task
from pdc.domain.view import View
from pdc.formats.contents import SPOILED, Contents, LeftOut, What
from pdc.formats.records import Asked, Picture, inside
from pdc.formats.sources.index import FileIndex
from pdc.images.burned_in.door import Passed, TextInImage, TextRule
from pdc.images.intake import Accepted, ImageFiles, accept
from pdc.spool import Once, Spool, spooled

TEXT_IN_IT = (
    "text that may say who somebody is stands in it (places: {n}); import the file again and choose to paint it over "
    "(--burned-in paint) or to keep it (--burned-in keep)"
)
TURNED = "its EXIF data turns it, and its marks are taken as drawn on the picture as it is seen"
Name = Callable[[str], str]
"""The label that a label of the file becomes. BadQuestion when it can be none."""


def renamed(contents: Contents, name: Name) -> tuple[Contents, dict[str, str]]:
    """The contents under the names that the labels have here, and which of them changed. One label may come of several."""
    names, refused = _names(contents, name)
    left_out = Spool(replace(e, label=names.get(e.label or "", e.label)) for e in contents.left_out)
    spoiled = {(e.file, e.label) for e in left_out if e.what is What.OBJECT}
    pictures = Spool[Picture]()
    for picture in contents.pictures:
        asked = _joined(_called(a, names) for a in picture.asked if a.label in names)
        kept = tuple(a for a in asked if (picture.file, a.label) not in spoiled)
        left_out.extend(LeftOut(What.OBJECT, SPOILED, picture.file, a.label) for a in asked if a not in kept for _ in a.shapes)
        refusals = (a.label for a in picture.asked if a.label in refused)
        left_out.extend(LeftOut(What.ANSWER, refused[n], picture.file, n) for n in refusals)
        if kept:
            pictures.append(replace(picture, asked=kept))
    changed = {old: new for old, new in names.items() if old != new}
    return Contents(spooled(pictures), spooled(left_out)), changed


def _told(contents: Contents) -> dict[str, None]:
    """The labels of the file, in order."""
    of_marks = (a.label for p in contents.pictures for a in p.asked)
    return dict.fromkeys(label for label in chain(of_marks, (e.label for e in contents.left_out)) if label)


def _called(asked: Asked, names: Mapping[str, str]) -> Asked:
    question = tuple(dict.fromkeys(names.get(n, n) for n in asked.question))
    return replace(asked, label=names[asked.label], question=question)


def _names(contents: Contents, name: Name) -> tuple[dict[str, str], dict[str, str]]:
    """The new name of each label, and of others why they cannot be labels."""
    names: dict[str, str] = {}
    refused: dict[str, str] = {}
    for label in _told(contents):
        try:
            names[label] = name(label)
        except PdcError as error:
            refused[label] = error.message
    return names, refused


def _joined(asked: Iterable[Asked]) -> list[Asked]:
    """One answer for each question and label: what two spellings of a label mark belongs together."""
    found: dict[tuple[Task, str, tuple[str, ...]], Asked] = {}
    for answer in asked:
        before = found.get(key := (answer.task, answer.label, answer.question))
        joined = before and replace(before, shapes=(*before.shapes, *answer.shapes), count=before.count + answer.count)
        found[key] = joined or answer
    drawn = {a.label for a in found.values() if a.count}
    return [a for a in found.values() if a.count or a.question or a.label not in drawn]


def chosen(contents: Contents, labels: Sequence[str] | None) -> Contents:
    """What is about these labels, in their order; None: all."""
    if labels is None:
        return contents
    known = list(_told(contents))
    if unknown := set(labels) - set(known):
        raise BadSetting(
            "The file has no category {label}; it has {labels}.", label=repr(min(unknown)), labels=", ".join(known) or "none"
        )
    pictures = (replace(p, asked=tuple(a for n in labels for a in p.asked if a.label == n)) for p in contents.pictures)
    left_out = spooled(e for e in contents.left_out if e.label is None or e.label in labels)
    return Contents(spooled(p for p in pictures if p.asked), left_out)


def fitting(contents: Contents, task: Task | None) -> Contents:
    """The pictures with the answers that can answer `task`, one per label; with `task` None, each its own task."""
    pictures, left_out = Spool[Picture](), Spool(contents.left_out)
    for picture, gone in (_fitting(p, task) for p in contents.pictures):
        left_out.extend(gone)
        if picture.asked:
            pictures.append(picture)
    return Contents(spooled(pictures), spooled(left_out))


def _fitting(picture: Picture, task: Task | None) -> tuple[Picture, list[LeftOut]]:
    asked = picture.asked
    if task is not None:
        ranked = sorted(
            asked,
            key=lambda a: (_unfit(a, task) is None, (a.task.has_points, a.task.has_boxes) == (task.has_points, task.has_boxes)),
        )
        best = {a.label: a for a in ranked}
        asked = tuple(best[n] for n in dict.fromkeys(a.label for a in asked))
    unfit = [(a, reason) for a in asked if (reason := _unfit(a, task)) is not None]
    gone = [LeftOut(What.ANSWER, reason, picture.file, a.label) for a, reason in unfit]
    return replace(picture, asked=tuple(a for a in asked if _unfit(a, task) is None)), gone


def _unfit(asked: Asked, wanted: Task | None) -> str | None:
    """Why it cannot answer the task that is wanted (None: its own, in which a reader may have set a point among boxes)."""
    task = wanted or asked.task
    if wanted and wanted.has_boxes and not all(isinstance(s, Box) for s in asked.shapes):
        return f"it marks points, which cannot answer {task}; import it with a task of points"
    if task.has_marks and asked.count and not asked.shapes:
        return f"only its number is known, which cannot answer {task}"
    return None


@dataclass(frozen=True, slots=True)
class Checked:
    """A picture with its image: they belong together. `png` is where the image waits until all are checked; None: nowhere."""

    picture: Picture
    sha256: str
    name: str
    size: Size
    turned: bool
    png: Path | None
    view: View | None = None
    text: Passed | None = None


class Pictures:
    """Finds and decodes the images of the pictures, one by one. `waiting` is the folder where they wait; None keeps none. `rule`
    says what becomes of those with text burned into them."""

    def __init__(
        self, index: FileIndex, pictures: Iterable[Picture], waiting: Path | None, max_megapixels: float, rule: TextRule
    ) -> None:
        self._index, self._waiting, self._max_megapixels, self._rule = index, waiting, max_megapixels, rule
        self._place = index.names.places(lambda: ((p.file, p.beside) for p in pictures if p.data is None))

    def check(self, picture: Picture) -> Checked | LeftOut:
        """The picture with its image, when the two belong together."""
        place = None if picture.data is not None else self._place((picture.file, picture.beside))
        try:
            picture = _named(picture, place)
            accepted = accept(self._bytes(picture, place), picture.name, max_megapixels=self._max_megapixels)
            passed = self._rule.passed(accepted)
            accepted = passed.image
            size = accepted.width, accepted.height
            picture = _within(picture, size)
        except TextInImage as error:
            return LeftOut(What.IMAGE, Message(TEXT_IN_IT, n=len(error.boxes)), picture.file)
        except (BadImage, BadSetting) as error:
            return LeftOut(What.IMAGE, error.message, picture.file)
        shown = self._index.seen(place) if isinstance(place, str) else None
        turned = shown is not None and shown.orientation != 1
        return Checked(picture, accepted.sha256, accepted.name, size, turned, self._kept(accepted), accepted.view, passed)

    def _bytes(self, picture: Picture, place: str | BadSetting | None) -> bytes:
        if picture.data is not None:
            return picture.data()
        if not isinstance(place, str):
            raise place or BadSetting("no image of this name is there; put the images beside the annotations.")
        return self._index.read(place)

    def _kept(self, accepted: Accepted) -> Path | None:
        if self._waiting is None:
            return None
        return ImageFiles(self._waiting).put(accepted)


def _named(picture: Picture, place: str | BadSetting | None) -> Picture:
    """With the name and the place of the file that is there, where the annotations only say how a tool calls it."""
    if not isinstance(place, str):
        return picture
    own = PurePosixPath(picture.file).name, normalize("NFC", PurePosixPath(place).name)
    name = own[1] if picture.name in (picture.file, own[0]) else picture.name
    return replace(picture, name=name, group=place if picture.group == picture.file else picture.group)


def _within(picture: Picture, size: Size) -> Picture:
    """The picture with its marks cut at the border; BadSetting when one lies outside, BadImage when the sizes differ."""
    if picture.size is not None and size != picture.size:
        raise BadImage(
            f"it has {size[0]} x {size[1]} pixels when upright, and the annotations say "
            f"{picture.size[0]} x {picture.size[1]}; its marks would be misplaced. Correct the file."
        )
    asked = (replace(a, shapes=tuple(inside(s, size, "a mark of it") for s in a.shapes)) for a in picture.asked)
    return picture if picture.size is not None else replace(picture, asked=tuple(asked))


def apart(checked: Collection[Checked]) -> tuple[Collection[Checked], Collection[LeftOut]]:
    """Each picture once. What two say alike is taken once; where they differ nobody knows who is right, and neither is taken."""
    met, several = Once(), Once()
    for one in checked:
        if not met.add(one.sha256):
            several.add(one.sha256)
    dropped, left_out = _dropped((i, one) for i, one in enumerate(checked) if one.sha256 in several)
    rest = (_without(one, dropped.get(i, frozenset())) for i, one in enumerate(checked))
    return spooled(one for one in rest if one.picture.asked), left_out


def _dropped(several: Iterable[tuple[int, Checked]]) -> tuple[dict[int, set[tuple[object, ...]]], list[LeftOut]]:
    """Of pictures that come several times, each with its place: which answers at which place are not taken, and why."""
    said: dict[tuple[object, ...], list[tuple[int, Checked, Asked]]] = {}
    for i, one in several:
        for asked in one.picture.asked:
            said.setdefault((one.sha256, *_asked_for(asked)), []).append((i, one, asked))
    left_out: list[LeftOut] = []
    dropped: dict[int, set[tuple[object, ...]]] = {}
    for own in said.values():
        if len({i for i, _, _ in own}) == 1:
            continue
        alike = all(_same(own[0][2], asked) for _, _, asked in own)
        for i, one, asked in own[1:] if alike else own:
            dropped.setdefault(i, set()).add(_asked_for(asked))
            other = next(o for k, o, _ in own if k != i)
            reason = _twice(one.picture.file, other.picture.file, alike=alike)
            left_out.append(LeftOut(What.ANSWER, reason, one.picture.file, asked.label))
    return dropped, left_out


def _twice(file: str, other: str, *, alike: bool) -> str:
    if file == other:
        said = "alike, so it is taken once" if alike else "differently, so it is not taken; keep the right one in the file"
        return f"two records of the image say it {said}"
    if alike:
        return f"{other} is the same picture with the same marks, so it is taken once"
    return f"{other} is the same picture with other marks, so neither is taken; keep the right one in the file"


def _asked_for(asked: Asked) -> tuple[object, ...]:
    return asked.task, asked.label, asked.question


def _without(one: Checked, dropped: Collection[tuple[object, ...]]) -> Checked:
    if not dropped:
        return one
    asked = tuple(a for a in one.picture.asked if _asked_for(a) not in dropped)
    return replace(one, picture=replace(one.picture, asked=asked))


def _same(a: Asked, b: Asked) -> bool:
    return a.count == b.count and Counter(a.shapes) == Counter(b.shapes)
