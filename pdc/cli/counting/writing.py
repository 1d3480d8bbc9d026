"""A sheet is written into a file, by the file's ending and in a language; what is wrong with either is said before the work."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.domain.errors import BadSetting

if TYPE_CHECKING:
    from pdc.counting.sheet import Sheet

Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the sheet, by the file's ending: .json, .html, .pdf, .csv, .xlsx or .fhir.json."),
]
Language = Annotated[str, typer.Option(metavar="CODE", help="Language of the file: en or de.")]


def writer(path: Path | None, language: str) -> Callable[[Sheet], None]:
    """What writes a sheet into the file, or nowhere; BadSetting for an ending or a language that there is not."""
    from pdc import files
    from pdc.formats.sheets.export import Outgoing, kind_of

    say = _saying(language)
    if path is None:
        return lambda sheet: None
    kind = kind_of(path.name)
    return lambda sheet: files.write(path, kind.make(Outgoing(sheet, say, language)))


def _saying(language: str) -> Callable[[str], str]:
    """English needs no dictionary, and they lie with the pages."""
    if language == "en":
        return str
    from pdc.web.ui.words import dictionaries, in_language

    if language not in dictionaries():
        raise BadSetting("A sheet is said in {languages}.", languages=", ".join(["en", *dictionaries()]))
    return partial(in_language, language=language)
