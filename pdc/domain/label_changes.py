"""What is done to labels, and how rows are read that were written before it. Pure.

The labels of today are the fold of every change over the names that were ever used: nothing is overwritten.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pdc.domain.errors import BadQuestion
from pdc.domain.labels import Label, LabelDictionary, Vocabulary
from pdc.domain.spelling import key, names_nothing
from pdc.domain.values import Aside, Findings, Mark, Question, check_label

NOT_A_NAME = "{label} is no kind of object: it says none, or a number. Name what is to be found, as in “polyp”."
TAKEN = "{label} is a spelling of {name}; use {name}, or merge the two."


class LabelChange(StrEnum):
    """What was done to a label. Renamed and merged have another label beside it, the two of synonyms a spelling."""

    ADDED = "added"
    RENAMED = "renamed"
    MERGED = "merged"
    RETIRED = "retired"
    RESTORED = "restored"
    SYNONYM = "synonym"
    NO_SYNONYM = "no synonym"


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """One line of the history of labels: who did what to which label, and `to` what."""

    label: str
    change: LabelChange
    to: str | None
    by: str
    at: datetime


def fold(names: Iterable[str], events: Iterable[LabelEvent], vocabulary: Vocabulary | None = None) -> LabelDictionary:
    """The labels of today: `names` are those that were used, `events` every change, oldest first."""
    step: dict[str, str] = {}
    retired: set[str] = set()
    merged: set[str] = set()
    synonyms: dict[str, dict[str, None]] = defaultdict(dict)
    known = dict.fromkeys(names)
    for event in events:
        known |= dict.fromkeys((event.label,))
        _take(event, step, retired, synonyms)
        (merged.add if event.change is LabelChange.MERGED else merged.discard)(event.label)
        if event.change in (LabelChange.RENAMED, LabelChange.MERGED):
            known |= dict.fromkeys((str(event.to),))
    moved = {name: _end(name, step) for name in step}
    alone = {name: now for name, now in moved.items() if merged.isdisjoint(_way(name, step))}
    return LabelDictionary(_labels(known, moved, retired, synonyms), moved, vocabulary or Vocabulary(), alone)


def _take(event: LabelEvent, step: dict[str, str], retired: set[str], synonyms: dict[str, dict[str, None]]) -> None:
    match event.change:
        case LabelChange.RENAMED | LabelChange.MERGED:
            step.pop(str(event.to), None)  # renamed back
            step[event.label] = str(event.to)
        case LabelChange.RETIRED:
            retired.add(event.label)
        case LabelChange.RESTORED:
            retired.discard(event.label)
            step.pop(event.label, None)
        case LabelChange.SYNONYM:
            synonyms[event.label][str(event.to)] = None
        case LabelChange.NO_SYNONYM:
            synonyms[event.label].pop(str(event.to), None)
        case LabelChange.ADDED:
            retired.discard(event.label)


def _end(name: str, step: Mapping[str, str]) -> str:
    return step[[*_way(name, step)][-1]]


def _way(name: str, step: Mapping[str, str]) -> Iterator[str]:
    """The names it went through, without the one of today."""
    while name in step:
        yield name
        name = step[name]


def _labels(
    known: Iterable[str], moved: Mapping[str, str], retired: set[str], synonyms: Mapping[str, Mapping[str, None]]
) -> dict[str, Label]:
    former: dict[str, list[str]] = defaultdict(list)
    spelled: dict[str, dict[str, None]] = defaultdict(dict)
    for old, now in moved.items():
        former[now].append(old)
    for label, said in synonyms.items():
        spelled[moved.get(label, label)] |= said
    live = [name for name in known if name not in moved]
    return {n: Label(n, tuple(former[n]), tuple(w for w in spelled[n] if w != n), n in retired) for n in live}


def check_new_label(name: str) -> str:
    """The name itself, or BadQuestion saying why no kind of object can be called so."""
    if names_nothing(check_label(name)):
        raise BadQuestion(NOT_A_NAME, label=repr(name))
    return name


def check_change(dictionary: LabelDictionary, change: LabelChange, label: str, to: str | None) -> None:
    """Raises BadQuestion, with a sentence, where this cannot be done to this label."""
    if change is LabelChange.ADDED:
        return _check_free(dictionary, check_new_label(label), None)
    _check_known(dictionary, label, change)
    match change:
        case LabelChange.RENAMED:
            _check_free(dictionary, check_new_label(str(to)), label)
        case LabelChange.SYNONYM:
            _check_free(dictionary, check_label(str(to)), None)
        case LabelChange.MERGED:
            _check_known(dictionary, str(to), change)
            if to == label:
                raise BadQuestion("A label cannot be merged into itself; choose another.")
        case LabelChange.NO_SYNONYM if to not in dictionary.labels[label].synonyms:
            raise BadQuestion("{label} has no synonym {word} of its own.", label=label, word=repr(to))


def _check_known(dictionary: LabelDictionary, label: str, change: LabelChange) -> None:
    merged = change is LabelChange.RESTORED and label in dictionary.moved
    if label not in dictionary.labels and not merged:
        raise BadQuestion("There is no label {label}; choose one of the list.", label=repr(label))


def _check_free(dictionary: LabelDictionary, name: str, of: str | None) -> None:
    """No label but `of` may be called or spelled so."""
    if other := next((n for n in dictionary.by_key.get(key(name), ()) if n != of), None):
        raise BadQuestion(TAKEN, label=repr(name), name=other)


def question_now(question: Question, moved: Mapping[str, str]) -> Question:
    """The question under today's names; labels that were merged become one."""
    if moved.keys().isdisjoint(question.labels):
        return question
    return replace(question, labels=tuple(dict.fromkeys(moved.get(n, n) for n in question.labels)))


def findings_now(findings: Findings, moved: Mapping[str, str]) -> Findings:
    """The findings under today's names. Every mark stays; numbers that were stated of merged labels are added up."""
    every = (findings, findings.aside)
    if moved.keys().isdisjoint(label for part in every for label in (*(m.label for m in part.marks), *part.stated)):
        return findings
    aside = Aside(_marks_now(findings.aside.marks, moved), counts_now(findings.aside.stated, moved))
    return replace(findings, marks=_marks_now(findings.marks, moved), stated=counts_now(findings.stated, moved), aside=aside)


def _marks_now(marks: Iterable[Mark], moved: Mapping[str, str]) -> tuple[Mark, ...]:
    return tuple(replace(m, label=moved[m.label]) if m.label in moved else m for m in marks)


def counts_now(counts: Mapping[str, int], moved: Mapping[str, str]) -> dict[str, int]:
    """Numbers per label under today's names, added up where labels were merged."""
    now: Counter[str] = Counter()
    for label, n in counts.items():
        now[moved.get(label, label)] += n
    return dict(now)
