"""Annotation files into the store: images, their reviews, and an account of what was left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict, Unpack

from pdc import files
from pdc.domain.errors import BadSetting, StaleSave
from pdc.domain.label_changes import check_new_label
from pdc.domain.labels import LabelDictionary
from pdc.domain.progress import Progress, follow, unseen
from pdc.domain.values import Image, Review, Task
from pdc.domain.view import View
from pdc.formats.contents import Contents, LeftOut, What, told_left_out
from pdc.formats.import_checks import TURNED, Checked, Name, Pictures, apart, chosen, fitting, renamed
from pdc.formats.import_plan import Planned, plan
from pdc.formats.import_report import SAME, STAYS, Imported, is_loss
from pdc.formats.registry import read_index
from pdc.formats.sources.index import FileIndex
from pdc.images.burned_in.door import Passed, TextRule
from pdc.images.intake import Accepted, ImageFiles
from pdc.spool import Spool, spooled
from pdc.store import Store
from pdc.store.audit.kinds import AuditKind
from pdc.store.image_queries import IMPORTED

NO_RULE = TextRule()


class FileOptions(TypedDict, total=False):
    """What `import_file` takes by name, beside the format."""

    task: Task | None
    labels: Sequence[str] | None
    complete: bool
    known: Sequence[str]
    known_names: bool
    replace: bool
    strict: bool
    dry_run: bool
    max_megapixels: float
    text_rule: TextRule


class ImportOptions(FileOptions, total=False):
    """All that `import_file` takes by name."""

    format: str | None


def import_coco(store: Store, images: ImageFiles, json_path: Path, author: str, **options: Unpack[FileOptions]) -> int:
    """`import_annotations` of a COCO file."""
    return import_annotations(store, images, json_path, author, format="coco", **options)


def import_annotations(store: Store, images: ImageFiles, path: Path, author: str, **options: Unpack[ImportOptions]) -> int:
    """`import_file`, for those who only want the number of reviews."""
    return len(import_file(store, images, path, author, **options).reviews)


def import_file(
    store: Store,
    images: ImageFiles,
    path: Path,
    author: str,
    *,
    format: str | None = None,
    task: Task | None = None,
    labels: Sequence[str] | None = None,
    complete: bool = False,
    known: Sequence[str] = (),
    known_names: bool = False,
    replace: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    max_megapixels: float = 50,
    text_rule: TextRule = NO_RULE,
    progress: Progress = unseen,
) -> Imported:
    """Add the images of a file, folder or zip, each with one review by `author` per task.

    The question is what the annotations say was asked (boxes, points or a count), or `task`; of `labels` only, if given.
    `complete`: what an image does not draw is absent there. With `known_names` a label that is a spelling of one in the store,
    or of one that the model knows (`known`), becomes it; without, it stays as the file has it, and the account says so. An
    image that has a review of that question keeps it, or gets a further revision with `replace`. Everything is checked before
    anything is stored; `dry_run` stores nothing. What cannot be stored is left out with its reason. BadSetting when that is
    all there is, or with `strict` when that is anything. `text_rule`: what becomes of images with text burned into them; where
    it is to be asked they are left out.
    """
    path = Path(path)
    with FileIndex.of(path) as index, _waiting_room(images, dry_run) as waiting:
        contents = read_index(index, format, complete)
        dictionary = store.dictionary().also(known)
        naming = _naming(dictionary, known_names)
        contents, new_names = renamed(contents, naming)
        contents = fitting(chosen(contents, [*map(naming, labels)] if labels is not None else None), task)
        checked, left_out = _checked(index, contents, waiting, max_megapixels, text_rule, progress)
        planned, kept = plan(store, checked, task, author, replaces=replace)
        left_out.extend(kept)
        _refuse(path, bool(planned), left_out, strict)
        if dry_run:
            reviews = spooled(review for _, own in planned for review in own)
        else:
            reviews, late = _stored(store, images, planned, path.name, progress)
            left_out.extend(late)
            store.record_event(AuditKind.IMPORTED, author, file=path.name, reviews=len(reviews))
    doubtful = spooled(LeftOut(What.IMAGE, TURNED, one.picture.file) for one, _ in planned if one.turned)
    return Imported(path, reviews, spooled(left_out), new_names, _spellings(reviews, dictionary), doubtful, dry_run)


@contextmanager
def _waiting_room(images: ImageFiles, dry_run: bool) -> Iterator[Path | None]:
    """A folder beside the stored images, on their disk, that is gone afterwards."""
    if dry_run:
        yield None
        return
    with files.sentences(images.folder):
        images.folder.mkdir(parents=True, exist_ok=True)
        room = TemporaryDirectory(prefix=".import-", dir=images.folder)
    with room as folder:
        yield Path(folder)


def _naming(labels: LabelDictionary, known_names: bool) -> Name:
    """What a label of a file is called here. A new one has to be a name of something."""

    def name(label: str) -> str:
        found = labels.find(label).name if known_names else None
        if found is None and label not in labels.labels:
            check_new_label(label)
        return found or label

    return name


def _spellings(reviews: Iterable[Review], labels: LabelDictionary) -> dict[str, str]:
    """Labels that came in under a name of their own and are spellings of a known one, and that one."""
    asked = dict.fromkeys(label for r in reviews for label in r.question.labels)
    return {label: known for label in asked if (known := labels.find(label).name) not in (None, label)}


def _checked(
    index: FileIndex, contents: Contents, waiting: Path | None, max_megapixels: float, rule: TextRule, progress: Progress
) -> tuple[Collection[Checked], Spool[LeftOut]]:
    pictures = Pictures(index, contents.pictures, waiting, max_megapixels, rule)
    checked, left_out = Spool[Checked](), Spool(contents.left_out)
    for picture in follow("Importing images", contents.pictures, progress):
        tried = pictures.check(picture)
        checked.append(tried) if isinstance(tried, Checked) else left_out.append(tried)
    once, twice = apart(checked)
    left_out.extend(twice)
    return once, left_out


def _refuse(path: Path, anything: bool, left_out: Collection[LeftOut], strict: bool) -> None:
    if not anything and not any(e.reason in (SAME, STAYS) for e in left_out):
        raise BadSetting("Nothing of {path} can be imported. {why}", path=path, why=told_left_out(left_out))
    if strict and (lost := spooled(e for e in left_out if is_loss(e))):
        raise BadSetting(
            "Nothing was imported from {path}, since --strict wants all of it. {why}", path=path, why=told_left_out(lost)
        )


def _stored(
    store: Store, images: ImageFiles, planned: Collection[Planned], file: str, progress: Progress
) -> tuple[Collection[Review], Collection[LeftOut]]:
    """The reviews as they are stored; one that somebody was faster with is left out."""
    stored, late = Spool[Review](), list[LeftOut]()
    there = set(store.labels())
    for one, reviews in follow("Storing reviews", planned, progress):
        _add_image(store, images, one)
        _record_text(store, one.text, reviews[0].author)
        for review in reviews:
            for label in sorted(set(review.question.labels) - there):
                store.add_label(label, review.author)
                there.add(label)
            try:
                stored.append(store.save_review(review, key=f"{IMPORTED}{review.id} {file}", base_revision=review.revision - 1))
            except StaleSave:
                late.append(LeftOut(What.ANSWER, "somebody reviewed the image meanwhile; import it again", one.picture.file))
    return spooled(stored), late


def _add_image(store: Store, images: ImageFiles, one: Checked) -> None:
    if one.png is not None and one.png.exists():  # not when another file with this picture came before
        images.put(Accepted(one.png.read_bytes(), one.sha256, one.name, *one.size, view=one.view, raw=_raw(one.png, one.view)))
        one.png.unlink()
    store.add_image(Image(one.sha256, one.name, *one.size, one.picture.group, datetime.now(UTC), one.view))


def _record_text(store: Store, passed: Passed | None, by: str) -> None:
    """Note what became of text in an image; never the text."""
    if passed is not None and passed.boxes:
        kind = AuditKind.PAINTED_OVER if passed.painted else AuditKind.TEXT_KEPT
        store.record_event(kind, by, image=passed.image.sha256, boxes=len(passed.boxes))


def _raw(png: Path, view: View | None) -> bytes | None:
    """The raw numbers that wait beside a picture, which lies in a folder of the waiting room."""
    return ImageFiles(png.parent.parent).raw_path(view).read_bytes() if view and view.raw else None
