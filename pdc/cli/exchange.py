"""`pdc import`, `pdc export` and `pdc agreement`: annotation files into the store and out of it, and what its reads say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pdc.cli.entry import DONE, account_name, can_go_on
from pdc.cli.progress import shown

if TYPE_CHECKING:
    from pdc.formats.import_report import Imported

# The names that pdc.formats.registry knows, here so that help needs no reader of any format; a test compares them.
Readable = Literal[
    "coco",
    "yolo",
    "voc",
    "label-studio",
    "cvat",
    "labelme",
    "qupath",
    "via",
    "imagej",
    "imagej-results",
    "hugging-face",
    "csv",
    "jsonl",
    "medmultipoints",
]
Writable = Literal["coco", "yolo", "voc", "label-studio", "jsonl", "csv", "medmultipoints", "counts"]

AGAIN = "The same command goes on: what {}."


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What is imported, and what its marks are taken to mean."""

    file: Annotated[Path, typer.Argument(help="Folder, zip, or annotation file with its images around it.")]
    format: Annotated[Readable | None, typer.Option(help="Default: by what the file or folder looks like.")] = None
    author: Annotated[str, typer.Option(help="Who the reviews are by.")] = "import"
    task: Annotated[
        str | None, typer.Option(help="The question the marks answer (default: boxes, points or a count, as they are).")
    ] = None
    label: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="Categories to take; repeat for several (default: all).")
    ] = None
    complete: Annotated[
        bool,
        typer.Option(
            "--complete", help="Every image was looked at for every label that the file uses: what is not drawn there is none."
        ),
    ] = False
    replace: Annotated[
        bool, typer.Option("--replace/--keep", help="Where an image has another review of the question, which of the two counts.")
    ] = False
    known_names: Annotated[
        bool,
        typer.Option("--known-names", help="A label that is a spelling of a known one comes in as that: RBC as red blood cell."),
    ] = False
    burned_in: Annotated[
        Literal["ask", "paint", "refuse", "keep"] | None,
        typer.Option(
            help="Images in which text may say who somebody is: leave them out (ask, refuse), paint the text over, or keep it "
            "(default: PDC_BURNED_IN)."
        ),
    ] = None
    strict: Annotated[bool, typer.Option("--strict", help="Import nothing if anything would be left out.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be imported, and store nothing.")] = False


def import_(options: ImportOptions) -> int:
    """Add images and their marks from annotation files."""
    from pdc.compose import images_of, open_store
    from pdc.domain.prompts import task_from
    from pdc.formats.importing import import_file
    from pdc.images.burned_in.door import text_rule_of
    from pdc.inference.qwen import labels_of
    from pdc.settings import Settings

    settings = Settings.from_env()
    with can_go_on(AGAIN.format("is stored stays, and is not stored twice")), shown() as progress:
        imported = import_file(
            open_store(settings),
            images_of(settings),
            options.file,
            options.author,
            format=options.format,
            task=task_from(options.task) if options.task else None,
            labels=options.label or None,
            complete=options.complete,
            known=sorted(labels_of(settings.model)),
            known_names=options.known_names,
            replace=options.replace,
            strict=options.strict,
            dry_run=options.dry_run,
            max_megapixels=settings.max_megapixels,
            text_rule=text_rule_of(options.burned_in or settings.burned_in, settings.burned_in_any),
            progress=progress,
        )
    _print_table(imported)
    print(imported.told())
    return DONE


def _print_table(imported: Imported) -> None:
    """A line per label; nothing where nothing came in."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE)
    for i, column in enumerate(("label", "images", "marks", "none", "only counted")):
        table.add_column(column, justify="right" if i else "left")
    for row in imported.table:
        table.add_row(Text(row.label), *map(str, (row.images, row.marks, row.none, row.counted)))
    if imported.table:
        Console(highlight=False).print(table)


def export(
    folder: Annotated[Path, typer.Argument(help="Folder to write; of counts also a file (counts.csv).")],
    format: Annotated[
        Writable, typer.Option(help="How it is written; counts is a table of numbers, a line per review.")
    ] = "coco",
    auto_accepted: Annotated[
        bool, typer.Option("--auto-accepted", help="Also what was accepted without anybody looking at it, named as such.")
    ] = False,
    names: Annotated[
        Literal["kept", "hashed"], typer.Option(help="Names of images and groups: as they are here, or so that none leaves.")
    ] = "kept",
) -> int:
    """Write the current reviews to a folder."""
    from pdc.compose import images_of, open_store
    from pdc.formats.exporting import export as write
    from pdc.formats.outgoing.counts import write_counts
    from pdc.formats.outgoing.file_names import Names
    from pdc.settings import Settings
    from pdc.store.audit.kinds import AuditKind

    settings = Settings.from_env()
    store = open_store(settings)
    if format == "counts":
        kept = store.held_back()
        held = sum(image.sha256 in kept for image in store.each_image()) if kept else 0
        store.record_event(AuditKind.EXPORTED, account_name(), format=format)
        print(f"Wrote the counts to {write_counts(store, folder, Names(names))}.{_held_back(held)}")
        return DONE
    with can_go_on(AGAIN.format("is written stays")), shown() as progress:
        written = write(store, images_of(settings), folder, format, progress, auto_accepted=auto_accepted, names=Names(names))
    said = {"images": written.images, "reviews": written.reviews, "auto_accepted": auto_accepted}
    store.record_event(AuditKind.EXPORTED, account_name(), format=format, **said)
    print(written.told(folder))
    return DONE


def _held_back(images: int) -> str:
    return f" Images held back from exports, and left out: {images}." if images else ""


def agreement(
    out: Annotated[Path, typer.Option(help="File to write: .csv for numbers, .html for the page with its plots.")],
) -> int:
    """Say how far the readers of the same images agree."""
    from pdc import files
    from pdc.compose import open_store
    from pdc.domain.errors import BadSetting
    from pdc.formats.outgoing.agreement import csv_text
    from pdc.review.agreement.reports import Reports
    from pdc.review.reading.reads import Reads
    from pdc.settings import Settings
    from pdc.web.ui.agreement.file import html_file
    from pdc.web.ui.agreement.page import report_page

    kind = out.suffix.lower()
    if kind not in (".csv", ".html"):
        raise BadSetting("The report is written as .csv or .html, not as {file}; give the file such a name.", file=out.name)
    report = Reports(Reads(open_store(Settings.from_env()))).of(None)
    written = csv_text(report.rows) if kind == ".csv" else html_file(report_page(report, None), "Agreement of readers")
    files.write(out, written.encode())
    print(f"Wrote the agreement of {len(report.comparisons)} comparisons to {out}.")
    return DONE
