"""What the store's size costs: `python -m tests.bench.scale [--sizes 1000 10000] [--url URL] [--readers-only]`.

Each size is a store of its own: every image answered with ten marks, three of four reviewed, one in a hundred with a draft. All
rows go through the store's own codec. Costs are seconds of processor time, the best of several, as ratios to the first size,
whose store is asked in turn with each other: what else the machine does then slows both. Memory is what the export of a job adds
at its highest. `--readers-only` leaves out what goes on in the background. Without `--url` the stores are SQLite files in a
temporary folder. A URL names an empty database, and takes one size. What each size costs is told as soon as it is known.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any, Self

import numpy as np
from sqlalchemy import insert

from finetune.cli.suspicions import compare_reviews
from pdc.domain.values import Box, Findings, Image, Mark, Origin, Prediction, Question, Review, Status, Task, Verdict
from pdc.formats.outgoing.zips import zipped
from pdc.images.intake import ImageFiles
from pdc.images.near_duplicates import RULE, ImageHash, _near_hashes
from pdc.review.ahead.pool import AnswerPool, PoolState
from pdc.review.confidence_words import ConfidenceWords
from pdc.review.learnt.reviews import LearntReviews
from pdc.review.listing.entries import TO_DO, Order, WorklistFilter
from pdc.review.prefetch import PrefetchState
from pdc.review.service import ReviewService
from pdc.review.worklist import Worklist
from pdc.settings import Settings
from pdc.store import Store
from pdc.store.database import pieces
from pdc.store.mapping import image_row, prediction_row, review_row
from pdc.store.tables import ImageRow, PredictionRow, ReviewRow, Row
from pdc.web.data_routes import ByJob, Data, export_of
from pdc.web.ui.worklist import worklist_page, worklist_part
from tests.bench.poisoning import DRAWN_MODELS

QUESTION = Question(Task.COUNT_AND_BOX, ("nucleus",))
START = datetime(2026, 1, 1, tzinfo=UTC)
MARKS, READERS, CHUNK, TIMES = 10, 5, 2000, 5
READER = "reader-1"


class Nobody:
    """A predictor that is never asked."""

    name, labels = "model", ("nucleus",)

    def untaught(self, question: Question) -> frozenset[str]:
        return frozenset()

    def predict(self, image: object, question: Question) -> Prediction:
        raise AssertionError("the bench asks no model")


def rows(n: int) -> Iterator[tuple[ImageRow, PredictionRow, ReviewRow | None]]:
    """Images with their answers, and the reviews of most."""
    random = Random(1)
    for i in range(n):
        at, sha = START + timedelta(seconds=i), sha256(str(i).encode()).hexdigest()
        marks = tuple(_mark(k, random) for k in range(MARKS))
        answer = Prediction(f"p{i}", sha, QUESTION, Findings(marks), "[]", "model", None, "1", 1.0, at)
        kept = Findings(tuple(_judged(m, random) for m in marks))
        verdict, author = Verdict.CORRECTED, f"reader-{i % READERS}"
        review = Review(f"r{i}", sha, QUESTION, answer.id, verdict, kept, author, 1, at) if i % 4 else None
        image = Image(sha, f"field {i:07}.png", 640, 480, sha, at)
        yield image_row(image), prediction_row(answer), review_row(review, f"k{i}") if review else None


def _mark(k: int, random: Random) -> Mark:
    x, y = random.uniform(0, 600), random.uniform(0, 440)
    return Mark(f"m{k}", Box(x, y, x + 30, y + 30), "nucleus", Origin.MODEL, Status.OPEN, random.random())


def _judged(mark: Mark, random: Random) -> Mark:
    return replace(mark, status=Status.ACCEPTED if random.random() < (mark.score or 0) else Status.REJECTED)


def fill(store: Store, n: int) -> None:
    """Write `n` images into an empty store."""
    made = rows(n)
    while chunk := list(islice(made, CHUNK)):
        with store._write() as session:
            for column in zip(*chunk, strict=True):
                if some := [row for row in column if row is not None]:
                    session.execute(insert(some[0].__table__), [_values(row) for row in some])


def _values(row: Row) -> dict[str, Any]:
    return {c.name: value for c in row.__table__.columns if (value := getattr(row, c.name)) is not None}


class Filled:
    """A store of `n` images, and all that stands before it."""

    def __init__(self, url: str, home: Path, n: int) -> None:
        self.store, self.home, self.n = Store.open(url), home, n
        fill(self.store, n)
        self.service = ReviewService(self.store, ImageFiles(home / "images"), Nobody())  # pyright: ignore[reportArgumentType]
        self.listed, self.middle = Worklist(self.service), sha256(str(n // 2).encode()).hexdigest()
        self._unread = count(0, 4)

    def once(self) -> dict[str, float]:
        """What is done once, as after an upgrade."""
        learnt = LearntReviews(self.store)
        parts = {
            "the list's rows, an image": self._worked_out,
            "sums of reviews, an image": self.store.sum_up,
            "what reviews have shown, an image": learnt._rest,
        }
        return {name: _once(part) / self.n for name, part in parts.items()}

    def _worked_out(self) -> None:
        while self.store.count_changes():
            self.listed.upkeep.catch_up()
            time.sleep(0.1)

    def parts(self) -> dict[str, Callable[[], object]]:
        """What a reader waits for."""
        store, service, listed, middle = self.store, self.service, self.listed, self.middle
        return {
            "page": lambda: page(listed, WorklistFilter()),
            "next image": lambda: listed.next(READER, WorklistFilter(), middle),
            "page in the middle": lambda: listed.page(READER, WorklistFilter(), around=middle),
            "search": lambda: page(listed, WorklistFilter(name="field 0000012")),
            "search of two letters": lambda: page(listed, WorklistFilter(name="12")),
            "search that all pass": lambda: page(listed, WorklistFilter(name="field 0")),
            "filter: to do": lambda: page(listed, WorklistFilter(stage=TO_DO)),
            "filter: label": lambda: page(listed, WorklistFilter(label="nucleus")),
            "by name": lambda: page(listed, WorklistFilter(order=Order.NAME)),
            "most disagreement first": lambda: page(listed, WorklistFilter(order=Order.DISAGREEMENT)),
            "least sure first": lambda: page(listed, WorklistFilter(order=Order.UNCERTAIN)),
            "open an image": lambda: service.open(middle, QUESTION, READER),
            "record": lambda: list(store.record_lines(limit=200)),
            "counts of the Data tab": lambda: Data(None, service).newest(ByJob(READER, {})),
            "labels of the Labels tab": store.label_uses,
            "reviews of the Training tab": store.count_usable,
            "edits of the chart": store.edit_counts,
            "save": self._save,
            "save and next": lambda: listed.next(READER, WorklistFilter(), self._save()),
            "first page after a start": lambda: _first_page(service),
        }

    def _save(self) -> str:
        """An image that nobody has reviewed."""
        sha = sha256(str(next(self._unread)).encode()).hexdigest()
        self.service.save(self.service.open(sha, QUESTION, READER))
        return sha


Costs = dict[str, tuple[float, float]]
"""of the first store, and of another, in turn"""


def costs(first: Filled, other: Filled, readers_only: bool) -> Costs:
    """Seconds of processor time of everything a reader waits for, and the megabytes of an export."""
    found = {name: _in_turn(part, other.parts()[name]) for name, part in first.parts().items()}
    found |= {"export, MB": (_export(first.service), _export(other.service))}
    if not readers_only:
        ours, theirs = (_background(filled.service, filled.n) | _audit(filled) for filled in (first, other))
        found |= {name: (ours[name], theirs[name]) for name in ours}
    return found


def _in_turn(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    pairs = [(_once(ours), _once(theirs)) for _ in range(TIMES)]
    return min(one for one, _ in pairs), min(other for _, other in pairs)


def _background(service: ReviewService, n: int) -> dict[str, float]:
    pool = AnswerPool(service, lambda: QUESTION)
    found = {"answer pool, first look": _once(pool._next), "answer pool, nothing new": _once(pool._next)}
    return found | {"near copies of all, hashes alone": _once(lambda: _near_hashes(*2 * [_hashes(n)]))}


def _audit(filled: Filled) -> dict[str, float]:
    """Comparing all reviews with the model's answers and with each other, as before a training. Hashes are without keypoints."""
    hashed = (ImageHash(whole, tuple(quarters)) for whole, *quarters in _hashes(filled.n).tolist())
    for some in pieces([*zip(Worklist(filled.service).shas(READER, WorklistFilter()), map(str, hashed), strict=True)], CHUNK):
        filled.store.keep_likenesses(RULE, dict(some))
    model = filled.home / Nobody.name
    model.mkdir(exist_ok=True)
    known = asdict(next(iter(DRAWN_MODELS.values())))
    about = {
        "name": Nobody.name,
        "prompt_version": "1",
        "labels": Nobody.labels,
        "count_models": dict.fromkeys(Nobody.labels, known),
    }
    (model / "pdc.json").write_text(json.dumps(about))
    with Memory() as memory:
        seconds = _once(lambda: compare_reviews(filled.store, Settings(home=filled.home, model=str(model)), ask=0))
    return {"audit, an image": seconds / filled.n, "audit, MB": memory.added}


