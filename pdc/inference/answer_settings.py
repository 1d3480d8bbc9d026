"""How a model or an adapter is asked and read, by what its folder says about itself (pdc.json). No torch.

style         its pdc.json, else PDC_ANSWER_STYLE, else its base's pdc.json; an adapter of which nothing is known is asked
              as "Point, Detect, Count" asks (paper-1), a base as PDC does (compact-1)
counts_by     a count alone is answered by counting the marks of another task: a number without marks cannot be looked at, and is
              learnt worse. PDC's adapters say by which task, or that they learnt from counts alone and state the number;
              what does not say is asked to count and box
answer_width  what learnt the paper's format from the paper's images states coordinates in pixels of the image scaled
              to at most 700 pixels of width; everything that PDC trains, in pixels of the image as the model sees it
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from pdc.domain.certainty.counts import CountModel, CountModels, count_models
from pdc.domain.doubt import Thresholds
from pdc.domain.errors import BadModel
from pdc.domain.prompts import COMPACT, PAPER, STYLES
from pdc.domain.values import Task
from pdc.inference.adapter_folder import MANIFEST, thresholds_of, windows_of

PAPER_WIDTH = 700  # pixels: no image of MedMultiPoints is wider


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """How a model or adapter is asked and read: prompt style, the task by which it answers all five, its thresholds, and what its
    counts are worth.

    `counts_by` is the task by whose marks it answers a count alone where `lists` is None; None: it states a number.
    `max_pixels` is how many pixels of an image it learnt to see at most, and `answer_width` how wide, in pixels, an image is
    at most in whose pixels it states coordinates; None where it does not say. `windows`: per label the side, in image pixels,
    of the windows in which it was learnt.
    """

    style: str
    lists: Task | None
    thresholds: Thresholds
    max_pixels: int | None = None
    answer_width: int | None = None
    windows: Mapping[str, float] = field(default_factory=dict)
    count_models: CountModels = field(default_factory=dict)
    counts_by: Task | None = None

    def asked_as(self, task: Task) -> Task | None:
        """The other task that is asked to answer this one, if there is one."""
        return self.lists or (None if task.has_marks else self.counts_by)


def base_settings(folder: str, style: str | None = None) -> AnswerSettings:
    """Of a base model, in a folder or on the hub; `style` holds where it does not say."""
    chosen = style_of(folder) or style or COMPACT
    return _settings(folder, chosen, lists_of(folder))


def adapter_settings(folder: str, base: str, style: str | None = None) -> AnswerSettings:
    """Of an adapter on a base, each in a folder or on the hub; `style` holds where the adapter does not say."""
    chosen, lists = adapter_style(folder, base, style), lists_of(folder, lists_of(base))
    return _settings(folder, chosen, lists)


def _settings(folder: str, style: str, lists: Task | None) -> AnswerSettings:
    pixels, width = max_pixels_of(folder), _answer_width(folder, style)
    models, by = count_models_of(folder), counts_by_of(folder)
    return AnswerSettings(style, lists, thresholds_of(folder), pixels, width, windows_of(folder), models, by)


def style_of(folder: str) -> str | None:
    """The prompt style written in the folder's pdc.json, if there is one."""
    if not is_ours(folder):
        return None
    style = described(folder).get("prompt_version")
    if style not in STYLES:
        raise BadModel(f"{Path(folder) / MANIFEST} names the prompt version {style!r}; this PDC knows {', '.join(STYLES)}.")
    return style


def adapter_style(folder: str, base: str, style: str | None = None) -> str:
    """How an adapter is asked: as its pdc.json says, else `style`, else as its base's says; else in the paper's format."""
    return style_of(folder) or style or style_of(base) or PAPER


def lists_of(folder: str, otherwise: Task | None = None) -> Task | None:
    """The task by which this model or adapter answers all five, as its pdc.json says, or None: each by itself."""
    task = described(folder).get("lists", otherwise)
    return Task(task) if task else None


def counts_by_of(folder: str) -> Task | None:
    """The task by whose marks this model or adapter answers a count alone, as its pdc.json says, or None: it states a number."""
    said = described(folder)
    task = said.get("counts_by") or said.get("lists") if is_ours(folder) else Task.COUNT_AND_BOX
    return Task(task) if task else None


def labels_of(folder: str) -> frozenset[str]:
    """The labels that a model or adapter was taught, as its pdc.json says."""
    return frozenset(described(folder).get("labels", ()))


def taught(model: str, *adapters: str | None) -> frozenset[str] | None:
    """The labels that a model with these adapters was taught; None where one of them does not say."""
    said = [labels_of(folder) for folder in (model, *adapters) if folder]
    return frozenset().union(*said) if all(said) else None


def described(folder: str) -> Mapping[str, Any]:
    """The folder's pdc.json; empty when there is none."""
    path = Path(folder) / MANIFEST
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError:
        return {}
    return _read(path, changed_ns)


@lru_cache(maxsize=64)
def _read(path: Path, changed_ns: int) -> Mapping[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadModel(f"{path} is damaged; train or download the adapter again.") from error


def is_ours(folder: str) -> bool:
    return (Path(folder) / MANIFEST).is_file()


def _answer_width(folder: str, style: str) -> int | None:
    if is_ours(folder):
        return _whole_number(folder, "answer_width")
    return PAPER_WIDTH if style == PAPER else None


def max_pixels_of(folder: str) -> int | None:
    """How many pixels of an image a model or adapter learnt to see at most, as its pdc.json says."""
    return _whole_number(folder, "max_pixels")


def count_models_of(folder: str) -> CountModels:
    """What the counts of the model or adapter in `folder` are worth, per label; none where it does not say."""
    try:
        return count_models(described(folder).get("count_models") or {})
    except (TypeError, ValueError, AttributeError):
        names = ", ".join(f.name for f in fields(CountModel))
        raise BadModel(f"{Path(folder) / MANIFEST} has a count model without good numbers for {names}; correct it.") from None


def looks_of(folder: str) -> frozenset[str]:
    """The labels of which four looks that vote were measured to be worth more than one, as the model's pdc.json says."""
    return frozenset(described(folder).get("looks") or ())


def sizes_of(folder: str) -> dict[str, tuple[float, float]]:
    """Per label the smallest and the largest side, as a share of a look's, at which a model learnt it, as its pdc.json says."""
    found = described(folder).get("sizes") or {}
    try:
        sizes = {label: (float(low), float(high)) for label, (low, high) in found.items()}
    except (TypeError, ValueError, AttributeError):
        sizes = {"": (1.0, 0.0)}
    if not all(0 <= low <= high for low, high in sizes.values()):
        raise BadModel(f"{Path(folder) / MANIFEST} has sizes that are not a smallest and a largest side per label; correct them.")
    return sizes


def _whole_number(folder: str, name: str) -> int | None:
    value = described(folder).get(name)
    if value is not None and not (type(value) is int and value > 0):
        raise BadModel(f"{Path(folder) / MANIFEST} has {name} {value!r}, and it needs a whole number above 0; correct it.")
    return value
