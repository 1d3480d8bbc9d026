"""Routes for annotation files that a reader imports: sent once, looked through first, then imported when it is wanted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from pdc import files
from pdc.domain.errors import BadSetting
from pdc.formats.import_report import Imported
from pdc.formats.importing import ImportOptions
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.data_routes import left_out_lines
from pdc.web.incoming import Incoming, Job
from pdc.web.privacy.text_route import choice_of
from pdc.web.ui.words import in_language, language_of


class Wanted(BaseModel):
    """How a file is imported. Without `store` it is only looked through."""

    store: bool = False
    complete: bool = False
    replace: bool = False
    text: Literal["", "paint", "keep"] = ""
    """what becomes of text burned into images; empty: those images are left out"""

    @property
    def options(self) -> ImportOptions:
        return {"dry_run": not self.store, "complete": self.complete, "replace": self.replace}


def add_routes(app: FastAPI, access: Access, incoming: Incoming) -> None:
    def reader(request: Request) -> str:
        return access.user(request) or LOCAL_USER

    @app.post("/api/data/import")
    async def send(request: Request, name: str = "file") -> JSONResponse:
        """The bytes of an annotation file, or of a zip with its images, as the body. It is looked through at once."""
        path = await run_in_threadpool(incoming.place, reader(request), name)
        await _saved(request, path)
        await run_in_threadpool(incoming.keep, reader(request), path)
        incoming.start(reader(request), Wanted().options, None)
        return JSONResponse({"name": path.name})

    @app.post("/api/data/import/start")
    def start(request: Request, wanted: Wanted) -> JSONResponse:
        """Look through the file again under other options, or import it."""
        incoming.start(reader(request), wanted.options, choice_of(wanted.text))
        return JSONResponse({"started": True})

    @app.get("/api/data/import")
    def now(request: Request) -> JSONResponse:
        """How far it is, and what came of it."""
        return JSONResponse(_told(incoming.now(reader(request)), language_of(request)))


async def _saved(request: Request, path: Path) -> None:
    """The body on disk; nothing stays there of one that does not come to its end."""
    try:
        with files.sentences(path), path.open("wb") as file:
            async for part in request.stream():
                await run_in_threadpool(file.write, part)
        if not path.stat().st_size:
            raise BadSetting("The file is empty; choose another.")
    except BaseException:
        await run_in_threadpool(shutil.rmtree, path.parent, ignore_errors=True)
        raise


def _told(job: Job, language: str) -> dict[str, Any]:
    error = in_language(job.error, language) if job.error else None
    return {
        "name": job.path.name,
        "running": job.running,
        "done": job.done,
        "total": job.total,
        "error": error and error.replace(str(job.path), job.path.name).replace(f"{job.path.parent}/", ""),
        "imported": _account(job.imported, language) if job.imported else None,
    }


def _account(imported: Imported, language: str) -> dict[str, Any]:
    return {
        "dry_run": imported.dry_run,
        "reviews": len(imported.reviews),
        "images": imported.images,
        "replaced": imported.replaced,
        "table": [[r.label, r.images, r.marks, r.none, r.counted] for r in imported.table],
        "renamed": dict(imported.renamed),
        "spelled": dict(imported.spelled),
        "left_out": left_out_lines(imported.left_out, language),
        "doubtful": left_out_lines(imported.doubtful, language),
    }
