"""Routes for jobs: started, listed, cancelled, tried again, and the file that one left."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field

from pdc.domain.errors import NotFound
from pdc.jobs.desk import JobDesk
from pdc.jobs.exporting import KEPT_DAYS, file_of
from pdc.jobs.kinds import Kinds
from pdc.store.jobs.records import Job, JobState, Wanted
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.ui.words import in_language, language_of

MOST = 20
GONE = "The file of job {id} is no longer kept, or was never written; try the job again. Files are kept for {days} days."


class Started(BaseModel):
    """What a page asks for."""

    kind: Literal["export", "predict", "evaluate"]
    asked: dict[str, Any] = Field(default_factory=dict, max_length=20)


def add_routes(app: FastAPI, access: Access, desk: JobDesk, folder: Path) -> None:
    """`folder`: where jobs leave their files."""

    def user(request: Request) -> str:
        return access.user(request) or LOCAL_USER

    def told(request: Request, job: Job) -> JSONResponse:
        return JSONResponse(job_value(job, language_of(request), desk.kinds, folder))

    @app.get("/api/jobs")
    def listed(request: Request, kinds: str = "") -> JSONResponse:
        """The newest jobs that this user sees, of some kinds, with commas, or of all; and the kinds that they may start."""
        wanted = Wanted(kinds=tuple(filter(None, kinds.split(","))))
        jobs, language = desk.listed(user(request), wanted, MOST), language_of(request)
        said = [job_value(job, language, desk.kinds, folder) for job in jobs]
        return JSONResponse({"jobs": said, "may": desk.may_start(user(request))})

    @app.post("/api/jobs")
    def start(request: Request, wanted: Started) -> JSONResponse:
        """Queue a job."""
        return told(request, desk.start(wanted.kind, wanted.asked, user(request)))

    @app.post("/api/jobs/{id}/cancel")
    def cancel(request: Request, id: int) -> JSONResponse:
        """Ask it to end."""
        return told(request, desk.cancel(id, user(request)))

    @app.post("/api/jobs/{id}/retry")
    def retry(request: Request, id: int) -> JSONResponse:
        """The same again, as a new job."""
        return told(request, desk.retry(id, user(request)))

    @app.get("/api/jobs/{id}/file")
    def file(request: Request, id: int) -> FileResponse:
        """The file that a job left."""
        path = file_of(folder, id, dict(desk.job(id, user(request)).result))
        if path is None:
            raise NotFound(GONE, id=id, days=KEPT_DAYS)
        return FileResponse(path, media_type="application/zip", filename=path.name, headers={"Cache-Control": "no-store"})


def job_value(job: Job, language: str, kinds: Kinds, folder: Path) -> dict[str, Any]:
    """One line of the list. Times are ISO 8601, in UTC."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": str(job.state),
        "ending": job.state is JobState.RUNNING and job.cancelled_by is not None,
        "done": job.done,
        "total": job.total,
        "words": in_language(job.words, language),
        "by": job.by,
        "made": job.made.isoformat(timespec="seconds"),
        "ended": job.ended and job.ended.isoformat(timespec="seconds"),
        "error": job.error and in_language(job.error, language),
        "about": _about(job),
        "result": {name: in_language(value, language) for name, value in job.result.items() if name != "measured"},
        "file": file_of(folder, job.id, dict(job.result)) is not None,
        "again": not job.is_open and job.kind in kinds,
    }


def _about(job: Job) -> str:
    """What tells it from others of its kind."""
    names = (job.asked.get(name) for name in ("format", "run", "adapter", "name"))
    return next((str(name) for name in names if name), ", ".join(map(str, job.asked.get("labels") or ())))
