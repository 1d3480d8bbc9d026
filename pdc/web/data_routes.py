"""Routes for images as a whole: exported, counted, retired and restored, held back and released. Each reader's own: what they
see, and nobody else's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from pdc.domain.values import Image
from pdc.formats.contents import LeftOut, grouped
from pdc.formats.exporting import Export, prepared
from pdc.formats.outgoing import agreement
from pdc.formats.outgoing.counts import CountRow, Counts, csv_text, labels_of, when
from pdc.formats.outgoing.file_names import Names, caller
from pdc.formats.outgoing.zips import zipped
from pdc.formats.registry import FORMATS
from pdc.review.agreement.reports import Reports
from pdc.review.listing.entries import Counted, Entry, Stage, WorklistFilter
from pdc.review.service import ReviewService
from pdc.review.worklist import Worklist, without_hints
from pdc.spool import spooled
from pdc.store.audit.kinds import AuditKind
from pdc.store.learnt.newest import AT_ONCE
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.ui.words import in_language, language_of
from pdc.web.ui.worklist import filter_from

MOST_ROWS, MOST_LOOKED = 200, 2000  # rows of the table on the page, and reviews that are looked at for it; the CSV has all


class Decision(BaseModel):
    """Which images (sha256), and why."""

    images: list[str] = Field(max_length=100_000)
    why: str = Field("", max_length=200)


@dataclass(frozen=True, slots=True)
class ByJob:
    """What a job asks for, as a page's request does: for whom, and with which settings of the list in the address."""

    reader: str
    query_params: Mapping[str, str]


class Data:
    """What one reader may take along: the images they see, as their list shows them, with the reviews they may see."""

    def __init__(self, access: Access | None, service: ReviewService) -> None:
        self.access, self.service, self.images = access, service, Worklist(service)

    def reader(self, request: Request | ByJob) -> str:
        if isinstance(request, ByJob):
            return request.reader
        return (self.access and self.access.user(request)) or LOCAL_USER

    def wanted(self, request: Request | ByJob) -> WorklistFilter:
        """The filters in the request's address; without any, all."""
        return without_hints(filter_from(request.query_params), self.service.blind)

    def shown(self, request: Request | ByJob) -> Collection[Image]:
        """The images of the list that may be taken along, none of those that are retired."""
        wanted = self.wanted(request)
        listed = self.images.walk(self.reader(request), wanted) if wanted.stage != Stage.RETIRED else ()
        return spooled(self._allowed(request, listed))

    def shown_of(self, request: Request | ByJob, shas: Collection[str]) -> Collection[Image]:
        """Those of these images (a few)."""
        wanted = self.wanted(request)
        listed = self.images.shown_of(self.reader(request), wanted, shas) if wanted.stage != Stage.RETIRED else ()
        return list(self._allowed(request, listed))

    def _allowed(self, request: Request | ByJob, listed: Iterable[Entry]) -> Iterator[Image]:
        """None that the reader reads beside others, for its reviews are theirs, and none of a count that they have still to read
        blind."""
        kept = self.service.kept_from(self.reader(request))
        return (e.image for e in listed if not e.is_mine and e.image.sha256 not in kept)

    def author(self, request: Request | ByJob) -> str | None:
        """Whose reviews these are: everybody's, or where readers do not see each other's this reader's own."""
        return self.reader(request) if self.service.apart else None

    def export(self, request: Request | ByJob, format: str) -> Export:
        store, files, auto_accepted = self.service.store, self.service.files, "auto_accepted" in request.query_params
        held = self.service.held_back(self.reader(request))
        return prepared(
            store,
            files,
            format,
            self.shown(request),
            self.author(request),
            auto_accepted=auto_accepted,
            held=held,
            names=names_in(request),
        )

    def held(self, request: Request | ByJob) -> Counted:
        """The images in the list that are held back."""
        return self.images.count_held(self.reader(request), self.wanted(request))

    def record_export(self, request: Request, format: str, images: int) -> None:
        """Whoever takes something along is in the record."""
        self.service.store.record_event(AuditKind.EXPORTED, self.reader(request), format=format, images=images)

    def counts(self, request: Request) -> Counts:
        """The table that is taken along: without what is held back."""
        kept, call = self.service.held_back(self.reader(request)), caller(names_in(request))
        images = spooled(call(i) for i in self.shown(request) if i.sha256 not in kept)
        return Counts(self.service.store, images, self.author(request))

    def newest(self, request: Request | ByJob) -> tuple[list[CountRow], bool]:
        """The table that the screen shows: its newest rows, and whether there may be more."""
        store, author, found = self.service.store, self.author(request), list[CountRow]()
        for looked, shas in enumerate(store.newest_reviewed(author), 1):
            rows = Counts(store, self.shown_of(request, shas), author).rows()
            found += sorted(rows, key=lambda row: row.review.created_at, reverse=True)
            if len(found) > MOST_ROWS or looked * AT_ONCE >= MOST_LOOKED:
                return found[:MOST_ROWS], True
        return found, False


