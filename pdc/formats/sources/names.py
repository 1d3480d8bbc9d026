"""Finds the picture that an annotation file means, among those that are there. Never guesses between two. Pure.

Names differ in the way tools write them: Unicode form, %20, upper case, Label Studio's upload hash, a suffix that is missing.
Folders differ in the way data sets are laid out: images/, JPEGImages/, train/images/. Other folders have to agree.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from unicodedata import normalize
from urllib.parse import unquote

from pdc.domain.errors import BadSetting

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".gif")
IMAGES = {"images", "image", "img", "imgs", "jpegimages", "pngimages", "files", "media", "default", "obj_train_data"}
MARKS = {"annotations", "annotation", "anns", "ann", "labels", "label", "labelled", "json", "xml", "txt"}
LAYOUT = IMAGES | MARKS | {"data", "dataset", "upload", "uploads", "local-files"}
"""folders that say how a data set lies, and not which image is meant"""
MASKS = {"segmentationclass", "segmentationobject", "segmentation", "masks", "mask"}
SPLITS = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test"}
NOWHERE = "no image of this name is there; put the images beside the annotations."
Parts = tuple[str, ...]


def is_image(file: str) -> bool:
    return file.lower().endswith(SUFFIXES)


def split_of(word: str) -> str | None:
    """train, val or test for a folder such as `valid` or `train2017`; None for another word."""
    plain = word.casefold().rstrip("0123456789")
    plain = SPLITS.get(plain, plain)
    return plain if plain in ("train", "val", "test") else None


def _stem(name: str) -> str:
    return name[: name.rindex(".")] if is_image(name) else name


def _hash_off(name: str) -> str:
    return re.sub(r"^[0-9a-f]{8}-(?=.)", "", name)


LEVELS: tuple[Callable[[str], str], ...] = (  # each on top of the ones before: how a name is compared, strictest first
    lambda name: normalize("NFC", name),
    lambda name: normalize("NFC", unquote(name)),
    str.casefold,
    lambda name: re.sub(r"[^\w.-]", "", name.replace(" ", "_")),  # as Django's storage, and so Label Studio, keeps it
    _hash_off,
    _stem,
)


def spellings(name: str) -> list[str]:
    """The name as each level compares it."""
    found: list[str] = []
    for level in LEVELS:
        name = level(name)
        found.append(name)
    return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """A name as an annotation file writes it, and that file. `far`: on another disk or server, whose folders are others."""

    folders: Parts
    last: str
    beside: Parts
    far: bool

    @classmethod
    def of(cls, name: str, beside: str) -> Wanted:
        plain = re.sub(r"^[a-z][a-z0-9+.-]+://", "/", name.replace("\\", "/"), flags=re.IGNORECASE)
        plain = plain.split("?d=")[-1] if "?d=" in plain else plain.split("?")[0] if plain != name else plain
        far = plain.startswith("/") or re.match(r"[a-zA-Z]:", plain) is not None
        parts = [p for p in plain.split("/") if p not in ("", ".", "..")]
        return cls(tuple(parts[:-1]), parts[-1] if parts else "", PurePosixPath(beside).parts, far)

    @property
    def exact(self) -> list[str]:
        """Where it lies if the name is meant as it stands: from its annotation file, or from the top."""
        inside = (*self.folders, self.last)
        return list(dict.fromkeys("/".join(parts) for parts in ((*self.beside[:-1], *inside), inside)))

    @property
    def splits(self) -> set[str]:
        words = [w for part in (*self.folders, *self.beside) for w in re.split(r"[_.\-]", part)]
        return {s for w in words if (s := split_of(w))}


@dataclass(frozen=True, slots=True)
class Found:
    """A picture that fits a name. `worth`: the less, the better it fits; (0, 0) is exact."""

    path: str
    worth: tuple[int, int]


class ImageNames:
    """The pictures of an index, found by name. A file without a picture's suffix is found by its exact path only."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = frozenset(files)
        self._levels: dict[int, dict[str, list[str]]] = {}

    @cached_property
    def _scopes(self) -> set[Parts]:
        folders = {PurePosixPath(image).parts[:-1] for image in self._images()}
        return {parts[:i] for parts in folders for i in range(len(parts) + 1)} | {()}

    def _images(self) -> Iterator[str]:
        shown = (image for image in self._files if is_image(image))
        return (i for i in shown if MASKS.isdisjoint(p.casefold() for p in PurePosixPath(i).parts[:-1]))

    def _spelt(self, level: int) -> dict[str, list[str]]:
        """The images by their names as this level compares them. Made when it is asked for: most sets need only the first."""
        if level not in self._levels:
            found: dict[str, list[str]] = defaultdict(list)
            for image in sorted(self._images()):
                found[spellings(PurePosixPath(image).name)[level]].append(image)
            self._levels[level] = found
        return self._levels[level]

    def find(self, name: str, beside: str = "") -> str | None:
        """The picture's path, or None when none or several fit."""
        try:
            return self.located(name, beside).path
        except BadSetting:
            return None

    def located(self, name: str, beside: str = "") -> Found:
        """BadSetting says why none can be told."""
        wanted = Wanted.of(name, beside)
        if (path := self._exact(wanted)) is not None:
            return Found(path, (0, 0))
        scope = self._scope(wanted.beside)
        for level, spelling in enumerate(spellings(wanted.last)):
            there = self._spelt(level).get(spelling, ())
            fitting = [f for p in there if (f := _fit(wanted, p, scope, level)) is not None]
            if fitting:
                return _only(fitting)
        raise BadSetting(NOWHERE)

    def _exact(self, wanted: Wanted) -> str | None:
        return next((path for path in wanted.exact if path in self._files), None)

    def _scope(self, beside: Parts) -> Parts:
        """The folder nearest to the annotation file that holds images."""
        return next(beside[:i] for i in range(max(len(beside) - 1, 0), -1, -1) if beside[:i] in self._scopes)

    def places(self, wanted: Callable[[], Iterable[tuple[str, str]]]) -> Callable[[tuple[str, str]], str | BadSetting]:
        """`matched`, of any number, gone through several times: only names that are not exact are kept in memory."""
        unsure = dict.fromkeys(key for key in wanted() if self._exact(Wanted.of(*key)) is None)
        claimed = {path for key in unsure if (path := self.find(*key)) is not None}
        rivals = (key for key in wanted() if self._exact(Wanted.of(*key)) in claimed) if claimed else ()
        told = self.matched([*unsure, *rivals])
        return lambda key: told.get(key) or self._exact(Wanted.of(*key)) or BadSetting(NOWHERE)

    def matched(self, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], str | BadSetting]:
        """The path for each (name, beside), or why there is none: also where two names would get one picture."""
        told: dict[tuple[str, str], str | BadSetting] = {}
        claims: dict[str, dict[tuple[str, str], Found]] = defaultdict(dict)
        for key in dict.fromkeys(wanted):
            try:
                found = self.located(*key)
                claims[found.path][key] = found
            except BadSetting as error:
                told[key] = error
        for path, fits in claims.items():
            told |= _granted(path, fits)
        return told


