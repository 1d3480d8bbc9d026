"""The numbers of an image's file, for whoever may see the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from house import Browser, living
from pictures import corners, encoded
from PIL import Image

DIM = encoded(Image.fromarray(np.where(np.mgrid[:60, :80].sum(0) < 60, 200, 1200).astype(np.uint16)))


def test_the_numbers_go_only_to_who_may_see_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SPACE_ID", "a/public")
    with living(tmp_path) as house:
        bob, ada = Browser(house), Browser(house)
        sha = ada.send("POST", "/api/images?name=dim.png", content=DIM).json()["sha256"]
        given = ada.send("GET", f"/raw/{sha}/0")
        assert np.frombuffer(given.content, "<u2").reshape(60, 80)[[0, 59], [0, 79]].tolist() == [200, 1200]
        assert (given.headers["x-base"], given.headers["x-step"]) == ("0", "1")
        for path in (f"/raw/{sha}/1", f"/raw/{sha}/-1", f"/raw/{'0' * 64}/0"):
            assert ada.send("GET", path).status_code == 404
        assert bob.send("GET", f"/raw/{sha}/0").status_code == 404
        plain = ada.send("POST", "/api/images?name=plain.png", content=encoded(corners())).json()["sha256"]
        assert "upload the image again" in ada.send("GET", f"/raw/{plain}/0").text
