"""The label dictionary: which label a spelling means, and what a label that was renamed or merged is called now. Pure.

Stored rows keep the names they were written with. `LabelDictionary.moved` says how an old name is read today.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property

from pdc.domain.spelling import forms, key, words
from pdc.domain.values import Question

OFFERED = 6  # labels that one spelling may be asked back with
CLOSE = 0.8  # likeness from which on another word is offered as what may have been meant


@dataclass(frozen=True, slots=True)
class Label:
    """A label as it is called now. `former` are names of rows that are read as it, `synonyms` spellings a person added."""

    name: str
    former: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    retired: bool = False

    @property
    def spellings(self) -> tuple[str, ...]:
        return (self.name, *self.former, *self.synonyms)


@dataclass(frozen=True, slots=True)
class Found:
    """What a typed text means: one label (`name`), or several that it may mean, or a label that was retired.

    `exact`: it is that label's name. `candidates` are offered where nothing is certain; the likeliest comes first.
    """

    text: str
    name: str | None = None
    candidates: tuple[str, ...] = ()
    retired: str | None = None

    @property
    def exact(self) -> bool:
        return self.name == self.text


@dataclass(frozen=True)
class Vocabulary:
    """Words for common kinds of objects, whatever labels a store has. `several`: words that may mean each of these kinds."""

    kinds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    several: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def kind(self, text: str) -> str | None:
        """The kind that this word means, under its usual name."""
        return next((self._kinds[f] for f in (key(text), *sorted(forms(text))) if f in self._kinds), None)

    def any_of(self, text: str) -> tuple[str, ...]:
        """The kinds that this word may mean."""
        return next((self._several[f] for f in sorted(forms(text)) if f in self._several), ())

    def words(self, kind: str) -> tuple[str, ...]:
        return (kind, *self.kinds.get(kind, ()))

    @cached_property
    def _kinds(self) -> dict[str, str]:
        """Words as they are written go before what rules make of them."""
        written = {key(word): kind for kind in self.kinds for word in self.words(kind)}
        return {f: kind for kind in self.kinds for word in self.words(kind) for f in forms(word)} | written

    @cached_property
    def _several(self) -> dict[str, tuple[str, ...]]:
        return {f: tuple(kinds) for word, kinds in self.several.items() for f in forms(word)}


@dataclass(frozen=True)
class LabelDictionary:
    """Every label by its name now, and `moved`: what an older name is called now. `renamed` are those of them that were never
    merged: an answer about the older name is one about the label."""

    labels: Mapping[str, Label] = field(default_factory=dict)
    moved: Mapping[str, str] = field(default_factory=dict)
    vocabulary: Vocabulary = Vocabulary()
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Those in use, alphabetical."""
        return sorted(label.name for label in self.labels.values() if not label.retired)

    def also(self, names: Iterable[str]) -> LabelDictionary:
        """With labels that a model knows and nobody has used yet."""
        new = {n: Label(n) for n in names if n not in self.labels and n not in self.moved}
        return replace(self, labels={**self.labels, **new}) if new else self

    def offered(self, labels: Iterable[str]) -> tuple[str, ...]:
        """These labels under today's names, without those that are not offered any more."""
        now = dict.fromkeys(self.moved.get(label, label) for label in labels)
        return tuple(n for n in now if n not in self.labels or not self.labels[n].retired)

    # Look up

    def find(self, text: str) -> Found:
        """The label that a text means: its name, a former one, a spelling of it, or another word for it. Never a guess."""
        text = text.strip()
        live, retired = self._meant(text)
        if live:
            return Found(text, live[0]) if len(live) == 1 else Found(text, candidates=live)
        return Found(text, candidates=self._several(text) or self._close(text), retired=retired)

    def resolve(self, text: str) -> str:
        """The name of the label that a text means; the text itself where that is not certain."""
        return self._only(text) or text.strip()

    def resolved(self, question: Question) -> Question:
        """The question under the names of the labels that it means; two spellings of one label become one."""
        return replace(question, labels=tuple(dict.fromkeys(map(self.resolve, question.labels))))

    def taught(self, labels: Sequence[str], known: Set[str]) -> dict[str, str]:
        """Label -> the word by which a model that was taught `known` knows it: its name, a former one, another word for it.
        Labels that it does not know are left out; no word stands for two of them."""
        found = {name: name for name in labels if name in known}
        for name in labels:
            if name not in found and (word := self._taught_word(name, known - set(found.values()))):
                found[name] = word
        return {name: found[name] for name in labels if name in found}

    def _taught_word(self, name: str, known: Set[str]) -> str | None:
        spellings = self.labels[name].spellings if name in self.labels else (name,)
        if same := next((s for s in spellings if s in known), None):
            return same
        theirs = LabelDictionary({word: Label(word) for word in sorted(known)}, {}, self.vocabulary)
        return next((word for s in spellings if (word := theirs._only(s))), None)

    def _only(self, text: str) -> str | None:
        """The one label that it means."""
        live, _ = self._meant(text.strip())
        return live[0] if len(live) == 1 else None

    def _meant(self, text: str) -> tuple[tuple[str, ...], str | None]:
        """The labels that it means; a retired one, where there are none."""
        retired: str | None = None
        for meant in self._meanings(text):
            if live := tuple(n for n in meant if not self.labels[n].retired):
                return live, None
            retired = retired or next(iter(meant), None)
        return (), retired

    def _meanings(self, text: str) -> Iterable[Sequence[str]]:
        """Labels that it may mean, the surest kind of likeness first."""
        yield [text] if text in self.labels else []
        yield [self.moved[text]] if text in self.moved else []
        yield self.by_key.get(key(text), [])
        yield list(dict.fromkeys(n for f in sorted(forms(text)) for n in self._by_form.get(f, ())))
        kind = self.vocabulary.kind(text)
        yield [n for n in self.labels if kind is not None and kind in self._kinds_of(n)]

    def _several(self, text: str) -> tuple[str, ...]:
        kinds = self.vocabulary.any_of(text)
        return tuple(n for kind in kinds for n in self.names if kind in self._kinds_of(n))

    def _close(self, text: str) -> tuple[str, ...]:
        """Labels with a word that begins like this text, or is written almost like it."""
        typed = key(text)
        begins = [n for n in self.names if len(typed) > 1 and any(word.startswith(typed) for word in self._words(n))]
        like = get_close_matches(typed, self._names_by_word, OFFERED, CLOSE)
        return tuple(dict.fromkeys([*begins, *(n for word in like for n in self._names_by_word[word])]))[:OFFERED]

    def words_for(self, name: str) -> tuple[str, ...]:
        """Every spelling by which this label is found, its name first."""
        kinds = sorted(self._kinds_of(name))
        known = (*self.labels[name].spellings, *(word for kind in kinds for word in self.vocabulary.words(kind)))
        return tuple(dict.fromkeys(known))

    def _words(self, name: str) -> set[str]:
        spellings = self.words_for(name)
        return {key(s) for s in spellings} | {word for s in spellings for word in words(s)}

    def _kinds_of(self, name: str) -> frozenset[str]:
        return self._kinds.get(name, frozenset())

    @cached_property
    def _kinds(self) -> dict[str, frozenset[str]]:
        named = {name: (name, *label.former) for name, label in self.labels.items()}
        return {name: frozenset(k for s in own if (k := self.vocabulary.kind(s))) for name, own in named.items()}

    @cached_property
    def by_key(self) -> dict[str, list[str]]:
        """Labels by what is compared of each spelling that is theirs alone, not the vocabulary's."""
        return _index((key(s), name) for name, label in self.labels.items() for s in label.spellings)

    @cached_property
    def _by_form(self) -> dict[str, list[str]]:
        return _index((f, name) for name, label in self.labels.items() for s in label.spellings for f in sorted(forms(s)))

    @cached_property
    def _names_by_word(self) -> dict[str, list[str]]:
        return _index((key(s), name) for name in self.names for s in self.words_for(name))


def _index(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word, name in pairs:
        if name not in found.setdefault(word, []):
            found[word].append(name)
    return found
