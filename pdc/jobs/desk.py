"""Jobs as users ask for them: started, listed, cancelled and tried again, each by who may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pdc.domain.errors import NotFound
from pdc.domain.users.roles import Role, demand, may
from pdc.jobs.kinds import Kinds
from pdc.store.jobs.queries import NO_JOB
from pdc.store.jobs.records import Job, Wanted
from pdc.store.store import Store


class JobDesk:
    """A reader sees their own jobs; a trainer and an admin see all. `role` says what a user may do; `added` is called when there
    is something to do."""

    def __init__(
        self,
        store: Store,
        kinds: Kinds,
        role: Callable[[str], Role] = lambda user: Role.ADMIN,
        added: Callable[[], None] = lambda: None,
    ) -> None:
        self.store, self.kinds, self.role, self.added = store, kinds, role, added

    def start(self, kind: str, asked: Mapping[str, Any], by: str) -> Job:
        """Queue it. NotFound without such a kind, Forbidden where the user may not, BadSetting where it cannot be done, or is
        being done."""
        known = self.kinds.get_kind(kind)
        if known.takes is not None:
            demand(self.role(by), known.takes)
        whole = {**asked, "by": by}
        known.refuse(whole)
        return self._queued(self.store.add_job(kind, asked, by, alone=known.alone(whole)))

    def may_start(self, user: str) -> list[str]:
        """The kinds that this user may start."""
        return [kind.name for kind in self.kinds.values() if kind.takes is None or may(self.role(user), kind.takes)]

    def listed(self, user: str, wanted: Wanted, limit: int = 20) -> list[Job]:
        """The newest first: those of `wanted` that this user sees."""
        return self.store.jobs(wanted if self._sees_all(user) else replace(wanted, by=str(user)), limit)

    def job(self, id: int, user: str) -> Job:
        """NotFound also where it is not this user's to see."""
        job = self.store.job(id)
        if job.by != user and not self._sees_all(user):
            raise NotFound(NO_JOB, id=id)
        return job

    def cancel(self, id: int, user: str) -> Job:
        """Ask it to end."""
        job = self.store.cancel_job(self.job(id, user).id, user)
        if known := self.kinds.get(job.kind):
            known.to_end(job.asked)
        return job

    def retry(self, id: int, user: str) -> Job:
        """The same again, as a job of this user's."""
        job = self.job(id, user)
        known = self.kinds.get_kind(job.kind)
        if known.takes is not None:
            demand(self.role(user), known.takes)
        known.refuse({**job.asked, "by": user})
        return self._queued(self.store.retry_job(id, user))

    def _queued(self, job: Job) -> Job:
        self.added()
        return job

    def _sees_all(self, user: str) -> bool:
        return self.role(user) is not Role.READER
