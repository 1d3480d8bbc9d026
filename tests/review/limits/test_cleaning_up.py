"""What visitors leave behind goes after some days; what is append-only stays, and so does whatever is still somebody's."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from desk import ASK, FOUND, Desk
from pictures import encoded
from PIL import Image

from pdc.domain.values import Verdict
from pdc.images.thumbnails import Thumbnails
from pdc.review.limits.cleaning import Cleaning, Visits
from pdc.training.dataset_export import export_all


class Space(Desk):
    """A desk of a Space whose visitors' images go after 7 days, `owner`'s never."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.service.private, self.visits = True, Visits(folder / "visits")
        self.thumbnails = Thumbnails(self.service.files)
        stays = lambda name: name == "owner"  # noqa: E731
        self.cleaning = Cleaning(self.store, self.service.files, self.thumbnails, self.visits, 7, stays)

    def bring(self, who: str, shade: int) -> str:
        self.visits.note(who)
        sha = self.service.add_image(encoded(Image.new("RGB", (40, 30), (shade, 90, 90))), "Jane Roe.png", owner=who)[0].sha256
        self.thumbnails.path(sha)
        return sha

    def has(self, sha: str) -> bool:
        return self.service.files.has(sha)

    def came(self, who: str, days: float) -> None:
        """Their last visit was so many days after now."""
        at = (datetime.now(UTC) + timedelta(days=days)).timestamp()
        os.utime(self.visits._file(who), (at, at))

    def clean(self, days: float) -> int:
        return self.cleaning.run(datetime.now(UTC) + timedelta(days=days))


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return Space(tmp_path)


def test_after_seven_days_without_a_visit_pixels_and_drafts_go_and_the_record_stays(space: Space, tmp_path: Path):
    sha = space.bring("anna", 1)
    space.service.predict(space.service.open(sha, ASK, "anna"))
    space.service.save(space.service.open(sha, ASK, "anna"), Verdict.ACCEPTED)
    space.service.edit(space.service.open(sha, ASK, "anna"), FOUND)
    assert space.clean(6.9) == 0 and space.has(sha)
    assert space.clean(7.1) == 1
    assert not space.has(sha) and not list((tmp_path / "thumbnails").rglob("*.jpg"))
    assert space.store.images_of("anna") == [] and space.store.drafts(sha, ASK, "anna") == []
    assert len(space.store.reviews(sha)) == 1 and len(space.store.predictions()) == 1
    assert space.clean(8) == 0 and len(space.store.retirements("anna")) == 1  # said once


def test_whoever_comes_back_in_time_keeps_everything(space: Space):
    sha = space.bring("anna", 1)
    space.came("anna", 5)
    assert space.clean(11.9) == 0 and space.has(sha)
    assert space.clean(12.1) == 1 and not space.has(sha)


def test_an_image_that_somebody_else_brought_too_stays_theirs(space: Space):
    sha = space.bring("anna", 1)
    assert space.bring("bert", 1) == sha and space.bring("owner", 2)
    space.came("bert", 5)
    assert space.clean(8) == 0 and space.has(sha)
    assert space.store.images_of("anna") == [] and len(space.store.images_of("bert")) == 1
    assert space.clean(13) == 1 and not space.has(sha)
    assert len(space.store.images_of("owner")) == 1


def test_an_image_that_is_brought_again_is_there_again(space: Space):
    sha = space.bring("anna", 1)
    space.clean(8)
    assert space.bring("anna", 1) == sha and space.has(sha) and len(space.store.images_of("anna")) == 1


def test_training_goes_on_without_what_was_removed(space: Space, tmp_path: Path):
    shas = [space.bring(who, n) for n, who in enumerate(("anna", "owner"))]
    for sha, who in zip(shas, ("anna", "owner"), strict=True):
        space.service.save(space.service.edit(space.service.open(sha, ASK, who), FOUND))
    space.clean(8)
    rows = export_all(space.store, space.service.files, tmp_path / "set", "rows.jsonl", lambda image: True)
    assert [row["image"] for row in rows] == [f"images/{shas[1]}.png"]


def test_with_zero_days_nothing_ever_goes(space: Space):
    space.bring("anna", 1)
    space.cleaning.days = 0
    assert space.clean(1000) == 0
