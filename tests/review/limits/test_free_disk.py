"""A disk that fills up: uploads stop first, then saves, with a sentence, and all goes on once there is room again."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from desk import ASK, FOUND, Desk
from pictures import encoded
from PIL import Image

from pdc.domain.errors import DiskFull
from pdc.review.limits.disk import MB, Disk
from pdc.review.limits.quotas import Limits

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch):
    """free(mb): so much is free on every disk from now on."""

    def say(mb: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, mb * MB))

    return say


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.service.limits = Limits(Disk(tmp_path, 1000))
    return desk


def test_uploads_stop_below_the_mark_and_saves_below_a_tenth_of_it(desk: Desk, free):
    free(1001)
    sha = desk.image("a.png")
    free(500)
    with pytest.raises(DiskFull, match="500 MB free, 1000 MB needed"):
        desk.image("b.png")
    assert len(desk.store.images()) == 1
    desk.service.save(desk.service.open(sha, ASK, "ada"))
    free(99)
    draft = desk.service.edit(desk.service.open(sha, ASK, "bea"), FOUND)
    with pytest.raises(DiskFull, match="your marks stay as a draft"):
        desk.service.save(draft)
    assert len(desk.store.reviews(sha)) == 1
    resumed = desk.service.open(sha, ASK, "bea")
    assert resumed.findings == FOUND
    free(1000)
    desk.service.save(resumed)
    assert len(desk.store.reviews(sha)) == 2


def test_a_file_that_would_not_fit_is_refused_before_it_is_read(desk: Desk, free):
    free(1001)
    with pytest.raises(DiskFull):
        desk.service.add_image(b"x" * 2 * MB, "big.png")


def test_the_mark_may_be_lowered_and_a_folder_that_is_not_there_yet_has_a_disk(tmp_path: Path, free):
    free(0)
    Disk(tmp_path / "not" / "yet", 0).refuse_upload()
    with pytest.raises(DiskFull):
        Disk(tmp_path / "not" / "yet", 10).refuse_save()


def test_the_real_disk_is_asked(tmp_path: Path):
    free = Disk(tmp_path).free_bytes()
    assert 0 < free <= shutil.disk_usage(tmp_path).total
    desk = Desk(tmp_path)
    desk.service.limits = Limits(Disk(tmp_path, free // MB + 10_000))
    with pytest.raises(DiskFull):
        desk.service.add_image(encoded(Image.new("RGB", (8, 8))), "a.png")