def _hashes(n: int) -> np.ndarray:
    """Those of images that have nothing in common."""
    return np.random.default_rng(1).integers(1, 2**63, (n, 5), dtype=np.uint64)


def _first_page(service: ReviewService) -> None:
    ConfidenceWords(service.store).learn()
    page(Worklist(service), WorklistFilter())


def page(listed: Worklist, wanted: WorklistFilter) -> dict[str, Any]:
    """What the route of the list answers."""
    found = listed.page(READER, wanted)
    progress, shown = listed.progress(READER, wanted, found.counted), worklist_part(found, {})
    readers, labels = listed.readers(), listed.store.labels()
    return shown | worklist_page(progress, PrefetchState(0), PoolState(), readers=readers, labels=labels, visitors=None)


def _export(service: ReviewService) -> float:
    """Megabytes that a COCO export of all adds to the process at its highest. All images share one file's bytes."""
    one = service.files.folder.parent / "one.png"
    one.write_bytes(b"the bytes of an image")
    if not service.files.folder.exists():
        service.files.folder.mkdir()
        for sha in Worklist(service).shas(READER, WorklistFilter()):
            (service.files.folder / f"{sha}.png").symlink_to(one)
    with Memory() as memory:
        for _ in zipped(export_of(service, READER, "coco", {}).entries()):
            pass
    return memory.added