def export_of(service: ReviewService, reader: str, format: str, query: Mapping[str, str]) -> Export:
    """The export that a job writes for a reader."""
    return Data(None, service).export(ByJob(reader, query), format)


def names_in(request: Request | ByJob) -> Names:
    """Whether the names of images and groups go out with this request."""
    return Names.HASHED if request.query_params.get("names") == Names.HASHED else Names.KEPT


def add_routes(app: FastAPI, access: Access, service: ReviewService) -> None:
    data = Data(access, service)
    _export_routes(app, data)
    _count_routes(app, data)

    @app.post("/api/worklist/retire")
    def retire(request: Request, asked: Decision) -> JSONResponse:
        """Images out of every list, export and training run; nothing is erased."""
        service.retire(asked.images, data.reader(request), asked.why.strip())
        return JSONResponse({"retired": len(asked.images)})

    @app.post("/api/worklist/restore")
    def restore(request: Request, asked: Decision) -> JSONResponse:
        """Retired images back."""
        service.restore(asked.images, data.reader(request))
        return JSONResponse({"restored": len(asked.images)})

    @app.post("/api/worklist/hold-back")
    def hold_back(request: Request, asked: Decision) -> JSONResponse:
        """Images left out of every export from now on."""
        service.hold_back(asked.images, data.reader(request), asked.why.strip())
        return JSONResponse({"held_back": len(asked.images)})

    @app.post("/api/worklist/release")
    def release(request: Request, asked: Decision) -> JSONResponse:
        """Exports may hold these images again."""
        service.release(asked.images, data.reader(request))
        return JSONResponse({"released": len(asked.images)})


def _export_routes(app: FastAPI, data: Data) -> None:
    @app.get("/api/data/formats")
    def formats() -> JSONResponse:
        """The formats to choose from."""
        return JSONResponse(list(FORMATS))

    @app.get("/api/data/report/{format}")
    def report(request: Request, format: str) -> JSONResponse:
        """What an export would hold, and what other programs would not find in it."""
        said, language = data.export(request, format).report(), language_of(request)
        numbers = {"images": said.images, "reviews": said.reviews, "marks": said.marks, "none": said.none}
        here = in_language(said.kept_here, language)
        return JSONResponse({**numbers, "left_out": left_out_lines(said.left_out, language), "kept_here": here})

    @app.get("/api/data/export/{format}.zip")
    def export(request: Request, format: str) -> StreamingResponse:
        """The export as a zip, made while it is sent."""
        export = data.export(request, format)
        entries = export.entries()
        data.record_export(request, format, images=len(export.cases))
        return StreamingResponse(zipped(entries), media_type="application/zip", headers=_file(f"pdc-{format}.zip"))


def _count_routes(app: FastAPI, data: Data) -> None:
    @app.get("/api/data/counts")
    def counts(request: Request) -> JSONResponse:
        """The newest rows of the table of counts; `more`: there may be others. `held`: how many images of the list are held back,
        or more where it is `capped`."""
        rows, more = data.newest(request)
        labels, held = labels_of(rows), data.held(request)
        told = {"labels": labels, "rows": [_row(r, labels) for r in rows], "more": more}
        return JSONResponse({**told, "held": held.total, "capped": held.capped})

    @app.get("/api/data/counts.csv")
    def counts_csv(request: Request) -> StreamingResponse:
        """The whole table, for a spreadsheet."""
        table = data.counts(request)
        data.record_export(request, "counts", images=len(table.images))
        text = csv_text(table.rows(), table.labels())
        return StreamingResponse(text, media_type="text/csv; charset=utf-8", headers=_file("pdc-counts.csv"))


def add_agreement_route(app: FastAPI, access: Access, reports: Reports) -> None:
    @app.get("/api/agreement.csv")
    def agreement_csv(request: Request) -> Response:
        """How far readers agree, as far as this user may see it."""
        reader = access.user(request) or LOCAL_USER
        access.store.record_event(AuditKind.EXPORTED, reader, format="agreement")
        text = agreement.csv_text(reports.of(reader).rows)
        return Response(text, media_type="text/csv; charset=utf-8", headers=_file("pdc-agreement.csv"))


def left_out_lines(left_out: Iterable[LeftOut], language: str) -> list[dict[str, Any]]:
    """One line per kind and reason: how many, which (some of them), and why."""
    return [
        {"what": str(what), "why": in_language(why, language), "n": group.n, "which": group.first}
        for (what, why), group in grouped(left_out).items()
    ]


def _row(row: CountRow, labels: list[str]) -> dict[str, Any]:
    review, counts = row.review, row.counts
    return {
        "image": row.image.name,
        "sha256": row.image.sha256,
        "task": str(review.question.task),
        "counts": [counts.get(label) for label in labels],
        "none": row.none,
        "unsure": row.unsure,
        "complete": row.complete,
        "verdict": str(review.verdict),
        "by": review.author,
        "at": when(review.created_at),
        "revision": review.revision,
    }


def _file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
