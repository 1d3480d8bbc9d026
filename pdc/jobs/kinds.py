"""The kinds of jobs there are: a function each, which says how far it is and ends when it is asked to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.progress import Progress
from pdc.domain.users.roles import Action

Asked = Mapping[str, Any]
"""what a job is to do, as JSON can hold it. The worker adds `job` (its id) and `by` (whose it is)."""
Report = Callable[[int, int | None, str], None]
"""takes how many are done, how many there are (None: not known yet) and words for it; raises Ended once the job is to end"""
Cancelled = Callable[[], bool]
"""whether the job is to end: somebody cancelled it, its worker is stopped, or another has taken it over"""
Result = Mapping[str, Any]
Work = Callable[[Asked, Report, Cancelled], Result | None]
NO_KIND = "There is no kind of job called {kind}; choose one of {known}."
NO_SETTING = "There is no setting {name} here; use {known}."
GIVEN = ("by", "job")  # by the desk and the worker


class Ended(Exception):
    """The work ended before it was done, because it was asked to. Whoever takes the job up again goes on where it stopped."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job. `work` may be begun again after a kill, and then goes on. `takes`: what a user must be allowed to do. Of one
    `alone` there is at most one job at a time; None: any number."""

    name: str
    work: Work
    takes: Action | None = None
    alone: Callable[[Asked], str | None] = lambda asked: None
    check: Callable[[Asked], None] = lambda asked: None
    """raises PdcError where it cannot be done, before it is queued"""
    to_end: Callable[[Asked], None] = lambda asked: None
    """called when somebody cancels it, for work that goes on without its worker"""
    settings: Collection[str] | None = None
    """the names that it may be given; None: any"""

    def refuse(self, asked: Asked) -> None:
        """PdcError where it cannot be done, or is given a setting that it does not have."""
        if self.settings is not None:
            refuse_unknown(asked, (*self.settings, *GIVEN), self.settings)
        self.check(asked)


class Kinds(dict[str, Kind]):
    """Those that this process knows, by name."""

    @classmethod
    def of(cls, kinds: Iterable[Kind]) -> Kinds:
        return cls({kind.name: kind for kind in kinds})

    def get_kind(self, name: str) -> Kind:
        """NotFound, naming the others, where there is none."""
        if name not in self:
            raise NotFound(NO_KIND, kind=repr(name), known=", ".join(self))
        return self[name]


def refuse_unknown(asked: Iterable[str], known: Collection[str], told: Collection[str] = ()) -> None:
    """BadSetting where a name is misspelt: left out, something else would be done. `told`: the names to choose from."""
    if odd := sorted(set(asked) - set(known)):
        raise BadSetting(NO_SETTING, name=repr(odd[0]), known=", ".join(told or known))


def progress_of(report: Report) -> Progress:
    """The same for work that tells its progress in the way of `pdc.domain.progress`."""
    return lambda what, done, total: report(done, total, what)
