"""Similar cases: the likest reviewed images, to whoever may see them and to nobody else."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from desk import ASK, Scripted
from grown_stores import sha_of
from PIL import Image as Pillow
from sqlalchemy import insert

from pdc.domain.errors import NotFound, ReadFirst
from pdc.domain.values import Box, Findings, Mark, Question, Task, Verdict
from pdc.images.intake import ImageFiles
from pdc.review.service import ReviewService
from pdc.review.similar.cases import COPY, LOOKING, SHOWN, SILENT, SimilarCases
from pdc.review.similar.describing import Describer
from pdc.review.similar.matrix import ReviewedVectors, pack
from pdc.store import Store
from pdc.store.tables import ImageRow, ReviewRow, VectorRow

OTHER = Question(Task.COUNT_AND_BOX, ("nucleus",))
ONE = Findings((Mark("m1", Box(2, 2, 12, 12), "platelet"),))


def colours(image: Pillow.Image) -> np.ndarray:
    """A description by the mean colour: enough to tell which pictures are alike."""
    return np.asarray(image.convert("RGB"), np.float32).reshape(-1, 3).mean(0) - 128


class Ward:
    """A store of drawn pictures, each described when it is answered; readers save what they like."""

    def __init__(self, folder: Path, **options) -> None:
        self.store, files = Store.open("sqlite://"), ImageFiles(folder / "images")
        self.service = ReviewService(self.store, files, Scripted(), **options)
        self.describer = Describer(self.store, files, colours, "weights")
        self.service.answered = self.describer.add
        self.similar = SimilarCases(self.service, self.describer)

    def image(self, seed: int, hue: int, reader: str = "ada", *, scale: float = 1.0, described: bool = True) -> str:
        """Noise around a colour, upload by `reader`; the same seed is the same picture, `scale` makes it larger."""
        noise = np.random.default_rng(seed).integers(0, 90, (12, 16, 3)) + np.array([hue, 120, 255 - hue]) // 2
        picture = Pillow.fromarray(noise.clip(0, 255).astype(np.uint8)).resize((160, 120), Pillow.Resampling.BICUBIC)
        buffer = io.BytesIO()
        picture.resize((round(160 * scale), round(120 * scale)), Pillow.Resampling.BICUBIC).save(buffer, "PNG")
        sha = self.service.add_image(buffer.getvalue(), f"{seed}.png", owner=reader)[0].sha256
        if described:
            self.describer.keep(sha)
        return sha

    def save(self, sha: str, reader: str = "ada", question: Question = ASK, verdict: Verdict | None = None) -> None:
        draft = self.service.open(sha, question, reader)
        self.service.save(replace(draft, findings=ONE), verdict)

    def found(self, sha: str, reader: str = "ada", question: Question = ASK) -> list[str]:
        return [case.image.sha256 for case in self.similar.of(sha, question, reader).cases]


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


def test_the_five_likest_reviewed_images_come_the_likest_first(ward: Ward):
    red, blue = [ward.image(n, 200 + 5 * n) for n in range(7)], [ward.image(20 + n, 5 * n) for n in range(7)]
    for sha in (*blue, *red[1:]):
        ward.save(sha)
    found = ward.found(red[0])
    assert len(found) == SHOWN and set(found) <= set(red[1:])
    assert red[0] not in found and set(ward.found(blue[3])) <= set(blue)


def test_an_image_that_nobody_saved_or_that_was_skipped_or_retired_is_no_case(ward: Ward):
    shas = [ward.image(n, 100) for n in range(5)]
    ward.save(shas[1])
    ward.save(shas[2])
    ward.save(shas[2], verdict=Verdict.SKIPPED)
    ward.save(shas[3])
    ward.service.retire([shas[3]], "ada")
    assert ward.found(shas[0]) == [shas[1]]
    nothing = ward.similar.of(shas[1], ASK, "ada")
    assert not nothing.cases and nothing.note


def test_a_larger_copy_of_the_image_comes_first_and_is_called_so(ward: Ward):
    own, copy = ward.image(1, 150), ward.image(1, 150, scale=1.5)
    for sha in (copy, *(ward.image(n, 150) for n in range(2, 9))):
        ward.save(sha)
    first, *rest = ward.similar.of(own, ASK, "ada").cases
    assert first.image.sha256 == copy and first.words == COPY
    assert not any(case.is_copy for case in rest)


def test_of_several_questions_the_review_of_this_one_is_shown(ward: Ward):
    own, case = ward.image(1, 100), ward.image(2, 100)
    ward.save(case)
    ward.save(case, question=OTHER)
    assert [c.review.question for c in ward.similar.of(own, ASK, "ada").cases] == [ASK]
    assert [c.review.question for c in ward.similar.of(own, OTHER, "ada").cases] == [OTHER]


def test_a_blind_reader_sees_none_before_saving_and_then_only_cases_of_their_own(tmp_path: Path):
    ward = Ward(tmp_path, blind=True)
    own, mine, theirs = (ward.image(n, 100) for n in range(3))
    ward.save(mine)
    ward.save(theirs, "bob")
    with pytest.raises(ReadFirst, match="Save what you see first"):
        ward.found(own)
    ward.save(own)
    assert ward.found(own) == [mine]


def test_a_visitor_sees_no_other_visitors_case(tmp_path: Path):
    ward = Ward(tmp_path, private=True)
    own, theirs, mine = ward.image(1, 100), ward.image(2, 100, "bob"), ward.image(3, 100)
    ward.save(theirs, "bob")
    ward.save(mine)
    assert ward.found(own) == [mine]
    with pytest.raises(NotFound):
        ward.found(own, "bob")


def test_whoever_reads_an_image_beside_others_sees_no_cases_and_their_reads_are_none(ward: Ward):
    own, read, plain = (ward.image(n, 100) for n in range(3))
    ward.save(plain, "cleo")
    ward.service.reads.assign([own, read], ASK, ["ada", "bob"], "boss")
    ward.save(read, "ada")
    assert ward.found(plain, "cleo") == []
    with pytest.raises(ReadFirst):
        ward.found(own, "ada")
    assert ward.found(own, "cleo") == [plain]


def test_a_reader_of_an_image_is_not_shown_it_as_a_case_of_another(ward: Ward):
    other, read = ward.image(1, 100), ward.image(2, 100)
    ward.save(read, "cleo")
    assert ward.found(other, "ada") == [read]
    ward.service.reads.assign([read], ASK, ["ada", "bob"], "boss")
    assert ward.found(other, "ada") == [] == ward.found(other, "cleo")


def test_an_answered_image_is_described_behind_the_answer(ward: Ward):
    sha = ward.image(1, 100, described=False)
    ward.service.answer(ward.store.image(sha), ASK)
    until = time.monotonic() + 20
    while not ward.store.has_vector(sha, "weights") and time.monotonic() < until:
        time.sleep(0.02)
    assert ward.store.has_vector(sha, "weights")


def test_an_image_from_before_is_described_when_its_cases_are_asked_for(ward: Ward):
    own, case = ward.image(1, 100, described=False), ward.image(2, 100)
    ward.save(case)
    first = ward.similar.of(own, ASK, "ada")
    assert first.looking and first.note == LOOKING and not first.cases
    until = time.monotonic() + 20
    while not ward.store.has_vector(own, "weights") and time.monotonic() < until:
        time.sleep(0.02)
    assert ward.found(own) == [case]


def test_a_model_that_tells_nothing_is_named_as_the_reason(tmp_path: Path):
    ward = Ward(tmp_path)
    ward.similar.describer = Describer(ward.store, ward.service.files, lambda image: None, "weights")
    sha = ward.image(1, 100, described=False)
    assert ward.similar.describer.keep(sha) is False
    assert ward.similar.of(sha, ASK, "ada").note == SILENT


def test_the_vectors_take_in_what_comes_later_whichever_of_image_and_review_comes_first(tmp_path: Path):
    ward = Ward(tmp_path)
    shas, random = [ward.image(n, 100, described=False) for n in range(12)], np.random.default_rng(0)
    told = {sha: np.eye(8)[n % 3] + random.normal(0, 0.05, 8) for n, sha in enumerate(shas)}
    vectors = ReviewedVectors(ward.store, "weights")
    for sha in shas[:9]:
        ward.store.keep_vector(sha, "weights", pack(told[sha]))
        ward.save(sha, "ada" if sha != shas[6] else "ben")
    assert {sha for sha, _ in vectors.likest(shas[0])[:2]} == {shas[3], shas[6]}
    assert vectors.likest(shas[9]) == []
    for sha in shas[9:]:
        ward.save(sha)
    assert len(vectors.likest(shas[0])) == 8
    for sha in shas[9:]:
        ward.store.keep_vector(sha, "weights", pack(told[sha]))
    likest = vectors.likest(shas[0])
    assert {sha for sha, _ in likest[:3]} == {shas[3], shas[6], shas[9]} and len(likest) == 11
    assert likest[0][1] > 0.9 > 0.5 > likest[-1][1]
    assert [sha for sha, _ in vectors.likest(shas[0], "ben")] == [shas[6]]


def test_of_many_images_the_likest_are_those_that_comparing_all_would_find(tmp_path: Path):
    """Three kinds of image, as alike within one as real ones are: all vectors point much the same way."""
    store, random = Store.open("sqlite://"), np.random.default_rng(0)
    kinds, each = 2 + random.normal(size=(3, 256)), random.normal(size=(900, 256))
    told = {sha_of(n): pack(kinds[n % 3] + 0.7 * own) for n, own in enumerate(each)}
    fill_reviewed(store, told)
    every = np.stack([np.frombuffer(packed, "<f2").astype(float) for packed in told.values()])
    vectors, names = ReviewedVectors(store, "weights"), list(told)
    missed = 0
    for n in range(0, 900, 30):
        likest = [names[i] for i in np.argsort(-every @ every[n]) if i != n][:5]
        missed += len(set(likest) - {sha for sha, _ in vectors.likest(names[n])[:5]})
    assert missed <= 1  # of 150


def fill_reviewed(store: Store, vectors: dict[str, bytes]) -> None:
    """Reviewed images with these vectors; the record knows of none."""
    at, task = datetime.now(UTC), {"task": "count", "labels": "[]", "findings": "{}", "verdict": "corrected", "author": "ada"}
    with store._writer.begin() as connection:
        for row, values in (
            (ImageRow, {"name": "", "width": 1, "height": 1, "group_name": "", "created_at": at}),
            (VectorRow, {"model": "weights"}),
            (ReviewRow, {**task, "revision": 1, "created_at": at}),
        ):
            own = [_names(row, sha, packed) for sha, packed in vectors.items()]
            connection.execute(insert(row), [values | names for names in own])


def _names(row: type, sha: str, packed: bytes) -> dict[str, Any]:
    if row is ImageRow:
        return {"sha256": sha}
    return {"image_sha256": sha} | ({"vector": packed} if row is VectorRow else {"id": sha, "key": sha})


def test_a_large_models_vectors_are_kept_short_and_still_tell_how_alike_images_are():
    random = np.random.default_rng(1)
    a, b = random.normal(size=(2, 7168))
    near = a + 0.3 * b
    kept = [np.frombuffer(pack(v), "<f2").astype(float) for v in (a, near, b)]
    assert {len(v) for v in kept} == {1024}
    assert kept[0] @ kept[1] == pytest.approx(a @ near / np.linalg.norm(a) / np.linalg.norm(near), abs=0.03)
    assert abs(kept[0] @ kept[2]) < 0.1
