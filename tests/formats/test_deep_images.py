"""Images of more than 8 bits come in with their numbers, by whatever door."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tifffile
from places import Place

from pdc.formats.importing import import_file


def test_an_imported_image_keeps_its_numbers_and_says_what_is_shown(tmp_path: Path):
    values = np.full((60, 80), 200, np.uint16)
    values[20:40, 20:60] = 1200
    folder = tmp_path / "given"
    folder.mkdir()
    tifffile.imwrite(folder / "dim.tif", values)
    mark = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 20, 40, 20], "area": 800, "iscrowd": 0}
    image, named = {"id": 1, "file_name": "dim.tif", "width": 80, "height": 60}, {"id": 1, "name": "nucleus"}
    (folder / "coco.json").write_text(json.dumps({"images": [image], "annotations": [mark], "categories": [named]}))
    place = Place(tmp_path)
    import_file(place.store, place.files, folder / "coco.json", "ada")
    (stored,) = place.store.images()
    assert (stored.view.low, stored.view.high) == (200, 1200)
    assert (tifffile.imread(place.files.raw_path(stored.view)) == values).all()
    assert sorted(p.name for p in place.files.folder.iterdir()) == sorted(["raw", stored.sha256[:2]])
