"""Commands that are finetune's: this process goes on as `python -m finetune` with the same words."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable

import typer

from pdc.cli.entry import DONE, log_level

COMMANDS = {
    "train": "Learn from the current reviews; registers a candidate, promotes nothing.",
    "evaluate": "Measure an adapter on held-out reviews or on a COCO file.",
    "sets": "Named test sets: images from elsewhere that every adapter is measured on.",
    "card": "Write what is known of an adapter on one page.",
    "expert": "Measure a detector beside the model; it answers where it gains.",
    "score": "Measure an ms-swift result file, as the paper does and honestly.",
    "study": "Change one thing at a time: what each part of the method is worth.",
    "simulate": "Play a reader who corrects to a COCO file's truth; writes the curve.",
    "audit": "Compare reviews with the base model, other readers and near copies.",
    "promote": "Let an adapter serve, if nothing speaks against it.",
    "rollback": "Let serve what served before.",
    "retrain": "Train adapters of other weights anew on the present base.",
    "tiny": "Build and train the embedded model.",
}
AS_THEY_ARE = {"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False}
PANEL = "Training: the same as python -m finetune"


def add_to(app: typer.Typer) -> None:
    for name, about in COMMANDS.items():
        declare = app.command(name, help=about, add_help_option=False, context_settings=AS_THEY_ARE, rich_help_panel=PANEL)
        declare(_going_on(name))


def _going_on(name: str) -> Callable[[typer.Context], int]:
    def go_on(context: typer.Context) -> int:
        sys.argv = ["finetune", "--log-level", log_level(), name, *context.args]
        runpy.run_module("finetune", run_name="__main__", alter_sys=True)  # its exit leaves with its code
        return DONE

    return go_on
