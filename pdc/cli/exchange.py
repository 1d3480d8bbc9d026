"""`pdc import` and `pdc export`: annotation files into the store and out of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from pdc.cli.entry import DONE
from pdc.cli.progress import shown

# The names that pdc.formats.registry knows, here so that help needs no reader of any format; a test compares them.
Readable = Literal["coco", "yolo", "voc", "label-studio", "csv", "jsonl", "medmultipoints"]
Writable = Literal["coco", "yolo", "voc", "label-studio", "jsonl", "csv", "medmultipoints"]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What is imported, and what its marks are taken to mean."""

    file: Annotated[Path, typer.Argument(help="File or folder; image names are relative to it.")]
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


def import_(options: ImportOptions) -> int:
    """Add images and their marks from annotation files."""
    from pdc.compose import open_store
    from pdc.domain.prompts import task_from
    from pdc.formats.importing import import_file
    from pdc.images.intake import ImageFiles
    from pdc.settings import Settings

    settings = Settings.from_env()
    with shown() as progress:
        imported = import_file(
            open_store(settings),
            ImageFiles(settings.images),
            options.file,
            options.author,
            format=options.format,
            task=task_from(options.task) if options.task else None,
            labels=options.label or None,
            complete=options.complete,
            max_megapixels=settings.max_megapixels,
            progress=progress,
        )
    print(imported.told())
    return DONE


def export(
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    format: Annotated[Writable, typer.Option(help="How it is written.")] = "coco",
) -> int:
    """Write the current reviews to a folder."""
    from pdc.compose import open_store
    from pdc.formats.exporting import export as write
    from pdc.images.intake import ImageFiles
    from pdc.settings import Settings

    settings = Settings.from_env()
    with shown() as progress:
        written = write(open_store(settings), ImageFiles(settings.images), folder, format, progress)
    print(written.told(folder))
    return DONE
