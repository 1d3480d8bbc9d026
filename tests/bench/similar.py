"""`python -m tests.bench.similar --model MODEL --data DATA`: whether similar cases are alike, and how long 10,000 images take.

Of 60 dev images of each kind: the share of each one's five likest that are of its kind, and with a count within a quarter of
its own; against five images drawn at random. Then the whole way of a question, with a store of 10,000 reviewed images.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from finetune.data.coco import read_coco
from pdc.domain.values import Box, Findings, Image, Mark, Question, Review, Task, Verdict
from pdc.images.intake import ImageFiles
from pdc.inference.predictors.local import LocalPredictor
from pdc.review.service import ReviewService
from pdc.review.similar.cases import SHOWN, Found, SimilarCases
from pdc.review.similar.describing import Describer
from pdc.review.similar.matrix import pack
from pdc.store import Store, mapping
from pdc.store.tables import VectorRow

KINDS, EACH, NEAR = ("blood_cells", "nuclei", "polyps"), 60, 0.25
IMAGES, WIDTH, ASKED = 10_000, 512, 20
ASK = Question(Task.COUNT_AND_BOX, ("nucleus",))


def usefulness(model: Path, data: Path) -> None:
    from pdc.inference.qwen import load

    predictor, rows = LocalPredictor(lambda: load(str(model))), []
    for kind in KINDS:
        samples = read_coco(data / kind / "dev.json", Task.BOUNDING)
        for sample in samples[:: max(1, len(samples) // EACH)][:EACH]:
            with Pillow.open(sample.path) as file:
                description = predictor.describe(file.convert("RGB"))
            rows.append((kind, len(sample.findings.marks), np.frombuffer(pack(description), "<f2").astype(np.float32)))
    kinds, counts, vectors = np.array([r[0] for r in rows]), np.array([r[1] for r in rows]), np.stack([r[2] for r in rows])
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    likest, random = np.argsort(-cosines, 1)[:, :SHOWN], np.random.default_rng(0)
    drawn = np.stack([random.permutation(np.delete(np.arange(len(rows)), i))[:SHOWN] for i in range(len(rows))])
    for kind in KINDS:
        of = kinds == kind
        told = []
        for others in (likest[of], drawn[of]):
            near = np.abs(counts[others] - counts[of][:, None]) <= NEAR * counts[of][:, None]
            told.append(f"same kind {(kinds[others] == kind).mean():.0%}, count within a quarter {near.mean():.0%}")
        print(f"{kind}, {of.sum()} images: likest {told[0]}; random {told[1]}")


def seconds() -> None:
    """Each part of the answer to `Shift S`, the first question after a start apart: it reads all vectors."""
    with tempfile.TemporaryDirectory() as folder:
        similar, shas = filled(Path(folder))
        took = np.array([_milliseconds(lambda sha=sha: similar.of(sha, ASK, "ada")) for sha in shas[:ASKED]])
        for what, of in zip(("by the clock", "of the processor"), took.T, strict=True):
            print(
                f"{IMAGES} images, {what}: first {of[0]:.0f} ms, then median {np.median(of[1:]):.0f}, most {of[1:].max():.0f} ms"
            )


def _milliseconds(run: Callable[[], Found]) -> tuple[float, float]:
    """By the clock, and of the processor: what it would take on a machine that does nothing else."""
    clock, processor = time.perf_counter(), time.process_time()
    assert len(run().cases) == SHOWN
    return (time.perf_counter() - clock) * 1000, (time.process_time() - processor) * 1000


def filled(folder: Path) -> tuple[SimilarCases, list[str]]:
    store, files = Store.open(f"sqlite:///{folder / 'pdc.sqlite3'}"), ImageFiles(folder / "images")
    describer, random, shas = Describer(store, files, lambda image: None, "weights"), np.random.default_rng(0), []
    found = Findings(tuple(Mark(f"m{n}", Box(n, n, n + 9, n + 9), "nucleus") for n in range(20)))
    at = datetime.now(UTC)
    with store._write() as session:  # one transaction: 10,000 saves would take minutes
        for n in range(IMAGES):
            shas.append(sha := f"{n:064x}")
            session.add(mapping.image_row(Image(sha, f"{n}.png", 640, 480, "", at)))
            session.add(VectorRow(image_sha256=sha, model="weights", vector=pack(random.normal(size=WIDTH))))
            session.add(mapping.review_row(Review(sha, sha, ASK, None, Verdict.CORRECTED, found, "ada", 1, at), sha))
    return SimilarCases(ReviewService(store, files, None), describer), shas  # type: ignore[arg-type]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path)
    parser.add_argument("--data", type=Path)
    args = parser.parse_args()
    seconds()
    if args.model and args.data:
        usefulness(args.model, args.data)
