"""Plots of measured numbers with their 95 % intervals, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finetune.evaluate.bootstrap import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, BAR = 3.0, 0.32  # inches: of a panel, and of the height that a row takes
Series = Sequence[tuple[float, Estimate | None]]


def bars(path: Path, panels: Mapping[str, Mapping[str, Estimate | None]], title: str) -> None:
    """A panel per metric, a bar per row of a table, which all panels have in common."""
    from matplotlib.figure import Figure

    rows = max((len(values) for values in panels.values()), default=1)
    figure = Figure(figsize=(2 + WIDTH * len(panels), 1.2 + BAR * rows), layout="constrained")
    every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (name, values) in zip(every, panels.items(), strict=True):
        for place, estimate in enumerate(values.values()):
            _bar(axes, place, estimate)
        axes.set(title=name, yticks=range(len(values)), yticklabels=list(values), ylim=(rows - 0.5, -0.5))
        axes.set_xlim(0, max(1.0, axes.get_xlim()[1]))
    figure.suptitle(title)
    figure.savefig(path, dpi=120)


def _bar(axes: Axes, place: int, e: Estimate | None) -> None:
    if e is None:
        axes.text(0, place, "not measurable", va="center", color="grey", fontsize="small")
        return
    off = [[max(0.0, e.value - e.low)], [max(0.0, e.high - e.value)]]
    axes.barh(place, e.value, xerr=off, color="tab:blue", alpha=0.7, capsize=3)


def curves(path: Path, panels: Mapping[str, Mapping[str, Series]], xlabel: str, title: str) -> None:
    """A panel per metric, a line per series with a band for its interval; points without a value are left out."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH * len(panels), 3.4), layout="constrained")
    every = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, lines) in zip(every, panels.items(), strict=True):
        for label, series in lines.items():
            known = [(x, e) for x, e in series if e is not None]
            (line,) = axes.plot([x for x, _ in known], [e.value for _, e in known], marker="o", label=label)
            low, high = ([getattr(e, side) for _, e in known] for side in ("low", "high"))
            axes.fill_between([x for x, _ in known], low, high, alpha=0.15, color=line.get_color())
        axes.set(title=name, xlabel=xlabel, ylim=(0, None))
    every[0].legend(fontsize="small")
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
