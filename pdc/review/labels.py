"""The labels a reader may ask for: looked up as they are typed, made new on request, renamed, merged and retired."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, replace

from pdc.domain.errors import BadQuestion, Forbidden
from pdc.domain.label_changes import LabelChange, LabelEvent, check_new_label
from pdc.domain.labels import Found, LabelDictionary
from pdc.domain.message import Message, joined
from pdc.domain.users.roles import Action, Allowed, anybody
from pdc.domain.values import Question
from pdc.store.store import Store

ASKED_AS = "{typed} is asked as {label}."
NOT_KNOWN = "The model does not know {label}; it was not asked about that."
WHICH = "There is no label {label}; did you mean {candidates}?"
NONE_SUCH = "There is no label {label}; choose one of the list."
DID_YOU_MEAN = "The model does not know {label}; it was not asked about that. Did you mean {candidates}?"
KNOWS = "It knows {labels}."
TOLD = {
    LabelChange.ADDED: "{reader} added {label}.",
    LabelChange.RENAMED: "{reader} renamed {label} to {other}.",
    LabelChange.MERGED: "{reader} merged {label} into {other}.",
    LabelChange.RETIRED: "{reader} retired {label}.",
    LabelChange.RESTORED: "{reader} brought {label} back.",
    LabelChange.SYNONYM: "{reader} added {other} as another word for {label}.",
    LabelChange.NO_SYNONYM: "{reader} took the word {other} away from {label}.",
}
"""a line of the history"""


@dataclass(frozen=True, slots=True)
class LabelLine:
    """A label in the list. `known` says whether the model was taught it, None where the model does not say; `used` is the
    number of reviewed images, `words` every spelling that finds it, `synonyms` those that a person added."""

    name: str
    known: bool | None
    used: int
    words: tuple[str, ...]
    synonyms: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    retired: bool = False


class Labels:
    """Every method may be called from any thread. `known` are the labels the serving model was taught, None where it does
    not say. With `private` a visitor's new label stays with their own questions; who is allowed to may change them."""

    def __init__(
        self,
        store: Store,
        known: Callable[[], Set[str] | None] = lambda: None,
        *,
        private: bool = False,
        allowed: Allowed = anybody,
    ) -> None:
        self.store, self.known, self.private, self.allowed = store, known, private, allowed

    def dictionary(self) -> LabelDictionary:
        """The labels of the store, and those the model knows."""
        return self.store.dictionary().also(sorted(self.known() or ()))

    def find(self, text: str) -> Found:
        """What a typed text means."""
        return self.dictionary().find(text)

    def resolved(self, question: Question) -> Question:
        """The question under the names of the labels that it means."""
        return self.dictionary().resolved(question)

    def unknown(self, question: Question) -> tuple[str, ...]:
        """Asked labels that the model was not taught."""
        known = self.known()
        return () if known is None else tuple(n for n in question.labels if n not in known)

    def understand(self, question: Question) -> tuple[Question, tuple[Message, ...]]:
        """What is put to the model of a question as it was typed, and notes on what of it was spelled otherwise or is not
        known. BadQuestion where nothing of it can be asked."""
        now, found = self.dictionary(), self.resolved(question)
        names = ((typed, now.resolve(typed)) for typed in question.labels)
        notes = [Message(ASKED_AS, typed=typed, label=name) for typed, name in names if name != typed]
        notes += [_not_known(now.find(label)) for label in self.unknown(found)]
        left = tuple(label for label in found.labels if label not in self.unknown(found))
        if not left:
            raise BadQuestion(joined((*notes, Message(KNOWS, labels=", ".join(sorted(self.known() or ()))))))
        for label in left:
            check_new_label(label)
        return replace(found, labels=left), tuple(notes)

    def add(self, name: str, author: str) -> str:
        """The label of that name: the one that is there already, one that was retired, or a new one. BadQuestion where it
        says none, or a number."""
        name = name.strip()
        if there := self.find(name).name:
            return there
        check_new_label(name)
        if self.are_managed_by(author):
            self.store.add_label(name, author)
        return name

    def are_managed_by(self, reader: str) -> bool:
        """Whether the labels are this reader's to change for all, or would be with another role."""
        try:
            if self.private:
                self.allowed(reader, Action.LABELS)
        except Forbidden:
            return False
        return True

    def named(self, text: str) -> str:
        """The name of the label that a text means; BadQuestion where it means none, or several."""
        found = self.find(text)
        if found.name or found.retired:
            return found.name or str(found.retired)
        raise BadQuestion(WHICH if found.candidates else NONE_SUCH, label=repr(found.text), candidates=_either(found))

    def rename(self, label: str, to: str, author: str) -> None:
        """Call it `to` from now on, also in what was saved before."""
        self._change(label, LabelChange.RENAMED, to.strip(), author)

    def merge(self, label: str, into: str, author: str) -> None:
        """Count what was found as `label` as `into` from now on; every mark stays."""
        self._change(label, LabelChange.MERGED, into, author)

    def retire(self, label: str, author: str) -> None:
        """Offer it no more; what was saved stays as it is."""
        self._change(label, LabelChange.RETIRED, None, author)

    def restore(self, label: str, author: str) -> None:
        """Offer a retired label again, or part a merged one from the other."""
        self._change(label, LabelChange.RESTORED, None, author)

    def add_synonym(self, label: str, word: str, author: str) -> None:
        """Find it by this word too."""
        self._change(label, LabelChange.SYNONYM, word.strip(), author)

    def remove_synonym(self, label: str, word: str, author: str) -> None:
        self._change(label, LabelChange.NO_SYNONYM, word.strip(), author)

    def lines(self, reader: str | None = None) -> list[LabelLine]:
        """Every label by name, the retired ones last; where labels are private, `used` counts this reader's reviews."""
        now, known = self.dictionary(), self.known()
        used = self.store.label_uses(None if self.are_managed_by(reader or "") else reader)
        lines = (
            LabelLine(
                name,
                None if known is None else name in known,
                used.get(name, 0),
                now.words_for(name),
                label.synonyms,
                label.former,
                label.retired,
            )
            for name, label in now.labels.items()
        )
        return sorted(lines, key=lambda line: (line.retired, line.name.casefold()))

    def put_away(self) -> list[str]:
        """Labels that were retired, or merged into others, and can be brought back."""
        now = self.store.dictionary()
        merged = {e.label for e in self.history() if e.change is LabelChange.MERGED}
        return sorted({*(n for n, label in now.labels.items() if label.retired), *(merged & now.moved.keys())})

    def history(self) -> list[LabelEvent]:
        """Every change, oldest first."""
        return self.store.label_events()

    def _change(self, label: str, change: LabelChange, to: str | None, author: str) -> None:
        self.allowed(author, Action.LABELS)
        self._keep(label, author)
        self._keep(to if change is LabelChange.MERGED else None, author)
        self.store.change_label(label, change, to, by=author)

    def _keep(self, label: str | None, author: str) -> None:
        """Put a label into the store that only the model names so far."""
        if label is not None and label in self.dictionary().labels and label not in self.store.dictionary().labels:
            self.store.add_label(label, author)


def _not_known(found: Found) -> Message:
    if not found.candidates:
        return Message(NOT_KNOWN, label=found.text)
    return Message(DID_YOU_MEAN, label=found.text, candidates=_either(found))


def _either(found: Found) -> str:
    return " / ".join(found.candidates)


def told(event: LabelEvent) -> Message:
    """The event as a sentence."""
    return Message(TOLD[event.change], reader=event.by, label=event.label, other=event.to or "")
