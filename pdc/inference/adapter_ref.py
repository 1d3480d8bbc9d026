"""Which adapter should answer: a name and a folder, or the base alone."""

from __future__ import annotations

from dataclasses import dataclass

from pdc.domain.values import Question
from pdc.inference.adapter_folder import labels_served


@dataclass(frozen=True, slots=True)
class AdapterRef:
    """The adapter that should serve: its name and folder. Both None means the base alone, also where it answers for an adapter
    that is `missing`, or `outdated`: trained on other weights of the base."""

    name: str | None = None
    folder: str | None = None
    missing: str | None = None
    outdated: str | None = None

    def about(self, question: Question) -> AdapterRef:
        """What answers this question: the base alone where the adapter was corrected on none of the asked labels. So no
        correction can make worse what it is not about."""
        corrected = labels_served(self.folder) if self.folder else frozenset()
        return AdapterRef() if corrected and corrected.isdisjoint(question.labels) else self
