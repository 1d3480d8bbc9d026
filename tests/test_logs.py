"""The two forms of the log: what a program reads is one JSON object a line, whoever speaks and whatever happens."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pdc.logs import REQUEST, JsonFormatter, TextFormatter

ROOT = Path(__file__).resolve().parent.parent
SPEAKS = """
import logging, sys, threading, warnings
from pdc.cli import entry
from pdc.domain.errors import BadSetting
app = entry.new_app("about", "examples")
@app.command("refuse")
def refuse() -> int:
    raise BadSetting("This is refused.")
@app.command("speak")
def speak() -> int:
    logging.getLogger("a.library").warning("two\\nlines and %s", "ünicode")
    warnings.warn("old")
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start(); thread.join()
    raise KeyError("x")
entry.run(app, ["refuse"], "pdc")
sys.exit(entry.run(app, ["speak"], "pdc"))
"""


def record(message: str = "said", **more: object) -> logging.LogRecord:
    made = logging.LogRecord("pdc.web.app", logging.WARNING, "x.py", 1, message, (), None)
    made.__dict__.update(more)
    return made


def test_a_line_has_the_request_that_it_belongs_to_in_both_forms():
    assert TextFormatter().format(record()) == "WARNING pdc.web.app: said"
    token = REQUEST.set("abc")
    try:
        assert TextFormatter().format(record()) == "WARNING pdc.web.app: said [abc]"
        said = json.loads(JsonFormatter().format(record(fields={"ms": 3})))
    finally:
        REQUEST.reset(token)
    assert said["request"] == "abc" and said["ms"] == 3 and said["level"] == "warning" and said["logger"] == "pdc.web.app"


@pytest.mark.parametrize(
    "told",
    [
        "duplicate key\nDETAIL:  Key (name)=(Smith) already exists.\nMore of it.",
        "duplicate key '/srv/pdc/incoming/0123456789abcdef/Smith of ward 3.zip': More of it.",
    ],
)
def test_a_traceback_keeps_the_names_in_a_refused_row_and_of_files_that_came_in_to_itself(told: str):
    try:
        raise ValueError(told)
    except ValueError:
        failed = record(exc_info=sys.exc_info())
    for form in (TextFormatter(), JsonFormatter()):
        said = form.format(failed)
        assert "Smith" not in said and "duplicate key" in said and "More of it." in said
        failed.exc_text = None


def test_a_program_reads_every_line_of_a_process_that_refuses_warns_and_fails():
    environment = {**os.environ, "PDC_LOG": "json", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SPEAKS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)
    refused, spoken, warned, thread, failed = (json.loads(line) for line in done.stderr.splitlines())
    assert (done.returncode, done.stdout) == (1, "")
    assert (refused["message"], refused["level"]) == ("This is refused.", "error")
    assert (spoken["message"], spoken["logger"]) == ("two\nlines and ünicode", "a.library") and "old" in warned["message"]
    assert "ZeroDivisionError" in thread["traceback"] and "KeyError" in failed["traceback"]
