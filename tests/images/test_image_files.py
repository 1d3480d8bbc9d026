"""The folder of accepted images: names are cleaned, files are whole or absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pictures import corners, encoded, is_upright
from PIL import Image

from pdc.domain.errors import NotFound, StoreUnavailable
from pdc.images.intake import ImageFiles, accept, clean_name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("slide 7.png", "slide 7.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\слайд.tif", "слайд.tif"),
        ("a/b\\c.png", "c.png"),
        ("..", "image"),
        ("", "image"),
        ("a\x00b\n\u202ec.png", "abc.png"),
        ("x" * 500, "x" * 120),
    ],
)
def test_names_lose_paths_and_control_characters(given: str, kept: str):
    assert clean_name(given) == kept


def test_an_image_is_put_once_and_opens_as_rgb(tmp_path: Path):
    files = ImageFiles(tmp_path / "images")
    accepted = accept(encoded(corners()), "x")
    path = files.put(accepted)
    before = path.stat()
    assert files.put(accepted) == path == files.path(accepted.sha256)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert is_upright(files.open(accepted.sha256))
    assert [p.name for p in path.parent.iterdir()] == [f"{accepted.sha256}.png"]


def test_what_was_accepted_opens_however_large_pillow_thinks_it(tmp_path: Path, monkeypatch):
    accepted, files = accept(encoded(corners()), "x"), ImageFiles(tmp_path / "images")
    files.put(accepted)
    for opened in (accepted.pixels, lambda: files.open(accepted.sha256)):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
        assert is_upright(opened())


@pytest.mark.parametrize("name", ["b" * 64, "../" + "a" * 61, "A" * 64, "", "x"])
def test_an_image_that_is_not_there_is_not_found(tmp_path: Path, name: str):
    (tmp_path / "images").mkdir()
    (tmp_path / ("a" * 61 + ".png")).write_bytes(b"")
    with pytest.raises(NotFound):
        ImageFiles(tmp_path / "images").path(name)


def test_a_damaged_file_is_a_sentence(tmp_path: Path):
    files = ImageFiles(tmp_path)
    path = files.put(accept(encoded(corners()), "x"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreUnavailable, match="damaged; restore it"):
        files.open(path.stem)


@pytest.mark.skipif(os.name == "nt", reason="resource limits")
def test_a_full_disk_is_a_sentence_and_leaves_nothing_behind(tmp_path: Path):
    import resource

    files = ImageFiles(tmp_path)
    first, second = accept(encoded(corners()), "x"), accept(encoded(Image.effect_noise((300, 300), 80)), "y")
    path = files.put(first)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # the system refuses the write, as a full disk does
    try:
        with pytest.raises(StoreUnavailable, match="disk is full"):
            files.put(second)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path] and path.read_bytes() == first.png
    assert files.put(second).is_file()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="could not be written"):
        ImageFiles(tmp_path / "file" / "images").put(accept(encoded(corners()), "x"))
