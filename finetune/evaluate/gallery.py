"""The worst images with their pictures: what was there, what the model said, and what a reader has to do about it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from finetune.evaluate.metrics import MAX_DISTANCE, MIN_IOU, ScoredAnswer
from finetune.evaluate.tables import align_columns
from pdc.domain.matching import match
from pdc.domain.values import Box, Findings, Mark

MOST_PIXELS = 480  # of the longer side of a picture
COLOURS = {"found": "#2a9d4a", "missed": "#ff8c00", "wrong": "#d7263d"}
PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>
:root {{ color-scheme: light dark }} body {{ font: 15px system-ui, sans-serif; margin: 2em }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 1.5em }}
figure {{ margin: 0 }} svg {{ width: 100%; height: auto }} b {{ padding: 0 .5em; border-left: .8em solid }}
rect, circle {{ fill: none; stroke-width: 2; vector-effect: non-scaling-stroke }}
</style><h1>{title}</h1><p>{legend}</p><main>{figures}</main>"""


@dataclass(frozen=True, slots=True)
class JudgedImage:
    """A case with its marks sorted: found (the model's), missed (the truth's) and wrong (the model's)."""

    case: ScoredAnswer
    found: Sequence[Mark]
    missed: Sequence[Mark]
    wrong: Sequence[Mark]

    @property
    def faults(self) -> int:
        return len(self.missed) + len(self.wrong)


def judge_images(case: ScoredAnswer) -> JudgedImage:
    """Matched one to one within a label, as `metrics.py` does."""
    true, said = ([m for m in f.marks if m.counts] for f in (case.true, case.predicted or Findings()))
    pairs = match(said, true, min_iou=MIN_IOU, max_distance=MAX_DISTANCE if case.question.task.has_points else None)
    found, hit = {i for i, _ in pairs}, {j for _, j in pairs}
    return JudgedImage(
        case,
        [said[i] for i in sorted(found)],
        [m for j, m in enumerate(true) if j not in hit],
        [m for i, m in enumerate(said) if i not in found],
    )


def worst_images(cases: Iterable[ScoredAnswer]) -> list[JudgedImage]:
    """Most faults first."""
    return sorted(map(judge_images, cases), key=lambda j: (-j.faults, j.case.image))


def gallery_table(found: Sequence[JudgedImage]) -> str:
    rows = [("image", "true marks", "found", "missed", "wrong", "unreadable")]
    for j in found:
        unreadable = "yes" if j.case.predicted is None else ""
        name, true = Path(j.case.image).name, len(j.found) + len(j.missed)
        rows.append((name, str(true), str(len(j.found)), str(len(j.missed)), str(len(j.wrong)), unreadable))
    return align_columns(rows)


def write_gallery(found: Sequence[JudgedImage], path: Path, title: str) -> None:
    """One page that needs no other file."""
    figures = "".join(map(_figure, found))
    path.write_text(PAGE.format(title=escape(title), legend=_legend(), figures=figures), encoding="utf-8")


def _legend() -> str:
    return " ".join(f'<b style="border-color: {colour}">{name}</b>' for name, colour in COLOURS.items())


def _marks(j: JudgedImage) -> str:
    return "".join(_drawn(m, name) for name in COLOURS for m in getattr(j, name))


def _figure(j: JudgedImage) -> str:
    url, (w, h) = _picture(Path(j.case.image))
    marks = _marks(j)
    said = "unreadable" if j.case.predicted is None else f"{len(j.wrong)} wrong"
    caption = escape(f"{Path(j.case.image).name}: {len(j.missed)} missed, {said}, {len(j.found)} found")
    picture = f'<image href="{url}" width="{w}" height="{h}"/>'
    return f'<figure><svg viewBox="0 0 {w} {h}">{picture}{marks}</svg><figcaption>{caption}</figcaption></figure>'


def _picture(path: Path) -> tuple[str, tuple[int, int]]:
    """The image as a data URL, made smaller, and its own (width, height) in pixels."""
    from PIL import Image

    with Image.open(path) as file:
        image, size = file.convert("RGB"), file.size
    image.thumbnail((MOST_PIXELS, MOST_PIXELS))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}", size


def _drawn(mark: Mark, name: str) -> str:
    dash = ' stroke-dasharray="5 3"' if name == "missed" else ""
    style, title = f'stroke="{COLOURS[name]}"{dash}', f"<title>{escape(f'{mark.label}, {name}')}</title>"
    if isinstance(mark.shape, Box):
        b = mark.shape
        place = f'x="{b.x1:.1f}" y="{b.y1:.1f}" width="{b.width:.1f}" height="{b.height:.1f}"'
        return f"<rect {place} {style}>{title}</rect>"
    return f'<circle cx="{mark.shape.x:.1f}" cy="{mark.shape.y:.1f}" r="4" {style}>{title}</circle>'