def _fit(wanted: Wanted, path: str, scope: Parts, level: int) -> Found | None:
    parts = PurePosixPath(path).parts[:-1]
    if parts[: len(scope)] != scope:
        return None
    splits = {s for p in parts for s in [split_of(p)] if s}
    if wanted.splits and splits and wanted.splits.isdisjoint(splits):
        return None
    own, told = _telling(parts[len(scope) :]), _telling(wanted.folders)
    tail = _shared_tail(own, told)
    if own and told and not tail and not wanted.far:
        return None
    return Found(path, (level + 1, -tail))


def _telling(folders: Parts) -> Parts:
    """The folders that are no mere layout, in one spelling."""
    plain = [spellings(f)[2] for f in folders]
    return tuple(f for f in plain if f not in LAYOUT and not split_of(f))


def _shared_tail(a: Parts, b: Parts) -> int:
    return next((i for i, (x, y) in enumerate(zip(reversed(a), reversed(b), strict=False)) if x != y), min(len(a), len(b)))


def _only(fitting: list[Found]) -> Found:
    best = min(f.worth for f in fitting)
    several = [f for f in fitting if f.worth == best]
    if len(several) == 1:
        return several[0]
    listed = ", ".join(f.path for f in several[:3])
    raise BadSetting("several pictures fit this name ({listed}); name the folder in the annotations.", listed=listed)


def _granted(path: str, fits: Mapping[tuple[str, str], Found]) -> dict[tuple[str, str], str | BadSetting]:
    """The picture goes to the name that fits best; to none where two different names fit alike."""
    best = min(f.worth for f in fits.values())
    names = {_plain(name) for (name, _), f in fits.items() if f.worth == best}
    given = names if len(names) == 1 or best == (0, 0) else set[Parts]()
    reason = BadSetting(
        "images of several folders or spellings have this name, and only {path} is there; put each into its folder.", path=path
    )
    return {key: path if _plain(key[0]) in given else reason for key in fits}


def _plain(name: str) -> Parts:
    wanted = Wanted.of(name, "")
    return (*wanted.folders, spellings(wanted.last)[1])
