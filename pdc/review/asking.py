"""Answers in the making: each in a thread of its own, so that a reader may edit meanwhile, stop it, or go away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from threading import Condition, Lock, Thread

from pdc.domain.values import Box
from pdc.review.service import Draft, ReviewService

Work = Callable[[Draft, Callable[[], bool]], Iterator[Draft]]  # a draft, and whether it is cancelled -> the draft as it grows
MOST = 200  # answers kept for drafts that are open somewhere
STOPPED = "Stopped. What the model found so far stays; ask again for the whole answer."
STOPPED_CLOSER = "Stopped looking closer; your marks are as they were."


class Run:
    """One draft being answered by `work`. Ends with the whole answer, when it is stopped, or with what went wrong."""

    def __init__(self, work: Work, draft: Draft, stopped: str) -> None:
        self.draft, self._work, self._stopped = draft, work, stopped
        self._news = Condition()
        self._steps = 0
        self._over = self._left = False
        self._error: Exception | None = None
        Thread(target=self._run, name="answer", daemon=True).start()

    @property
    def answering(self) -> bool:
        return not self._over

    def watch(self) -> Iterator[tuple[Draft, bool]]:
        """The draft now and after every change, and whether the answer still goes on; what comes too fast is left out.

        Ends after the last one; at once when the reader has left. Raises what went wrong.
        """
        over, seen = False, -1
        while not over:
            with self._news:
                self._news.wait_for(lambda seen=seen: self._over or self._steps != seen)
                over, seen, draft = self._over, self._steps, self.draft
            if self._left:
                return
            yield draft, not over
        if self._error:
            raise self._error

    def stop(self, *, left: bool = False) -> None:
        """The model is asked for no more; with `left` nobody watches any more either."""
        with self._news:
            self._left = left
            if not self._over:
                self._over = True
                self.draft = replace(self.draft, note=self._stopped, rev=self.draft.rev + 1)
            self._news.notify_all()

    def _run(self) -> None:
        try:
            for draft in self._work(self.draft, lambda: self._over):
                self._tell(draft)
        except Exception as error:
            self._error = error
        with self._news:
            self._over = True
            self._news.notify_all()

    def _tell(self, draft: Draft) -> None:
        with self._news:
            if not self._over:
                self.draft, self._steps, self._over = draft, self._steps + 1, draft.prediction is not None
                self._news.notify_all()


class Asking:
    """The answers that drafts were given since they were opened, by the drafts' keys. Any thread."""

    def __init__(self, service: ReviewService) -> None:
        self._service, self._lock = service, Lock()
        self._runs: dict[str, Run] = {}

    def begin(self, draft: Draft, region: Box | None = None) -> Run:
        """Ask about this draft, or closer about a region of it; what was being answered for it before is stopped."""
        self.leave(draft)
        work, stopped = (partial(self._service.closer, region), STOPPED_CLOSER) if region else (self._service.answers, STOPPED)
        run = Run(work, draft, stopped)
        with self._lock:
            self._runs.pop(draft.key, None)
            self._runs[draft.key] = run
            while len(self._runs) > MOST:
                del self._runs[next(iter(self._runs))]
        return run

    def now(self, draft: Draft) -> Draft:
        """The draft with the answer that it has been given meanwhile; its findings are left as they are."""
        run = self._runs.get(draft.key)
        if run is None:
            return draft
        given = run.draft
        prediction = given.prediction or draft.prediction
        return replace(draft, prediction=prediction, rev=max(draft.rev, given.rev), blind=given.blind)

    def answering(self, draft: Draft) -> bool:
        run = self._runs.get(draft.key)
        return run is not None and run.answering

    def stop(self, draft: Draft | None) -> None:
        """End the answer that is being made, if there is one; what was found so far is shown."""
        if draft and (run := self._runs.get(draft.key)):
            run.stop()

    def leave(self, draft: Draft) -> None:
        """End it, and show nothing more of it: the reader has gone on."""
        if run := self._runs.get(draft.key):
            run.stop(left=True)
