"""Long work, for a program: how far it is, ended, or tried again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse

from pdc.client import shapes
from pdc.domain.errors import NotFound
from pdc.jobs.desk import JobDesk
from pdc.jobs.exporting import EXPORT, KEPT_DAYS, file_of
from pdc.store.jobs.records import Job, JobState, Wanted
from pdc.web.api.errors import errors
from pdc.web.api.parts import Limit, Parts
from pdc.web.jobs.routes import GONE
from pdc.web.ui.words import in_language, language_of

NONE_HERE = "There are no jobs here: on a public Space every visitor works alone."
MOST = 2**31 - 1
ZIP = {200: {"content": {"application/zip": {}}, "description": "The whole file."}}
Id = Annotated[int, Path(ge=1, le=MOST, description="The number of a job.")]
Before = Annotated[int | None, Query(ge=1, le=MOST, description="`next` of the answer before.")]
KindAsked = Annotated[list[str] | None, Query(description="Only this kind; may be given several times.")]
StateAsked = Annotated[list[shapes.State] | None, Query(description="Only this state; may be given several times.")]


def routes(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["jobs"])
    _file_routes(router, parts)

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


def _file_routes(router: APIRouter, parts: Parts) -> None:
    @router.post("/exports", status_code=202, responses=errors())
    def export(request: Request, asked: shapes.ExportAsked) -> shapes.Job:
        """Ask for an export as a zip; its job leaves the file."""
        query = {name: getattr(asked, name) for name in ("stage", "label", "name", "reader", "names")}
        query |= {"auto_accepted": "on"} if asked.auto_accepted else {}
        job = desk(parts).start(EXPORT, {"format": asked.format, "query": query}, parts.reader(request))
        return job_told(job, language_of(request))

    @router.get("/jobs/{id}/file", response_class=Response, responses=ZIP | errors())
    def file(request: Request, id: Id) -> Response:
        """The file that a job left."""
        job = desk(parts).job(id, parts.reader(request))
        path = file_of(parts.jobs[1], id, dict(job.result)) if parts.jobs else None
        if path is None:
            raise NotFound(GONE, id=id, days=KEPT_DAYS)
        return FileResponse(path, media_type="application/zip", filename=path.name, headers={"Cache-Control": "no-store"})


def desk(parts: Parts) -> JobDesk:
    """NotFound where there are none."""
    if parts.jobs is None:
        raise NotFound(NONE_HERE)
    return parts.jobs[0]


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
