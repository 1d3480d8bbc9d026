"""The robustness table as text for the terminal, and as Markdown for a model card."""

from __future__ import annotations

from collections.abc import Sequence

from finetune.evaluate.bootstrap import FEW_GROUPS, Estimate
from finetune.evaluate.robustness.measure import SOURCE, PerturbedScores, Robustness
from finetune.evaluate.tables import align_columns

HEAD = ("kind", "seen with", "images", "F1", "change", "F1 by scores", "count error")


def robustness_table(found: Robustness) -> str:
    """A row a kind and perturbation, then how the scores rank them."""
    rows = [HEAD, *(_line(r) for r in found.rows)]
    return f"{align_columns(rows)}\n\n{_ranked(found)}"


def robustness_markdown(found: Robustness) -> str:
    """A row a perturbation and a column a kind: F1 and its change, bold where the interval leaves out 0 and
    the images are not few. Then the sources."""
    kinds = list(dict.fromkeys(r.kind for r in found.rows))
    by_place = {(r.kind, r.title): r for r in found.rows}
    titles = dict.fromkeys(r.title for r in found.rows if r.name != SOURCE)
    n = {r.kind: r.images for r in found.rows if r.name != SOURCE}
    head = [_joined(["seen with", *(f"{kind or 'images'}, {n[kind]}" for kind in kinds)]), "|---" * (len(kinds) + 1) + "|"]
    body = [_joined([t, *(_cell(by_place.get((kind, t))) for kind in kinds)]) for t in titles]
    return "\n".join([*head, *body, "", *_sources(found.rows), _ranked(found)])


def _line(r: PerturbedScores) -> tuple[str, ...]:
    return r.kind, r.title, str(r.images), *map(_full, (r.f1, r.change, r.expected, r.count_error))


def _full(e: Estimate | None, sign: str = "") -> str:
    return "-" if e is None else f"{e.value:{sign}.2f} [{e.low:{sign}.2f}, {e.high:{sign}.2f}]"


def _cell(r: PerturbedScores | None) -> str:
    if r is None or r.f1 is None:
        return "-"
    if r.change is None:
        return _full(r.f1)
    clear = r.images >= FEW_GROUPS and (r.change.high < 0 or r.change.low > 0)
    said = f"{r.f1.value:.2f}, {_full(r.change, '+')}"
    return f"**{said}**" if clear else said


def _sources(rows: Sequence[PerturbedScores]) -> list[str]:
    """The table of sources, where there are any."""
    some = [_joined([r.kind, r.severity, str(r.images), _full(r.f1)]) for r in rows if r.name == SOURCE]
    return ["| kind | source | images | F1, clean |", "|---|---|---|---|", *some, ""] if some else []


def _joined(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _ranked(found: Robustness) -> str:
    """Whether the scores fall where F1 does, in a sentence."""
    if found.spearman is None:
        return "Too few rows with scores to say whether the scores fall where F1 does."
    some = ", ".join(f"{kind} {_full(e)}" for kind, e in found.spearmans.items() if e and kind)
    return f"Do the scores fall where F1 does? Spearman over the rows {_full(found.spearman)}{'; ' if some else ''}{some}."
