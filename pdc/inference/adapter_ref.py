"""Which adapter should answer: a name and a folder, or the base alone. Of several, the route says which answers a label."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from pdc.domain.values import Question
from pdc.inference.adapter_folder import labels_served

BETWEEN_NAMES = " + "  # no adapter's name has a blank


@dataclass(frozen=True, slots=True)
class AdapterRef:
    """The adapter that should serve: its name and folder. Both None means the base alone, also where it answers for an adapter
    that is `missing`, or `outdated`: trained on other weights of the base. `labels` are those of a missing one."""

    name: str | None = None
    folder: str | None = None
    missing: str | None = None
    outdated: str | None = None
    labels: frozenset[str] = frozenset()

    @property
    def served(self) -> frozenset[str]:
        """The labels that it was corrected on, and answers about; empty: everything."""
        return labels_served(self.folder) if self.folder else self.labels

    @property
    def named(self) -> str | None:
        """The adapter's name, whether it can answer or not; None: the base."""
        return self.name or self.folder or self.missing or self.outdated

    def about(self, question: Question) -> AdapterRef:
        """What answers this question: the base alone where the adapter was corrected on none of the asked labels. So no
        correction can make worse what it is not about."""
        corrected = self.served
        return BASE if corrected and corrected.isdisjoint(question.labels) else self


BASE = AdapterRef()


@dataclass(frozen=True, slots=True)
class Route:
    """Which adapter answers which label: the first one that was corrected on it, or that answers everything; else the base.

    An adapter that is missing or outdated keeps its labels, and the base answers for it.
    """

    adapters: tuple[AdapterRef, ...] = ()

    @classmethod
    def of(cls, adapters: Iterable[AdapterRef]) -> Route:
        """From adapters by precedence; those are left out to which the ones before leave no label."""
        kept, taken = [], frozenset[str]()
        for adapter in adapters:
            if not adapter.served or not adapter.served <= taken:
                kept.append(adapter)
            if not adapter.served:
                break
            taken |= adapter.served
        return cls(tuple(kept))

    @property
    def able(self) -> tuple[AdapterRef, ...]:
        """The adapters that can answer."""
        return tuple(a for a in self.adapters if a.folder)

    @property
    def name(self) -> str | None:
        """The names of all adapters that can answer, as one; None: the base answers everything."""
        return joined_names(a.named for a in self.able)

    @property
    def missing(self) -> str | None:
        """The names, as one, of those whose folders are missing."""
        return joined_names(a.missing for a in self.adapters)

    @property
    def outdated(self) -> str | None:
        """The names, as one, of those that were trained on other weights."""
        return joined_names(a.outdated for a in self.adapters)

    def who(self, label: str) -> AdapterRef:
        """What answers about the label."""
        wanted = self._first(label)
        return wanted if wanted and wanted.folder else BASE

    def split(self, question: Question) -> dict[AdapterRef, Question]:
        """The question in parts, by whoever answers about the labels; in the order in which it names them."""
        labels: dict[AdapterRef, tuple[str, ...]] = {}
        for label in question.labels:
            who = self.who(label)
            labels[who] = (*labels.get(who, ()), label)
        return {who: replace(question, labels=some) for who, some in labels.items()}

    def about(self, labels: Collection[str]) -> tuple[AdapterRef, ...]:
        """The adapters that answer about some of the labels; of no labels: all that can answer."""
        return tuple(a for a in self.able if not labels or any(self._first(label) == a for label in labels))

    def names(self, labels: Collection[str]) -> str | None:
        """The names of the adapters that answer about some of the labels, as one; None: the base alone does."""
        return joined_names(a.named for a in self.about(labels))

    def share(self, name: str) -> frozenset[str] | None:
        """The labels that this adapter answers about; empty: all that no other does; None: it does not serve."""
        mine = next((a for a in self.adapters if a.named == name), None)
        return mine and frozenset(label for label in mine.served if self._first(label) == mine)

    def has_all(self, adapter: AdapterRef) -> bool:
        """Whether this adapter answers about all that it can, so that to promote it changes nothing."""
        return self.adapters[:1] == (adapter,) or bool(adapter.served and self.share(adapter.named or "") == adapter.served)

    def beside(self, adapter: AdapterRef) -> Route:
        """The route once this adapter is promoted: it goes before all others. The base alone leaves none of them."""
        others = (a for a in self.adapters if a.named != adapter.named)
        return Route.of((adapter, *others)) if adapter.named else Route()

    def _first(self, label: str) -> AdapterRef | None:
        return next((a for a in self.adapters if not a.served or label in a.served), None)


Wanted = AdapterRef | Route
"""What should answer: one adapter about what it was corrected on and the base about the rest, or a route."""


def routed(wanted: Wanted) -> Route:
    """The route that this is, or the one with this adapter alone."""
    return wanted if isinstance(wanted, Route) else Route((wanted,)) if wanted.named else Route()


def joined_names(names: Iterable[str | None]) -> str | None:
    """Names of adapters as one, as answers keep them, in this order; None where there is none. `names_in` reads it."""
    return BETWEEN_NAMES.join(name for name in names if name) or None


def names_in(joined: str | None) -> tuple[str, ...]:
    """The names that `joined_names` made one."""
    return tuple(joined.split(BETWEEN_NAMES)) if joined else ()
