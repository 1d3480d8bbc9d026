"""Images in an object store: what PDC does with files it does with objects, and a store that is away is a sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from blobs_of_a_bucket import BUCKET, bucket
from pictures import corners, encoded, is_upright

from pdc.compose import images_elsewhere, images_of
from pdc.domain.errors import BadSetting, NotFound, StoreUnavailable
from pdc.domain.values import Image
from pdc.domain.view import View
from pdc.images.intake import Accepted, ImageFiles
from pdc.images.thumbnails import Thumbnails
from pdc.settings import Settings
from pdc.store import Store
from pdc.store.archives.bringing import bring_in
from pdc.store.archives.out import write_archive
from pdc.store.backups.archive import make, restore

PNG, RAW = encoded(corners()), b"numbers"
SHA, RAW_SHA = hashlib.sha256(PNG).hexdigest(), hashlib.sha256(RAW).hexdigest()
VIEW = View(0, 1, None, 0, 1, raw=RAW_SHA)
PICTURE = Accepted(PNG, SHA, "corners.png", 40, 30, (), VIEW, RAW)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with bucket(monkeypatch) as server:
        yield server


def settings_in(folder: Path, prefix: str = "") -> Settings:
    return Settings(home=folder / "home", images_at=BUCKET + prefix, image_cache_mb=100)


def files_in(folder: Path, prefix: str = "") -> ImageFiles:
    return images_of(settings_in(folder, prefix))


def test_an_image_put_by_one_machine_is_read_by_another(server: Any, tmp_path: Path):
    here, there = files_in(tmp_path / "a"), files_in(tmp_path / "b")
    here.put(PICTURE)
    assert there.has(SHA) and there.size(SHA) == len(PNG) and there.present([SHA, "0" * 64]) == {SHA}
    assert is_upright(there.open(SHA)) and there.raw_path(VIEW).read_bytes() == RAW
    assert Thumbnails(here).path(SHA).read_bytes() == Thumbnails(there).made(SHA).read_bytes()  # made once for both
    there.remove(Image(SHA, "", 40, 30, SHA, datetime.now(UTC), VIEW))
    with pytest.raises(NotFound, match="upload the image again"):
        files_in(tmp_path / "c").path(SHA)


def test_a_store_that_is_away_is_a_sentence_and_what_was_read_before_is_still_shown(server: Any, tmp_path: Path):
    files = files_in(tmp_path)
    files.put(PICTURE)
    server.stop()
    assert is_upright(files.open(SHA))
    with pytest.raises(StoreUnavailable, match=r"image store s3://pictures/lab.*does not answer"):
        files.put(replace(PICTURE, sha256="0" * 64))


def test_a_backup_and_an_archive_hold_the_images_of_a_bucket_and_bring_them_back(server: Any, tmp_path: Path):
    settings = settings_in(tmp_path)
    settings.home.mkdir(parents=True)
    images_of(settings).put(PICTURE)
    store = Store.open(settings.url)
    store.add_image(PICTURE.image())
    images = images_elsewhere(settings)
    make(settings.home, tmp_path / "all.tar", images=images)
    write_archive(store, settings.home, tmp_path / "all.zip", images=images)
    store.close()

    back = settings_in(tmp_path / "back", "/restored")
    restore(tmp_path / "all.tar", back.home, images=images_elsewhere(back))
    assert is_upright(images_of(back).open(SHA)) and not (back.home / "images").exists()
    new = settings_in(tmp_path / "new", "/archived")
    other = Store.open(new.url)
    bring_in(other, new.home, tmp_path / "all.zip", images=images_elsewhere(new))
    other.close()
    assert is_upright(images_of(new).open(SHA)) and images_of(new).raw_path(VIEW).read_bytes() == RAW


@pytest.mark.parametrize("place", ["s3://", "nowhere://bucket"])
def test_a_place_that_is_none_is_refused_with_a_sentence(place: str, tmp_path: Path):
    pytest.importorskip("obstore")
    with pytest.raises(BadSetting, match=r"PDC_IMAGES is .* s3://bucket/prefix"):
        images_of(Settings(home=tmp_path, images_at=place))
