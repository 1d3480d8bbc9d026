"""The commands of `pdc`, below; those that train and measure go on to finetune.

The modules of the commands import little: what is heavy is imported when a command runs, so that help is there at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pdc.cli import doctor, entry, exchange, handed_on, images, labels, model_server, predict, serve, users
from pdc.cli.archives import commands as archives
from pdc.cli.backups.commands import backup, restore
from pdc.cli.counting import sessions
from pdc.cli.counting.commands import sheet
from pdc.cli.experts import commands as experts
from pdc.cli.jobs import commands as jobs
from pdc.cli.options import spelled_out
from pdc.cli.record import commands as record
from pdc.cli.similar.commands import similar

ABOUT = "PDC: point at, detect and count objects in medical images. Research use only."
EXAMPLES = """examples:
  python -m pdc serve
  python -m pdc predict smear.png --task count_and_box --label platelet
  python -m pdc predict folder/*.png --json > answers.jsonl
  python -m pdc predict folder/ --out answers.jsonl
  python -m pdc import annotations.json
  python -m pdc export reviews/ --format coco
  python -m pdc sheet sperm-concentration --sample S-17 --replicate side-a --replicate side-b --squares 5
  python -m pdc count start sperm-concentration --sample S-17 --replicate side-a --replicate side-b --squares 5
  python -m pdc agreement --out agreement.html
  python -m pdc similar --build
  python -m pdc images retire "slide 7.png" --why "wrong patient"
  python -m pdc labels list
  python -m pdc experts add cells.onnx --labels "platelet, red blood cell" --output yolo
  python -m pdc users add maria
  python -m pdc record show --user maria --since 2026-11-01
  python -m pdc jobs list
  python -m pdc work --kinds predict,train
  python -m pdc backup pdc-2026-11-27.tar
  python -m pdc archive out everything.zip
  python -m pdc doctor

Settings come from the environment (PDC_HOME, PDC_MODEL, ...); `doctor` shows their effect."""

app = entry.new_app(ABOUT, EXAMPLES)
app.command("serve")(serve.serve)
app.command("predict")(spelled_out(predict.predict))
app.command("serve-model")(model_server.serve_model)
app.command("import")(spelled_out(exchange.import_))
app.command("export")(exchange.export)
app.command("similar")(similar)
app.command("sheet")(spelled_out(sheet))
app.command("agreement")(exchange.agreement)
app.add_typer(sessions.app, name="count")
app.add_typer(images.app, name="images")
app.add_typer(labels.app, name="labels")
app.add_typer(users.app, name="users")
app.add_typer(experts.app, name="experts")
app.add_typer(record.app, name="record")
app.add_typer(jobs.app, name="jobs")
app.command("work")(jobs.work)
app.command("backup")(backup)
app.command("restore")(restore)
app.add_typer(archives.app, name="archive")
app.command("doctor")(doctor.doctor)
handed_on.add_to(app)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of these words, or of the process's own: 0 done, 1 failed or refused, 2 wrong use, 130 interrupted."""
    return entry.run(app, sys.argv[1:] if argv is None else argv, "pdc")
