"""Reviewed images -> examples for TRL: an image, a question and the answer a perfect model gives.

A row of train.jsonl is one reviewed question. Its marks answer more questions than the one that was asked: boxes
answer all five tasks (points are their centres), points three, a count one; for all labels together or for one alone,
which may well be "none". A row is drawn anew at every visit, from (seed, visit). For training on preferences an example
has two answers: the reader's, and the model's that the reader corrected.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.data.augment import AugmentedView, random_view
from finetune.data.example import UNWEIGHTED, example
from finetune.data.loss_weights import LossWeights
from finetune.data.unjudged import judged_whole
from finetune.data.windows import known_tiles, random_window, views_of
from finetune.data.wordings import TAUGHT, put
from pdc.domain.errors import BadQuestion, BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Box, Findings, Mark, Point, Question, Shape, Status, Task
from pdc.files import sha256
from pdc.images.near_duplicates import ImageHash, hash_image, near_duplicate_pairs

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL.Image import Image as PilImage

    from pdc.inference.qwen import Qwen

ALL_LABELS_SHARE = 0.5  # of the questions ask for all labels of the row, the others for one
TRIES = 16  # draws for a question that was not asked about the view yet
KEEP_IMAGES = 128  # decoded images in memory


@dataclass(frozen=True, slots=True)
class Row:
    """One reviewed question: `path` of the stored image, its group, what the reader left, in image pixels, and what the
    model had said, if it said anything that could be read. `window`: the side, in image pixels, of the windows in which its
    labels are learnt; None: in looks at the whole image."""

    path: Path
    width: int
    height: int
    group: str
    question: Question
    findings: Findings
    predicted: Findings | None = None
    window: float | None = None

    def image(self) -> PilImage:
        """The stored image, RGB, read now."""
        from PIL import Image

        with Image.open(self.path) as file:
            return file.convert("RGB")


def read_rows(path: Path, folders: Sequence[Path]) -> list[Row]:
    """The rows of a train.jsonl or held_out.jsonl; images are looked for in its own folder, then in `folders`.

    Raises BadSetting naming the line when it is not a row or its image is not there.
    """
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            rows.append(_read(line, f"{path.name} line {number}", (path.parent, *folders)))
    return rows


def _read(line: str, where: str, folders: Sequence[Path]) -> Row:
    try:
        value = json.loads(line)
        task = Task(value["task"])
        question = Question(task, tuple(value["labels"]))
        path, width, height = _find(str(value["image"]), folders), int(value["width"]), int(value["height"])
        predicted = _found(task, value["predicted"]) if "predicted" in value else None
        found = replace(_found(task, value), complete=bool(value.get("complete", True)))
        return Row(path, width, height, str(value["group"]), question, found, predicted)
    except FileNotFoundError as error:
        raise BadSetting(f"{where}: the image {error} is not there; export the training folder again.") from None
    except (ValueError, KeyError, TypeError, BadQuestion) as error:
        raise BadSetting(f"{where} is not a training row ({error!r}); export the training folder again.") from error


def _found(task: Task, value: Mapping[str, Any]) -> Findings:
    listed = [*((m, Status.OPEN) for m in value["marks"]), *((m, Status.DOUBTFUL) for m in value.get("unjudged", ()))]
    marks = tuple(Mark(f"m{i}", _shape(m), m["label"], status=status) for i, (m, status) in enumerate(listed, start=1))
    return Findings(marks, {} if task.has_marks else {k: int(v) for k, v in value["counts"].items()})


def _shape(mark: Mapping[str, Any]) -> Shape:
    return Box(*map(float, mark["box"])) if "box" in mark else Point(*map(float, mark["point"]))


def _find(name: str, folders: Sequence[Path]) -> Path:
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(name)


def likenesses(rows: Sequence[Row]) -> dict[str, str]:
    """sha256 of each image file of the rows, as it is on disk now, with its likeness as text."""
    paths = dict.fromkeys(row.path for row in rows)
    return {sha256(path): _likeness(path, path.stat().st_mtime_ns) for path in paths}


@lru_cache(maxsize=100_000)
def _likeness(path: Path, changed: int) -> str:
    """`changed` makes it be made again when the file was written again."""
    return str(hash_image(path))


def refuse_leaks(rows: Sequence[Row], held_out: Sequence[Row]) -> None:
    """BadSetting when a row to learn from shows a held-out image or a near copy of one, or is of its group."""
    groups = {row.group for row in rows} & {row.group for row in held_out}
    if groups:
        raise BadSetting(f"The group {min(groups)!r} is held out for measuring, so it cannot be trained on; leave it out.")
    sides = [{k: ImageHash.parse(v) for k, v in likenesses(side).items()} for side in (rows, held_out)]
    if found := near_duplicate_pairs(*sides):
        raise BadSetting(
            f"The image {found[0][0][:12]} is to be trained on and shows what the held-out image {found[0][1][:12]} shows "
            f"({len(found)} such in all); leave it out of the training set."
        )


def tasks_of(row: Row) -> tuple[Task, ...]:
    """The tasks that the row's marks can answer: no count alone where the count is not known."""
    if not row.question.task.has_marks:
        return (Task.COUNTING,)
    tasks = tuple(Task) if row.question.task.has_boxes else (Task.POINTING, Task.COUNTING, Task.CNT_AND_POINT)
    return tasks if judged_whole(row.findings) else tuple(t for t in tasks if t.has_marks)


