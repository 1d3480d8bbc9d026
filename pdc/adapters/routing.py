"""Which adapters and which experts answer: what the settings want, or for one question another adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pdc.domain.message import Message, joined
from pdc.domain.values import Question
from pdc.inference.adapter_ref import Route, Wanted, routed
from pdc.inference.experts.registry import NOBODY, Experts
from pdc.inference.predictors.experts import share

MISSING = "The adapter {name} is missing, so the base model answers; bring its folder back, or promote another adapter."
OUTDATED = (
    "The adapter {name} was trained on an earlier version of the model, so the base model answers; "
    "`python -m finetune retrain` trains it anew from its reviews."
)


class AdapterRouting:
    """Called by the predictor before each answer. `base` is the model's name in predictions."""

    def __init__(self, base: str, wanted: Callable[[], Wanted], experts: Experts = NOBODY) -> None:
        self.base, self.experts, self._wanted = base, experts, wanted
        self._instead: ContextVar[Wanted | None] = ContextVar("instead", default=None)

    def __call__(self) -> Route:
        return routed(self._instead.get() or self._wanted())

    def now(self, question: Question) -> tuple[str, str | None, tuple[str, ...]]:
        """The names of the model, of the adapters, as one, and of the experts that would answer this now."""
        route = self()
        shared = share(question, route, self.experts)
        return self.base, route.names(shared.put.labels) if shared.put else None, shared.experts

    def trouble(self) -> Message | None:
        """Sentences where the model answers for an adapter that is missing or outdated, or for an expert that cannot be used."""
        adapters = self().adapters
        outdated = [Message(OUTDATED, name=a.outdated) for a in adapters if a.outdated]
        missing = [Message(MISSING, name=a.missing) for a in adapters if a.missing]
        return joined(told) if (told := [*outdated, *missing]) else self.experts.trouble()

    @contextmanager
    def instead(self, wanted: Wanted) -> Iterator[None]:
        """What this thread asks meanwhile is answered with another adapter; the other threads notice nothing."""
        token = self._instead.set(wanted)
        try:
            yield
        finally:
            self._instead.reset(token)
