"""`pdc` or `python -m pdc`: serve, predict, serve-model, import, export, users, doctor; train and its kin go on to finetune."""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from pdc import __version__
from pdc.cli import commands
from pdc.cli.bulk import BATCH
from pdc.domain.errors import PdcError
from pdc.domain.values import Task
from pdc.formats.registry import FORMATS, READERS

FINETUNE = ("train", "evaluate", "score", "study", "simulate", "audit", "promote", "rollback", "tiny")
EXAMPLES = f"""examples:
  python -m pdc serve
  python -m pdc predict smear.png --task count_and_box --label "red blood cell" --label platelet
  python -m pdc predict folder/*.png --json > answers.jsonl
  python -m pdc predict folder/ --out answers.jsonl
  python -m pdc import annotations.json
  python -m pdc export reviews/ --format coco
  python -m pdc users add maria
  python -m pdc doctor

Settings come from the environment (PDC_HOME, PDC_MODEL, ...); `doctor` prints them.
{", ".join(FINETUNE)} are finetune's: `pdc train` is `python -m finetune train`.
"""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m pdc",
        description="PDC: point at, detect and count objects in medical images. Research use only.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"PDC {__version__}")
    sub = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    sub.add_parser("serve", help="start the review app").set_defaults(run=commands.serve)

    predict = sub.add_parser("predict", help="ask the model about image files, or about every image of a folder")
    predict.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="image files, or one folder")
    predict.add_argument("--task", default=Task.COUNT_AND_BOX.value, help=f"one of {', '.join(Task)} (default: %(default)s)")
    what = "what to look for; repeat for several (default: all the embedded model knows)"
    predict.add_argument("--label", action="append", metavar="LABEL", help=what)
    closer = "look again, larger, at the N regions it is least sure of"
    predict.add_argument("--closer", type=int, default=0, metavar="N", help=closer)
    predict.add_argument("--json", action="store_true", help="one JSON object a line")
    out = "for a folder: file of JSON lines to add answers to; a run goes on where it stopped (default: FOLDER.jsonl here)"
    predict.add_argument("--out", type=Path, metavar="FILE", help=out)
    batch = "for a folder: images asked together (default: %(default)s)"
    predict.add_argument("--batch", type=int, default=BATCH, metavar="N", help=batch)
    predict.set_defaults(run=commands.predict)

    serve = sub.add_parser("serve-model", help="answer other front ends: a small OpenAI-compatible server over this model")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    serve.set_defaults(run=commands.serve_model)

    export = sub.add_parser("export", help="write the current reviews to a folder")
    export.add_argument("folder", type=Path)
    export.add_argument("--format", choices=FORMATS, default="coco", help="default: %(default)s")
    export.set_defaults(run=commands.export)

    bring = sub.add_parser("import", help="add images and their marks from annotation files")
    bring.add_argument("file", type=Path, help="file or folder; image names are relative to it")
    bring.add_argument("--format", choices=tuple(READERS), help="default: by what the file or folder looks like")
    bring.add_argument("--author", default="import", help="who the reviews are by (default: %(default)s)")
    bring.add_argument("--task", help="the question the marks answer (default: boxes, points or a count, as they are)")
    bring.add_argument("--label", action="append", metavar="LABEL", help="categories to take; repeat (default: all)")
    complete = "every image was looked at for every label that the file uses: what is not drawn there is none"
    bring.add_argument("--complete", action="store_true", help=complete)
    bring.set_defaults(run=commands.import_)

    users = sub.add_parser("users", help="who may log in")
    action = users.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = action.add_parser("add", help="add a user; asks for a password")
    add.add_argument("name")
    add.set_defaults(run=commands.add_user)
    action.add_parser("list", help="names of all users").set_defaults(run=commands.list_users)

    sub.add_parser("doctor", help="versions, device, model, database and disk").set_defaults(run=commands.doctor)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] and words[0] in FINETUNE:
        return _finetune(words)
    arguments = parser().parse_args(words)
    try:
        return arguments.run(arguments)
    except PdcError as error:
        print(f"pdc: {error}", file=sys.stderr)
        return 1


def _finetune(words: Sequence[str]) -> int:
    """This process goes on as `python -m finetune` with these words; its exit leaves with its code."""
    sys.argv = ["finetune", *words]
    runpy.run_module("finetune", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
