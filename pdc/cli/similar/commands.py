"""`pdc similar`: how many images are described, so that cases like them are found; `--build` describes the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.entry import DONE, FAILED
from pdc.cli.progress import say, shown
from pdc.domain.errors import BadSetting, PdcError
from pdc.domain.progress import Progress, follow

if TYPE_CHECKING:
    from pdc.review.similar.describing import Describer

SILENT = "The model of these settings does not tell what it sees in an image; use one that runs in this process."


def similar(
    build: Annotated[bool, typer.Option("--build", help="Describe the images that are not described yet.")] = False,
) -> int:
    """Say how many images can be compared with others. A build that was interrupted goes on where it stopped."""
    from pdc.compose import describer_of, open_store, predictor_of
    from pdc.settings import Settings

    settings = Settings.from_env()
    store = open_store(settings)
    describer = describer_of(settings, store, predictor_of(settings, store))
    missing = store.without_vector(describer.model)
    failed = 0
    if build:
        with shown() as progress:
            failed = _describe(describer, missing, progress)
    all_images, left = len(store.images()), len(store.without_vector(describer.model))
    rest = "" if build or not left else " Describe the rest: python -m pdc similar --build."
    print(f"{all_images - left} of {all_images} images are described.{rest}")
    return FAILED if failed else DONE


def _describe(describer: Describer, shas: list[str], progress: Progress) -> int:
    """How many could not be described; each is told."""
    failed = 0
    for sha256 in follow("Describing images", shas, progress):
        try:
            told = describer.keep(sha256)
        except PdcError as error:
            say(f"pdc: {sha256[:12]}: {error}")
            failed += 1
            continue
        if not told:
            raise BadSetting(SILENT)
    return failed