class Memory:
    """`added`: megabytes that the process had more, at its highest, than at the beginning."""

    def __enter__(self) -> Self:
        self._before, self.added, self._done = resident(), 0.0, threading.Event()
        self._looking = threading.Thread(target=self._look)
        self._looking.start()
        return self

    def _look(self) -> None:
        while not self._done.wait(0.02):
            self.added = max(self.added, resident() - self._before)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._looking.join()


def resident() -> float:
    """Megabytes of the process in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def _once(part: Callable[[], object]) -> float:
    started = time.process_time()
    part()
    return time.process_time() - started


def table(sizes: Sequence[int], once: Sequence[dict[str, float]], found: Sequence[Costs]) -> str:
    """Milliseconds at each size, and the ratio to the first."""
    lines = ["| | " + " | ".join(f"{n:,} images" for n in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    told = [{name: (once[0][name], one[name]) for name in one} | of for one, of in zip(once, found, strict=True)]
    for name in told[0]:
        cells = [_cell(name, *of[name]) for of in told]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(name: str, first: float, other: float) -> str:
    return f"{other:.0f} (beside {first:.0f})" if "MB" in name else f"{other * 1000:.1f} ms ({other / max(first, 1e-4):.1f})"


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    top.add_argument("--url", help="an empty database; takes one size")
    top.add_argument("--readers-only", action="store_true")
    told = top.parse_args()
    once: list[dict[str, float]] = []
    found: list[Costs] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        first = _filled(told.url, Path(folder), told.sizes[0])
        for n in told.sizes:
            filled = first if n == told.sizes[0] else _filled(None, Path(folder), n)
            once.append(filled.once())
            found.append(costs(first, filled, told.readers_only))
            print(table(told.sizes[: len(found)], once, found), flush=True)


def _filled(url: str | None, folder: Path, n: int) -> Filled:
    home = folder / str(n)
    home.mkdir()
    return Filled(url or f"sqlite:///{home}/pdc.sqlite", home, n)


if __name__ == "__main__":
    main()
