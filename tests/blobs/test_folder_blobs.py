"""Files in a folder: in folders of their own by the first digits of their names, and old ones where they were."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pdc.blobs.base import key_of, sharded
from pdc.blobs.cache import JUST_READ, Cache
from pdc.blobs.folder import FolderBlobs

PNG, TIFF = f"{'ab' * 32}.png", f"raw/{'cd' * 32}.tif"


@pytest.mark.parametrize(("key", "path"), [(PNG, f"ab/{PNG}"), (TIFF, f"raw/cd/{'cd' * 32}.tif")])
def test_a_key_has_one_path_and_an_old_path_has_the_same_key(key: str, path: str):
    assert sharded(key) == path and key_of(path) == key_of(key) == key


def test_what_is_written_is_found_and_never_changed(tmp_path: Path):
    blobs = FolderBlobs(tmp_path)
    for data in (b"first", b"second"):
        blobs.write(PNG, data)
        blobs.write(TIFF, data)
    assert blobs.local(PNG) == tmp_path / "ab" / PNG and blobs.local(PNG).read_bytes() == b"first"
    assert list(blobs.all_keys()) == [PNG, TIFF] and blobs.size(TIFF) == 5 and not blobs.flat()


def test_files_of_older_versions_are_found_where_they_lie_and_sorted_when_asked(tmp_path: Path):
    (tmp_path / "raw").mkdir()
    (tmp_path / PNG).write_bytes(b"old")
    (tmp_path / TIFF).write_bytes(b"old numbers")
    blobs = FolderBlobs(tmp_path)
    blobs.write(PNG, b"again")
    assert blobs.local(PNG) == tmp_path / PNG and blobs.flat() == list(blobs.all_keys()) == [PNG, TIFF]
    assert blobs.sort() == 2 and not blobs.flat()
    assert blobs.local(PNG).read_bytes() == b"old" and blobs.local(TIFF) == tmp_path / sharded(TIFF)
    assert blobs.sort() == 0


def test_what_is_removed_is_gone_from_both_places(tmp_path: Path):
    blobs = FolderBlobs(tmp_path)
    blobs.write(PNG, b"new")
    (tmp_path / PNG).write_bytes(b"old")
    blobs.remove(PNG)
    blobs.remove(PNG)
    assert not blobs.has(PNG) and not list(blobs.all_keys()) and blobs.size(PNG) == 0
    with pytest.raises(FileNotFoundError):
        blobs.local(PNG)


def test_what_a_killed_writer_left_is_no_file_and_is_swept(tmp_path: Path):
    blobs = FolderBlobs(tmp_path)
    for folder in (tmp_path / "ab", tmp_path / "raw" / "cd"):
        folder.mkdir(parents=True)
        (left := folder / ".x.png.0.part").write_bytes(b"half")
        os.utime(left, (1, 1))
    assert not list(blobs.all_keys())
    assert blobs.sweep() == 2 and not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_copies_stay_within_their_size_and_what_was_read_last_stays_longest(tmp_path: Path):
    cache = Cache(tmp_path, 1000)
    for n in range(3):
        os.utime(cache.put(f"{n}.png", bytes(300)), (n + 1, n + 1))
    assert cache.get("0.png")
    cache.put("3.png", bytes(300))
    assert [n for n in range(4) if (tmp_path / f"{n}.png").exists()] == [0, 2, 3]


def test_a_copy_that_was_read_a_moment_ago_is_not_taken_from_its_reader(tmp_path: Path):
    cache = Cache(tmp_path, 100)
    paths = [cache.put(f"{n}.png", bytes(300)) for n in range(3)]
    assert all(path.exists() for path in paths) and JUST_READ > 1
