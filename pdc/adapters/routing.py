"""Which adapter answers: what the settings want, or for one question another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pdc.domain.message import Message
from pdc.domain.values import Question
from pdc.inference.adapter_ref import AdapterRef

MISSING = "The adapter {name} is missing, so the base model answers; bring its folder back, or promote another adapter."


class AdapterRouting:
    """Called by the predictor before each answer. `base` is the model's name in predictions."""

    def __init__(self, base: str, wanted: Callable[[], AdapterRef]) -> None:
        self.base, self._wanted = base, wanted
        self._instead: ContextVar[AdapterRef | None] = ContextVar("instead", default=None)

    def __call__(self) -> AdapterRef:
        return self._instead.get() or self._wanted()

    def now(self, question: Question) -> tuple[str, str | None]:
        """The names of the model and of the adapter that would answer this now."""
        return self.base, self().about(question).name

    def trouble(self) -> Message | None:
        """A sentence where the base answers for an adapter that is missing."""
        missing = self().missing
        return Message(MISSING, name=missing) if missing else None

    @contextmanager
    def instead(self, wanted: AdapterRef) -> Iterator[None]:
        """What this thread asks meanwhile is answered with another adapter; the other threads notice nothing."""
        token = self._instead.set(wanted)
        try:
            yield
        finally:
            self._instead.reset(token)
