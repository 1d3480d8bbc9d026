"""Long work, for a program: how far it is, ended, or tried again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from pdc.client import shapes
from pdc.domain.errors import NotFound
from pdc.jobs.desk import JobDesk
from pdc.store.jobs.records import Job, JobState, Wanted
from pdc.web.api.errors import errors
from pdc.web.api.parts import Limit, Parts
from pdc.web.ui.words import in_language, language_of

NONE_HERE = "There are no jobs here: on a public Space every visitor works alone."
MOST = 2**31 - 1
Id = Annotated[int, Path(ge=1, le=MOST, description="The number of a job.")]
Before = Annotated[int | None, Query(ge=1, le=MOST, description="`next` of the answer before.")]
KindAsked = Annotated[list[str] | None, Query(description="Only this kind; may be given several times.")]
StateAsked = Annotated[list[shapes.State] | None, Query(description="Only this state; may be given several times.")]


def routes(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["jobs"])

    @router.get("/jobs", responses=errors())
    def listed(
        request: Request, kind: KindAsked = None, state: StateAsked = None, before: Before = None, limit: Limit = 20
    ) -> shapes.Jobs:
        """Jobs, the newest first: a reader's own; a trainer and an admin see all."""
        wanted = Wanted(None, tuple(kind or ()), tuple(JobState(s) for s in state or ()), before)
        found = desk(parts).listed(parts.reader(request), wanted, limit)
        language = language_of(request)
        return shapes.Jobs(jobs=[job_told(j, language) for j in found], next=found[-1].id if len(found) == limit else None)

    @router.get("/jobs/{id}", responses=errors())
    def one(request: Request, id: Id) -> shapes.Job:
        """How far a job is."""
        return job_told(desk(parts).job(id, parts.reader(request)), language_of(request))

    @router.post("/jobs/{id}/cancel", responses=errors())
    def cancel(request: Request, id: Id) -> shapes.Job:
        """Ask a job to end; it ends at its next step."""
        return job_told(desk(parts).cancel(id, parts.reader(request)), language_of(request))

    @router.post("/jobs/{id}/retry", status_code=201, responses=errors())
    def retry(request: Request, id: Id) -> shapes.Job:
        """The same again, as a new job."""
        return job_told(desk(parts).retry(id, parts.reader(request)), language_of(request))

    return router


def desk(parts: Parts) -> JobDesk:
    """NotFound where there are none."""
    if parts.behind.jobs is None:
        raise NotFound(NONE_HERE)
    return parts.behind.jobs


def job_told(job: Job, language: str) -> shapes.Job:
    return shapes.Job(
        id=job.id,
        kind=job.kind,
        state=shapes.State(job.state),
        by=job.by,
        done=job.done,
        total=job.total,
        words=in_language(job.words, language),
        error=in_language(job.error, language),
        result=dict(job.result),
        made=job.made,
        started=job.started,
        ended=job.ended,
        tries=job.tries,
        parent=job.parent,
    )
