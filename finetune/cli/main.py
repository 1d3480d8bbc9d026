"""The commands of `python -m finetune`: train, evaluate, sets, card, expert, score, study, simulate, audit, promote,
rollback, retrain, tiny.

The modules of the commands import little: what is heavy is imported when a command runs, so that help is there at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from finetune.cli import evaluate, experiments, experts, registry, retrain, shipping, suspicions, train
from finetune.cli.failure import sentence
from finetune.cli.sets import commands as sets
from finetune.cli.sets import measure
from finetune.cli.words import each_alone
from pdc.cli import entry
from pdc.cli.options import spelled_out

ABOUT = "Fold corrections into LoRA adapters, measure them, decide which serves."
EXAMPLES = """examples:
  python -m finetune train                          the saved reviews become an adapter
  python -m finetune train --max-seconds 300        with five minutes of training
  python -m finetune train --parent none --rank 8   a fresh adapter on the base model
  python -m finetune train --preference             corrected answers become less likely
  python -m finetune evaluate --adapter active --data annotations.json
  python -m finetune sets add clinic-b annotations.zip --locked
  python -m finetune card NAME                      what is known of an adapter, on one page
  python -m finetune expert measure NAME            a detector beside the model, kept where it gains
  python -m finetune score results.jsonl            an ms-swift result file
  python -m finetune simulate --truth COCO.json     a played reader, round after round
  python -m finetune study rank --truth COCO.json   LoRA ranks side by side
  python -m finetune promote NAME --reason "finds the small platelets"
  python -m finetune rollback
  python -m finetune retrain --dry-run              which adapters were made for other weights
  python -m finetune tiny --help                    how the embedded model was made

Reviews, adapters and runs are those of PDC_HOME (or --home); the base model is PDC_MODEL (or --model)."""

app = entry.new_app(ABOUT, EXAMPLES)
app.command("train")(spelled_out(train.train))
app.command("evaluate")(spelled_out(evaluate.evaluate))
app.command("score")(evaluate.score)
app.command("study")(spelled_out(experiments.study))
app.command("simulate")(spelled_out(experiments.simulate))
app.command("audit")(spelled_out(suspicions.audit))
app.command("promote")(spelled_out(registry.promote))
app.command("rollback")(spelled_out(registry.rollback))
app.command("retrain")(spelled_out(retrain.retrain))
sets.app.command("measure")(spelled_out(measure.measure))
app.add_typer(sets.app, name="sets")
app.add_typer(experts.app, name="expert")
app.command("card")(spelled_out(measure.show_card))
app.command("tiny")(spelled_out(shipping.build))


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of these words, or of the process's own: 0 done, 1 failed or refused, 2 wrong use, 130 interrupted."""
    try:
        return entry.run(app, each_alone(sys.argv[1:] if argv is None else argv), "finetune")
    except ModuleNotFoundError as error:
        return entry.end("finetune", sentence(error), entry.FAILED)
