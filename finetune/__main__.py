"""`python -m finetune`: train, evaluate, score, study, simulate, audit, promote, rollback, tiny."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from finetune.cli import commands, measure, train
from pdc.domain.errors import PdcError
from pdc.domain.values import Task
from pdc.training.config import OPTIMIZERS

EXAMPLES = """examples:
  python -m finetune train                          fold the saved reviews into a new adapter and measure it
  python -m finetune train --max-seconds 300        the same, with five minutes of training
  python -m finetune train --parent none --rank 8   a fresh adapter on the base model
  python -m finetune train --preference             the same, and the corrected answers become less likely
  python -m finetune evaluate --adapter active --data annotations.json
  python -m finetune score results.jsonl            the paper's metrics and honest ones of an ms-swift result file
  python -m finetune simulate --truth COCO.json     a played reader: how edits per image fall with corrected images
  python -m finetune study rank --truth COCO.json   LoRA ranks side by side; `study --help` names the others
  python -m finetune promote fold-20260131-101500-000 --reason "finds the small platelets"
  python -m finetune rollback
  python -m finetune tiny --help                    how the embedded model was made

Reviews, adapters and runs are those of PDC_HOME (or --home); the base model is PDC_MODEL (or --model).
"""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m finetune",
        description="Fold corrections into LoRA adapters, measure them, decide which serves.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _train(sub.add_parser("train", help="learn from the current reviews; registers a candidate, promotes nothing"))
    _evaluate(sub.add_parser("evaluate", help="measure an adapter on held-out reviews or on a COCO file"))
    _score(sub.add_parser("score", help="measure an ms-swift result file, as the paper does and honestly"))
    _study(sub.add_parser("study", help="change one thing at a time: what each part of the method is worth"))
    _simulate(sub.add_parser("simulate", help="play a reader who corrects to a COCO file's truth; writes the curve"))
    audit = sub.add_parser("audit", help="name readers who treat the model's marks unlike the others")
    _shared(audit)
    audit.set_defaults(run_command=commands.audit)
    _promote(sub.add_parser("promote", help="let an adapter serve, if nothing speaks against it"))
    _rollback(sub.add_parser("rollback", help="let serve what served before"))
    sub.add_parser("tiny", help="build and train the embedded model", add_help=False)
    return top


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", type=Path, help="folder of reviews, runs and adapters (default: PDC_HOME)")
    parser.add_argument("--model", help="base model, folder or hub name (default: PDC_MODEL)")


def _train(parser: argparse.ArgumentParser) -> None:
    _shared(parser)
    parser.add_argument("--name", help="name of the run and of its adapter (default: the date and time)")
    parser.add_argument("--run", help=argparse.SUPPRESS)  # a run folder that the app has prepared
    parser.add_argument("--resume", dest="run", metavar="NAME", help="go on with a run that was interrupted")
    _training(parser)
    parser.set_defaults(run_command=train.train)


def _training(parser: argparse.ArgumentParser, **defaults: float) -> None:
    """How to train, for every command that does; what is not given fits the model, or is what `defaults` say."""
    parser.add_argument("--parent", help="adapter to go on from: `active` (default), `none`, or a registered name")
    parser.add_argument("--vision", action=argparse.BooleanOptionalAction, help="train the vision blocks too")
    parser.add_argument("--augment", action=argparse.BooleanOptionalAction, help="flip, turn and cut the images")
    for name, kind, text in (
        ("rank", int, "rank of a fresh adapter"),
        ("alpha", int, "LoRA scale of a fresh adapter"),
        ("lr", float, "peak learning rate"),
        ("epochs", float, "visits to each reviewed question"),
        ("batch", int, "questions per step"),
        ("max-seconds", float, "longest training time, seconds"),
        ("replay", float, "share of views that show what the model knew"),
        ("save-every", int, "steps between checkpoints"),
        ("questions", int, "questions about each view of an image"),
        ("seed", int, "seed of weights, order and views"),
    ):
        parser.add_argument(f"--{name}", type=kind, help=text + " (default: fits the model)", metavar="N")
    what = "also prefer each correction to the prediction it corrects (DPO), with this weight (default: 0; without a number 1)"
    parser.add_argument("--preference", type=float, nargs="?", const=1.0, metavar="WEIGHT", help=what)
    what = "what the model knew before: `drawn` or a COCO file (default: fits the model)"
    parser.add_argument("--replay-data", help=what)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, help="default: fits the model")
    parser.add_argument("--quantization", choices=("nf4", "none"), help="4 bit or bf16 (default: PDC_QUANTIZATION)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="default: PDC_DEVICE")
    parser.set_defaults(**defaults)


def _evaluate(parser: argparse.ArgumentParser) -> None:
    _shared(parser)
    parser.add_argument("--adapter", default="active", help="`active` (default), `none`, a name or a folder")
    parser.add_argument("--data", type=Path, metavar="COCO.json", help="measure on this, not on held-out reviews")
    parser.add_argument("--task", choices=[t.value for t in Task], default=Task.COUNT_AND_BOX.value, help="with --data")
    parser.add_argument("--label", action="append", help="with --data: ask for this; repeat (default: all categories)")
    parser.add_argument("--limit", type=int, metavar="N", help="with --data: only the first N images")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.set_defaults(run_command=commands.evaluate)


def _score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, metavar="RESULTS.jsonl", help="lines with response, labels, messages, images")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.set_defaults(run_command=measure.score)


def _simulate(parser: argparse.ArgumentParser) -> None:
    _shared(parser)
    parser.add_argument("--truth", type=Path, required=True, metavar="COCO.json", help="images and what is in them")
    parser.add_argument("--out", type=Path, default=Path("simulation"), help="folder for curve and runs; what was killed goes on")
    parser.add_argument("--label", action="append", help="ask for this; repeat (default: all categories)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="folds (default: %(default)s)")
    parser.add_argument("--per-round", type=int, default=10, metavar="N", help="images corrected a round (default: %(default)s)")
    what = "which images come next; name both to compare them (default: uncertainty)"
    parser.add_argument("--order", nargs="+", choices=("uncertainty", "random"), default=["uncertainty"], help=what)
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="repeats with other seeds (default: %(default)s)")
    parser.add_argument("--held-out", type=int, default=20, metavar="N", help="images to measure on (default: %(default)s)")
    what = "drawings of each known kind, to measure what is forgotten (default: %(default)s)"
    parser.add_argument("--known", type=int, default=4, metavar="N", help=what)
    parser.add_argument("--known-data", type=Path, metavar="COCO.json", help="images for that instead of drawings")
    what = "overlap at which the reader leaves a box alone (default: %(default)s)"
    parser.add_argument("--accept-iou", type=float, default=0.5, metavar="IOU", help=what)
    what = "go on from the last round's adapter, or train a fresh one each round"
    parser.add_argument("--warm", action=argparse.BooleanOptionalAction, default=True, help=what)
    _training(parser, max_seconds=300.0, seed=1)
    parser.set_defaults(run_command=measure.simulate)


def _study(parser: argparse.ArgumentParser) -> None:
    _shared(parser)
    parser.add_argument("study", choices=("base", "tasks", "rank", "wording", "gallery", "modality", "preference"))
    parser.add_argument("--truth", type=Path, required=True, metavar="COCO.json", help="images and what is in them")
    parser.add_argument("--out", type=Path, help="folder for table, plot and runs (default: study-NAME); a killed study goes on")
    parser.add_argument("--label", action="append", help="ask for this; repeat (default: all categories)")
    parser.add_argument("--train", type=int, default=40, metavar="N", help="images to train on, at most (default: %(default)s)")
    parser.add_argument("--held-out", type=int, default=20, metavar="N", help="images to measure on (default: %(default)s)")
    what = "modality: drawings of each known kind, to measure what is forgotten (default: %(default)s)"
    parser.add_argument("--known", type=int, default=4, metavar="N", help=what)
    what = "wording, gallery: whom to ask: `active` (default), `none`, a name or a folder"
    parser.add_argument("--adapter", default="active", help=what)
    parser.add_argument("--known-data", type=Path, metavar="COCO.json", help="modality: images for that instead of drawings")
    parser.add_argument("--worst", type=int, default=24, metavar="N", help="gallery: images to show (default: %(default)s)")
    _training(parser, max_seconds=150.0)
    parser.set_defaults(run_command=measure.study)


def _promote(parser: argparse.ArgumentParser) -> None:
    _shared(parser)
    parser.add_argument("name", help="a registered adapter")
    parser.add_argument("--reason", default="measured better", help="why; kept with the decision")
    parser.add_argument("--force", action="store_true", help="whatever speaks against it; recorded")
    parser.set_defaults(run_command=commands.promote)


def _rollback(parser: argparse.ArgumentParser) -> None:
    _shared(parser)
    parser.add_argument("--reason", default="rolled back", help="why; kept with the decision")
    parser.set_defaults(run_command=commands.rollback)


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["tiny"]:  # it has a command line of its own
        from finetune.tiny.command import main as tiny

        return tiny(words[1:]) or 0
    arguments = parser().parse_args(words)
    try:
        return arguments.run_command(arguments)
    except (PdcError, ModuleNotFoundError) as error:
        print(f"finetune: {train.sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