def learnable(rows: Sequence[Row]) -> list[Row]:
    """Those that teach something: not those that may show more than they say, and say nothing."""
    return [row for row in rows if row.findings.complete or any(m.counts for m in row.findings.marks)]


def measurable(rows: Sequence[Row]) -> list[Row]:
    """Those that an answer can be measured on: what an incomplete one does not show may be there all the same."""
    return [row for row in rows if row.findings.complete]


def thin_out(rows: list[Row], limit: int) -> list[Row]:
    """At most `limit` rows, evenly spread over all of them; the same ones every time."""
    return rows if len(rows) <= limit else [rows[i * len(rows) // limit] for i in range(limit)]


def draw_question(row: Row, weights: Mapping[str, float], rng: np.random.Generator) -> Question:
    """A task by weight among those the row can answer (evenly if all of them weigh 0), for all labels or for one."""
    tasks = tasks_of(row)
    share = np.array([weights.get(task, 0.0) for task in tasks])
    task = tasks[rng.choice(len(tasks), p=share / share.sum() if share.sum() > 0 else None)]
    labels = row.question.labels
    if len(labels) > 1 and rng.random() >= ALL_LABELS_SHARE:
        labels = (labels[rng.integers(len(labels))],)
    return Question(task, labels)


class Examples:
    """`length` questions in the order in which they are asked, the same in every process of one seed.

    Every `questions` of them are about one view of one image. The images come in turn, shuffled anew each time round, and one
    that is learnt in windows as often as it has some. A `replay_share` of the views show one of the `replay` rows instead.
    With `pairs` every example has a chosen and a rejected answer, which are the same where the model was right or was not
    asked. `weights` say what each part of an answer weighs, and each question is put in one of the first `wordings`.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        qwen: Qwen,
        *,
        length: int,
        seed: int,
        augment: bool,
        tasks: Mapping[str, float],
        questions: int = 1,
        replay: Sequence[Row] = (),
        replay_share: float = 0.0,
        pairs: bool = False,
        weights: LossWeights = UNWEIGHTED,
        wordings: int = 1,
    ) -> None:
        self.rows = [row for row in rows for _ in range(views_of(row))]
        self.qwen, self.length = qwen, length
        self.seed, self.augment, self.tasks, self.questions = seed, augment, tasks, questions
        self.replay, self.replay_share, self.pairs = replay, replay_share if replay else 0.0, pairs
        self.weights, self.wordings = weights, wordings
        self._images: dict[Path, PilImage] = {}
        self._seen: tuple[int, PilImage, Size, Findings, Findings] | None = None

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Any]:
        visit = index // self.questions
        row = self.row(visit)
        image, wh, findings, predicted = self._look(visit, row)
        question = self._asked(visit, row)[index % self.questions]
        text = self._words(index, question)
        return example(self.qwen, image, question, findings, predicted if self.pairs else None, wh, self.weights, text)

    def _words(self, index: int, question: Question) -> str | None:
        """The question in one of the wordings; None: in the usual one."""
        if self.wordings == 1:
            return None
        template = TAUGHT[np.random.default_rng([self.seed, index, 0, 3]).integers(self.wordings)]
        return put(template, question, self.qwen.prompt_style)

    def _asked(self, visit: int, row: Row) -> list[Question]:
        """The visit's questions, each another one unless there are too few to ask."""
        rng, asked = np.random.default_rng([self.seed, visit, 1]), []
        while len(asked) < self.questions:
            drawn = [draw_question(row, self.tasks, rng) for _ in range(TRIES)]
            asked.append(next((q for q in drawn if q not in asked), drawn[0]))
        return asked

    def row(self, visit: int) -> Row:
        """What the visit is to."""
        rng = np.random.default_rng([self.seed, visit, 0, 1])
        if rng.random() < self.replay_share:
            return self.replay[int(rng.integers(len(self.replay)))]
        around, place = divmod(visit, len(self.rows))
        return self.rows[np.random.default_rng([self.seed, around, 0, 2]).permutation(len(self.rows))[place]]

    def _look(self, visit: int, row: Row) -> tuple[PilImage, Size, Findings, Findings]:
        """The row's image in the visit's view at the model's size, the view's own size, and in its pixels what is there and
        what the model had said; the questions of one visit follow each other and get the very same image."""
        if self._seen is None or self._seen[0] != visit:
            view, image = self._view(row, np.random.default_rng([self.seed, visit])), self._image(row)
            seen, findings = view.apply(image, row.findings)
            answered = row.predicted if row.findings.complete else None  # what it found beyond may be right
            before = findings if answered is None else view.apply(image, answered)[1]
            self._seen = visit, self.qwen.resize(seen), seen.size, findings, before
        return self._seen[1:]

    def __getstate__(self) -> tuple[int, int]:
        """What `datasets` hashes. Without this it would pickle the model to name its cache."""
        return self.seed, self.length

    def as_dataset(self) -> Dataset:
        """A Hugging Face data set of visit numbers that become examples when they are read."""
        from datasets import Dataset

        return Dataset.from_dict({"visit": list(range(self.length))}).with_transform(self._read)

    def _read(self, batch: Mapping[str, list[int]]) -> dict[str, list[Any]]:
        examples = [self[i] for i in batch["visit"]]
        return {key: [e[key] for e in examples] for key in examples[0]}

    def _view(self, row: Row, rng: np.random.Generator) -> AugmentedView:
        """A random view; of a field that would be asked about window by window, or tile by tile, one of those."""
        tiles = () if row.window else known_tiles(row, self.qwen)
        may_crop = row.question.task.has_marks and not row.window and len(tiles) < 2
        view = random_view((row.width, row.height), rng, may_crop=may_crop) if self.augment else AugmentedView()
        if row.window:
            return replace(view, window=random_window(row, rng))
        if len(tiles) < 2:
            return view
        x1, y1, x2, y2 = map(int, tiles[rng.integers(len(tiles))].window.xyxy)
        return replace(view, window=(x1, y1, x2, y2))

    def _image(self, row: Row) -> PilImage:
        """Kept in memory, as the same few dozen are visited again and again."""
        if row.path not in self._images:
            if len(self._images) >= KEEP_IMAGES:
                self._images.clear()
            self._images[row.path] = row.image()
        return self._images[row.path]
