"""Which adapter and which experts answer: what the settings want, or for one question another adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pdc.domain.message import Message
from pdc.domain.values import Question
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.experts.registry import NOBODY, Experts
from pdc.inference.predictors.experts import share

MISSING = "The adapter {name} is missing, so the base model answers; bring its folder back, or promote another adapter."
OUTDATED = (
    "The adapter {name} was trained on an earlier version of the model, so the base model answers; "
    "`python -m finetune retrain` trains it anew from its reviews."
)


class AdapterRouting:
    """Called by the predictor before each answer. `base` is the model's name in predictions."""

    def __init__(self, base: str, wanted: Callable[[], AdapterRef], experts: Experts = NOBODY) -> None:
        self.base, self.experts, self._wanted = base, experts, wanted
        self._instead: ContextVar[AdapterRef | None] = ContextVar("instead", default=None)

    def __call__(self) -> AdapterRef:
        return self._instead.get() or self._wanted()

    def now(self, question: Question) -> tuple[str, str | None, tuple[str, ...]]:
        """The names of the model, of the adapter and of the experts that would answer this now."""
        shared = share(question, self(), self.experts)
        return self.base, self().about(shared.put).name if shared.put else None, shared.experts

    def trouble(self) -> Message | None:
        """A sentence where the model answers for an adapter that is missing or outdated, or for an expert that cannot be used."""
        wanted = self()
        if wanted.outdated:
            return Message(OUTDATED, name=wanted.outdated)
        return Message(MISSING, name=wanted.missing) if wanted.missing else self.experts.trouble()

    @contextmanager
    def instead(self, wanted: AdapterRef) -> Iterator[None]:
        """What this thread asks meanwhile is answered with another adapter; the other threads notice nothing."""
        token = self._instead.set(wanted)
        try:
            yield
        finally:
            self._instead.reset(token)
