"""The job that imports an annotation file which a reader has sent. What was stored of it is not stored again, so it goes on
after a kill."""

from __future__ import annotations

from pathlib import Path

from pdc.domain.errors import BadSetting
from pdc.domain.progress import Progress
from pdc.formats.import_report import Imported
from pdc.formats.importing import import_file
from pdc.jobs.kinds import Asked, Cancelled, Kind, Report, Result, progress_of
from pdc.review.service import ReviewService

IMPORT = "import"
SETTINGS = ("path", "name", "complete", "replace", "dry_run", "text")
GONE = "The file {name} is no longer here; send it again on the Data tab."


class Importing:
    """Does the job: {"path": a file below `folder`, "complete", "replace", "dry_run", "text"}, as the Data tab sends them."""

    def __init__(self, service: ReviewService, folder: Path) -> None:
        self.service, self.folder = service, folder

    @property
    def kind(self) -> Kind:
        return Kind(IMPORT, self, alone=lambda asked: f"{IMPORT} by {asked['by']}", check=self.check, settings=SETTINGS)

    def check(self, asked: Asked) -> None:
        """BadSetting where the file is not among those that readers sent."""
        path = Path(str(asked.get("path", "")))
        if not path.resolve().is_relative_to(self.folder.resolve()) or not path.is_file():
            raise BadSetting(GONE, name=path.name)

    def __call__(self, asked: Asked, report: Report, cancelled: Cancelled) -> Result:
        self.check(asked)
        return account_of(self.imported(asked, progress_of(report)))

    def imported(self, asked: Asked, progress: Progress) -> Imported:
        """What came in."""
        service = self.service
        return import_file(
            service.store,
            service.files,
            Path(asked["path"]),
            f"import by {asked['by']}",
            complete=bool(asked.get("complete")),
            replace=bool(asked.get("replace")),
            dry_run=bool(asked.get("dry_run")),
            known=sorted(service.predictor.labels or ()),
            max_megapixels=service.max_megapixels,
            text_rule=service.text_rule.chosen(asked.get("text")),
            progress=progress,
        )


def account_of(imported: Imported) -> Result:
    """The numbers of an import."""
    return {"reviews": len(imported.reviews), "images": imported.images, "replaced": imported.replaced}
