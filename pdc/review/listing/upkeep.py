"""Keeps the rows of lists: what was written about since is worked out anew before a list is answered.

Of very many images only some are waited for; the others follow in the background, the newest first, and lists go on meanwhile.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock, Thread
from time import monotonic
from typing import Any

from pdc.domain.errors import StoreUnavailable
from pdc.domain.values import MAX_LABELS, Question, Task
from pdc.review.listing.facts import Facts, mode_of
from pdc.review.service import ReviewService
from pdc.store.listing.upkeep import ListStanding
from pdc.store.mapping import dump

log = logging.getLogger(__name__)
AT_ONCE = 250
PATIENCE = 1.0  # seconds that one list waits


class Upkeep:
    """Any thread, any number of processes. What a database that cannot be written keeps from being worked out is shown as it
    was."""

    def __init__(self, service: ReviewService) -> None:
        self.service, self.store = service, service.store
        self._lock, self._thread = Lock(), None
        self._rules: Rules | None = None

    def catch_up(self) -> None:
        """Whatever was written before is in the rows afterwards, unless that is very much."""
        try:
            now = datetime.now(UTC)
            standing = self.store.list_standing(now)
            if standing.due:
                self.store.open_reads_due(now)
            if self._agree(standing) or standing.due or standing.changed:
                self._some()
        except StoreUnavailable as error:
            log.warning("Lists are shown as they were, for their rows cannot be kept: %s", error)

    def waiting(self) -> int:
        """How many images are still being worked out in the background."""
        return self.store.count_changes() if self._working() else 0

    def _some(self) -> None:
        until = monotonic() + PATIENCE
        while self._step():
            if self._working() or monotonic() > until:
                self._follow()
                return

    def _working(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _follow(self) -> None:
        with self._lock:
            if not self._working():
                self._thread = Thread(target=self._rest, name="working out lists", daemon=True)
                self._thread.start()

    def _rest(self) -> None:
        try:
            while self._step():
                pass
        except Exception:
            log.exception("The rows of lists are not all worked out; the next list goes on with it")

    def _step(self) -> bool:
        """Whether there may be more. Who waited for another finds done what that one did."""
        with self._lock:
            self.store.read_anew()
            changes = self.store.image_changes(AT_ONCE)
            if not changes:
                return False
            facts = Facts(self.service, [change.sha256 for change in changes])
            self.store.keep_listed(who_of(self.service), changes, facts.rows(), facts.names())
        return len(changes) == AT_ONCE

    def _agree(self, standing: ListStanding) -> bool:
        """Whether other rules hold now than when the rows were worked out. In other modes nothing of them may be shown, and under
        other names of labels they are shown until they are worked out anew. Two programs that know other labels do not undo each
        other's work."""
        rules, who = rules_of(self.service), who_of(self.service)
        other, stored = standing.who != who, Rules(**json.loads(standing.rules)) if standing.rules else None
        before, self._rules = self._rules or stored, rules
        if not other and rules in (before, stored):
            return False
        anew = before is not None and before.differ(rules)
        self.store.set_list_state(who, dump(rules.stored()), wipe=other and standing.who is not None, anew=anew)
        return True


def upkeep_of(service: ReviewService) -> Upkeep:
    """One for each service, however many lists it has."""
    return vars(service).setdefault("upkeep", Upkeep(service))


@dataclass(frozen=True, slots=True)
class Rules:
    """What rows depend on beside what is stored about their image: today's names of labels, which of them the model was taught,
    and where images are private which there are."""

    moved: dict[str, str]
    renamed: dict[str, str]
    taught: dict[str, bool]
    private: bool

    def differ(self, other: Rules) -> bool:
        """Whether rows may differ by them. A label that is new is in none, except that a visitor may see it now."""
        if (self.moved, self.renamed) != (other.moved, other.renamed):
            return True
        if other.private and self.taught.keys() != other.taught.keys():
            return True
        return any(self.taught[label] != other.taught[label] for label in self.taught.keys() & other.taught.keys())

    def stored(self) -> dict[str, Any]:
        return {"moved": self.moved, "renamed": self.renamed, "taught": self.taught, "private": self.private}


def rules_of(service: ReviewService) -> Rules:
    names = service.store.dictionary()
    labels = sorted(names.labels)
    asked = (tuple(labels[start : start + MAX_LABELS]) for start in range(0, len(labels), MAX_LABELS))
    untaught = {label for some in asked for label in service.predictor.untaught(Question(Task.COUNT_AND_BOX, some))}
    return Rules(dict(names.moved), dict(names.renamed), {label: label not in untaught for label in labels}, service.private)


def who_of(service: ReviewService) -> str:
    """Who sees what, as text."""
    return dump([str(mode_of(service)), sorted(service.reads.adjudicators)])
