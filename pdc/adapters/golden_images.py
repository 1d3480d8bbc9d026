"""Golden images: a few pictures in the adapter's folder, with what it answered when it was made.

Asked again before it may serve, they show what no checksum can: another base, library or machine that gives other answers.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pdc import files
from pdc.domain.errors import Unreadable
from pdc.domain.matching import GOLDEN, match
from pdc.domain.message import Message
from pdc.domain.prompts import parse
from pdc.domain.values import Adapter, Findings, Question, Task
from pdc.files import read_json, sha256, write_json
from pdc.inference.adapter_folder import MANIFEST, AdapterManifest
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.predictors.base import Predictor

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

FILE = "golden.json"
OTHERWISE = "It answers {image} otherwise than when it was made: another base, library or machine changed it."
LOOK = re.compile(r"(\[\d+, \d+, \d+, \d+\]) (.*)")  # how an answer of several looks is written, a line each


def record(folder: Path, predictor: Predictor, images: Sequence[PilImage], question: Question) -> None:
    """Ask about the images and keep them with the answers in the adapter's folder, as part of what pdc.json vouches for."""
    answers = []
    for i, image in enumerate(images, start=1):
        buffer = io.BytesIO()
        image.save(buffer, format="PNG")
        files.write(folder / f"golden-{i}.png", buffer.getvalue())
        answers.append({"image": f"golden-{i}.png", "raw": predictor.predict(image, question).raw})
    write_json(folder / FILE, {"task": str(question.task), "labels": list(question.labels), "answers": answers})
    named = {p.name: sha256(p) for p in sorted(folder.iterdir()) if p.name != MANIFEST}
    write_json(folder / MANIFEST, replace(AdapterManifest.read(folder), files=named).to_json())


def check(folder: Path, predictor: Predictor) -> Message | None:
    """What is wrong, as a sentence; None when every answer is as it was, or none was recorded.

    The same number of marks, each with a partner of its label by `GOLDEN`.
    """
    from PIL import Image

    kept = read_json(folder / FILE)
    if kept is None:
        return None
    question, style = Question(Task(kept["task"]), tuple(kept["labels"])), AdapterManifest.read(folder).prompt_version
    for entry in kept["answers"]:
        with Image.open(folder / entry["image"]) as file:
            answer = predictor.predict(file.convert("RGB"), question)
        if answer.raw != entry["raw"] and not _alike(question, answer.raw, entry["raw"], style):
            return Message(OTHERWISE, image=entry["image"])
    return None


def probe(predictor: Predictor, instead: Callable[[AdapterRef], AbstractContextManager[None]]) -> Callable[[Adapter], str | None]:
    """What the registry asks before an adapter may serve. Within `instead(wanted)`, `predictor` answers by that adapter."""

    def ask(adapter: Adapter) -> str | None:
        with instead(AdapterRef(adapter.name, adapter.path)):
            return check(Path(adapter.path), predictor)

    return ask


def _alike(question: Question, raw: str, before: str, style: str) -> bool:
    now, then = _looks(raw), _looks(before)
    return now.keys() == then.keys() and all(_same(question, now[window], then[window], style) for window in now)


def _looks(raw: str) -> dict[str, str]:
    """Text by the window it is about; the whole image is the window "" of an answer of one look."""
    lines = [LOOK.fullmatch(line) for line in raw.split("\n")]
    return {line[1]: line[2] for line in lines if line} if all(lines) else {"": raw}


def _same(question: Question, raw: str, before: str, style: str) -> bool:
    now, then = (_read(question, text, style) for text in (raw, before))
    if now is None or then is None or len(now.marks) != len(then.marks):
        return False
    limit = GOLDEN.distance if question.task.has_points else None
    return len(match(now.marks, then.marks, min_iou=GOLDEN.iou, max_distance=limit)) == len(then.marks)


def _read(question: Question, text: str, style: str) -> Findings | None:
    try:
        return parse(question, text, style)
    except Unreadable:
        return None
