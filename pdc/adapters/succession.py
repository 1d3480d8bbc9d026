"""What holds of the history of promotions and roll-backs, and what a promotion takes over. Pure.

A promotion holds until it is rolled back. Of those that hold the newest that is about a label answers it; so a roll-back gives
the labels of one adapter to whoever had them before, and leaves all others as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pdc.domain.message import Message
from pdc.inference.adapter_ref import AdapterRef, Route
from pdc.store.records import Activation

TAKES_ALL = "It takes over from {name}: {labels}."
TAKES_SOME = "It takes over from {name}: {labels}. About {others} {name} goes on answering."
HANDED_BACK = "{name} was rolled back. From the next question on {who} answers about {labels}."
EVERYTHING = Message("everything")
BASE_MODEL = Message("the base model")


def in_force(history: Sequence[Activation]) -> list[Activation]:
    """The promotions that nobody rolled back, oldest first."""
    line: list[Activation] = []
    for activation in history:
        if activation.undoes is not None:
            line = [a for a in line if a.seq != activation.undoes]
        elif _went_back(activation, line):
            del line[-1:]
        else:
            line.append(activation)
    return line


def answering(line: Sequence[Activation]) -> Iterator[Activation]:
    """Of promotions in force those that may answer something, newest first: one that is about everything ends them."""
    for activation in reversed(line):
        yield activation
        if not activation.labels:
            return


def takeovers(before: Route, new: AdapterRef) -> Iterator[Message]:
    """What a promoted adapter takes over from each adapter that served before it."""
    for adapter in before.adapters:
        had = before.share(adapter.named or "") or frozenset()
        taken = had & new.served if had and new.served else had or new.served
        if adapter.named == new.named or (had and not taken):
            continue
        said = {"name": adapter.named, "labels": _named(taken)}
        left = had - taken
        yield Message(TAKES_SOME, **said, others=_named(left)) if left else Message(TAKES_ALL, **said)


def handed_back(name: str, labels: frozenset[str], after: Route) -> Message:
    """Who answers about the labels of an adapter that was rolled back."""
    return Message(HANDED_BACK, name=name, who=after.names(labels) or BASE_MODEL, labels=_named(labels))


def _named(labels: frozenset[str]) -> str:
    return ", ".join(sorted(labels)) or EVERYTHING


def _went_back(activation: Activation, line: Sequence[Activation]) -> bool:
    """As the line says; where it was written before that was noted, whether it brought back the one before."""
    names = [None, *(a.adapter for a in line)]
    before = len(names) > 1 and activation.adapter == names[-2]
    return before if activation.rolled_back is None else activation.rolled_back
