"""The order "where the model is least sure": by doubt, no twenty of a kind, and images answered "none" not last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from desk import ASK, FOUND, Desk

from pdc.domain.values import Findings, Image, Prediction
from pdc.review.ahead.least_sure import BATCH, Answered, choose, doubts_of
from pdc.review.listing.entries import Order, WorklistFilter
from pdc.review.service import ReviewService
from pdc.review.worklist import Worklist
from pdc.store.records import Digest


def an_image(n: int, counts: dict[str, int], doubt: float | None, size: tuple[int, int] = (640, 480), **more) -> Answered:
    open_ = more.pop("open", True)
    return Answered(f"{n:064x}", size, Digest(counts, doubt, ("cell",), **more), open_)


def dense(n: int, doubt: float) -> Answered:
    return an_image(n, {"cell": 120 + n % 9}, doubt)


@pytest.fixture
def pool() -> list[Answered]:
    """60 dense fields with much doubt, 6 of another size with some, and 14 images answered "none" with hardly any."""
    chance = np.random.default_rng(3)
    fields = [dense(n, float(chance.uniform(15, 30))) for n in range(60)]
    others = [an_image(100 + n, {"polyp": 1}, 0.5, (1200, 1000)) for n in range(6)]
    return [*fields, *others, *(an_image(200 + n, {}, n / 100) for n in range(14))]


def test_a_batch_holds_every_kind_and_its_share_of_images_answered_none(pool):
    chosen = choose(pool, doubts_of(pool))
    by_sha = {i.sha256: i for i in pool}
    kinds = [next(iter(by_sha[sha].said.counts), "none") for sha in chosen]
    assert len(set(chosen)) == BATCH and kinds.count("polyp") >= 1
    assert 2 <= kinds.count("none") <= 5 and "none" in kinds[:10]  # 14 of 80 images, spread over the batch


def test_of_images_alike_the_most_doubtful_comes_first(pool):
    alike = [an_image(n, {"cell": 5}, n / 10) for n in range(30)]
    assert choose(alike, doubts_of(alike), 3)[0] == alike[-1].sha256


def doubtful_images(desk: Desk, n: int, owner: str | None = None) -> list[str]:
    """Images with an answer each, of one mark."""
    shas = []
    for i in range(n):
        sha = f"{i:02}{owner or ''}".encode().hex().ljust(64, "0")
        desk.store.add_image(Image(sha, f"{i}.png", 40, 30, sha, datetime.now(UTC)), owner)
        mark = replace(FOUND.marks[0], score=i / (n + 1))
        said = Prediction(sha[:12], sha, ASK, Findings((mark,)), "[]", "model", None, "1", 1.0, datetime.now(UTC))
        desk.store.add_prediction(said)
        shas.append(sha)
    return shas


def first_batch(images: Worklist, reader: str = "ada") -> list[str]:
    wanted = WorklistFilter(order=Order.UNCERTAIN)
    return [e.image.sha256 for e in images.page(reader, wanted, limit=BATCH).entries]


def test_a_save_does_not_shuffle_the_list_and_a_new_batch_comes_when_the_old_one_is_done(tmp_path):
    desk = Desk(tmp_path)
    doubtful_images(desk, BATCH + 3)
    batch = first_batch(desk.images)
    for sha in batch[:-1]:
        desk.service.save(desk.service.open(sha, ASK, "ada"))
    other_process = Worklist(ReviewService(desk.store, desk.service.files, desk.model))
    assert first_batch(desk.images) == batch == first_batch(other_process)
    desk.service.save(desk.service.open(batch[-1], ASK, "ada"))
    assert set(first_batch(desk.images)[:3]).isdisjoint(batch)


def test_an_unusual_image_is_more_doubtful_than_any_and_an_unknown_doubt_is_the_usual_one():
    images = [
        an_image(1, {"cell": 2}, 4.0),
        an_image(2, {"cell": 2}, 2.0),
        an_image(3, {}, None),
        an_image(4, {}, 0.1, unlike=True),
    ]
    assert list(doubts_of(images).values()) == pytest.approx([4.0, 2.0, 6.1 / 3, 4.04])


def test_two_readers_with_images_of_their_own_do_not_end_each_others_batches(tmp_path):
    desk = Desk(tmp_path)
    images = Worklist(ReviewService(desk.store, desk.service.files, desk.model, private=True))
    own = {reader: doubtful_images(desk, 3, reader) for reader in ("ada", "ben")}
    before = first_batch(images)
    assert set(first_batch(images, "ben")) == set(own["ben"]) and first_batch(images) == before


def test_next_follows_the_order_of_the_list_and_images_answered_none_are_not_last(tmp_path):
    desk = Desk(tmp_path)
    shas = [desk.image(f"{n}.png") for n in range(4)]
    for sha, findings in zip(shas[:3], (FOUND, Findings(), FOUND), strict=True):
        given = desk.service.answer(desk.store.image(sha), ASK)
        desk.store.add_prediction(replace(given, id=f"newer {sha[:4]}", findings=findings))
    wanted = WorklistFilter(order=Order.UNCERTAIN)
    listed = [e.image.sha256 for e in desk.images.walk("ada", wanted)]
    assert listed[-1] == shas[3] and listed.index(shas[1]) < 3
    opened = listed[0]
    desk.service.save(desk.service.open(opened, ASK, "ada"))
    assert [e.image.sha256 for e in desk.images.walk("ada", wanted)] == listed
    assert desk.images.next("ada", wanted, opened).sha256 == listed[1]
