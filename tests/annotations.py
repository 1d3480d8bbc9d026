"""Small annotation files as other programs write them, and what an import makes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pictures import encoded
from PIL import Image as Pillow
from places import Place

from pdc.__main__ import main
from pdc.domain.values import Box
from pdc.formats.importing import import_file

SIZE = (200, 160)
CELL = (20, 30, 60, 70)
Stored = dict[str, dict[str, list[tuple[float, ...]]]]


def put(folder: Path, texts: Mapping[str, str | bytes], images: Mapping[str, str]) -> Path:
    """Files of a folder; `images` are file names and colours, so that no two are one picture."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    for name, colour in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(Pillow.new("RGB", SIZE, colour)))
    return folder


def taken(place: Place, path: Path, **options) -> tuple[Stored, str]:
    """{image: {label: corners}} as stored under the file's own labels, and the import's sentence about it."""
    imported = import_file(place.store, place.files, path, "ada", **options)
    return stored(place), imported.told()


def stored(place: Place) -> Stored:
    names, found = {i.sha256: i.name for i in place.store.images()}, {}
    for review in place.store.current_reviews():
        for label in review.question.labels:
            marks = [
                m.shape.xyxy if isinstance(m.shape, Box) else (m.shape.x, m.shape.y)
                for m in review.findings.marks
                if m.label == label
            ]
            found.setdefault(names[review.image_sha256], {})[label] = marks
    return found


def ran(monkeypatch, capsys, home: Path, *words: str) -> tuple[int, str]:
    monkeypatch.setenv("PDC_HOME", str(home))
    code = main(list(words))
    said = capsys.readouterr()
    return code, (said.out + said.err).strip().splitlines()[-1]


def a_coco(folder: Path, annotations: list[dict], images: tuple[str, ...] = ("a.png", "b.png"), **more) -> Path:
    colours = ("red", "blue", "lime")
    document = {
        "images": [{"id": i, "file_name": n, "width": 200, "height": 160, **more} for i, n in enumerate(images, start=1)],
        "categories": [{"id": i, "name": n} for i, n in enumerate(("cell", "platelet", "dog"), start=1)],
        "annotations": [{"id": i, "image_id": 1, "category_id": 1, **a} for i, a in enumerate(annotations, start=1)],
    }
    return put(folder, {"a.json": json.dumps(document)}, dict(zip(images, colours, strict=False))) / "a.json"


BOXED = {"bbox": [20, 30, 40, 40]}
PLATELET = {**BOXED, "category_id": 2}
LINE = "0 0.2 0.3125 0.2 0.25"


def a_yolo(folder: Path, labels: Mapping[str, str], names: str = "[cell, platelet]", images=("a", "b")) -> Path:
    texts = {f"labels/{name}.txt": text for name, text in labels.items()}
    pictures = {f"images/{n}.png": c for n, c in zip(images, ("red", "blue", "lime"), strict=False)}
    return put(folder, {"data.yaml": f"names: {names}\n", **texts}, pictures)


def a_region(kind: str = "rectanglelabels", label: str = "cell", x: float = 10, **more) -> dict:
    value = {"x": x, "y": 18.75, "width": 20, "height": 25, "rotation": 0, kind: [label], **more.pop("value", {})}
    return {"type": kind, "original_width": 200, "original_height": 160, "image_rotation": 0, "value": value, **more}


def a_task(image: str, *annotations: dict, **more) -> dict:
    return {"data": {"image": image}, "annotations": list(annotations), **more}


def a_label_studio(folder: Path, *tasks: dict) -> Path:
    pictures = zip((t["data"]["image"] for t in tasks), ("red", "blue", "lime", "white", "navy"), strict=False)
    return put(folder, {"tasks.json": json.dumps(tasks)}, dict(pictures)) / "tasks.json"


def a_voc(name: str, corners: tuple[float, ...], label: str = "cell", size: str = "") -> str:
    tags = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True))
    return (
        f"<annotation><filename>{name}</filename>{size}<object><name>{label}</name><bndbox>{tags}</bndbox></object></annotation>"
    )
