"""Two people saved the same image: three-way merge of mine and theirs over the base both started from. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from pdc.domain.carrying import free_id
from pdc.domain.diff import CorrectionKind, diff
from pdc.domain.doubt import opened
from pdc.domain.values import Aside, Findings, Mark

T = TypeVar("T", bound=Mark | int)


class Take(StrEnum):
    """What becomes of a conflict. A merge keeps mine where both changed the same mark in different ways."""

    MINE = "mine"
    THEIRS = "theirs"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Clash:
    """One mark (or stated count) that both changed, differently. None: not there, or removed."""

    name: str
    base: Mark | int | None
    mine: Mark | int | None
    theirs: Mark | int | None


@dataclass(frozen=True, slots=True)
class Merged:
    findings: Findings
    clashes: tuple[Clash, ...]


def merge(base: Findings, mine: Findings, theirs: Findings) -> Merged:
    """Every change of either side; where both changed the same thing differently, mine, and a clash is listed.

    Marks of the base are followed by id. Marks that both added at the same place with the same label are one. A mark
    of mine whose id they gave to something else gets another id.
    """
    known = {m.id for m in base.marks}
    theirs_added = tuple(m for m in theirs.marks if m.id not in known)
    mine_added = _not_theirs(tuple(m for m in mine.marks if m.id not in known), theirs_added)
    followed, clashes = _followed([m.id for m in base.marks], *map(_by_id, (base, mine, theirs)))
    labels = list(dict.fromkeys((*base.stated, *mine.stated, *theirs.stated)))
    stated, more = _followed(labels, base.stated, mine.stated, theirs.stated)
    taken = known | {m.id for m in theirs_added}
    added = tuple(replace(m, id=free_id(m.id, taken)) for m in mine_added)
    in_order = tuple(followed[m.id] for m in base.marks if m.id in followed)
    aside = _aside(mine.aside, theirs.aside)
    complete = theirs.complete if mine.complete == base.complete else mine.complete
    return Merged(Findings(in_order + theirs_added + added, stated, aside, complete), (*clashes, *more))


def _aside(mine: Aside, theirs: Aside) -> Aside:
    """What either put aside; of one mark, mine."""
    marks = {m.id: m for m in (*theirs.marks, *mine.marks)}
    return Aside(tuple(marks.values()), {**theirs.stated, **mine.stated})


def _by_id(findings: Findings) -> dict[str, Mark]:
    return {m.id: m for m in findings.marks}


def _followed(
    names: Sequence[str], base: Mapping[str, T], mine: Mapping[str, T], theirs: Mapping[str, T]
) -> tuple[dict[str, T], list[Clash]]:
    """Three-way, name by name."""
    kept, clashes = {}, []
    for name in names:
        b, m, t = base.get(name), mine.get(name), theirs.get(name)
        if b not in (m, t) and m != t and not (_gone(m) and _gone(t)):
            clashes.append(Clash(name, b, m, t))
        value = t if m == b else m
        if value is not None:
            kept[name] = value
    return kept, clashes


def _gone(value: object) -> bool:
    """Removed, rejected or doubtful, which says the same: it is not counted."""
    return value is None or (isinstance(value, Mark) and not value.counts)


def _not_theirs(mine: tuple[Mark, ...], theirs: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """My added marks without those that they added too. Ids mean nothing here: both sides number from h1."""
    named = tuple(replace(m, id=f"mine-{i}") for i, m in enumerate(mine))
    others = tuple(replace(m, id=f"theirs-{i}") for i, m in enumerate(theirs))
    both = (CorrectionKind.KEPT, CorrectionKind.MOVED)
    shared = {c.before.id for c in diff(opened(Findings(named)), Findings(others)) if c.before is not None and c.kind in both}
    return tuple(m for m, n in zip(mine, named, strict=True) if n.id not in shared)
