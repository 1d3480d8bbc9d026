"""What both command lines share: words go in, an exit code comes out, and a failure is one line on standard error."""

from __future__ import annotations

import getpass
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer
from typer.exceptions import TyperException

from pdc import __version__, files, logs
from pdc.domain.errors import PdcError
from pdc.logs import LogFormat

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130
NOISY = ("alembic",)  # libraries that tell at INFO what only their authors need


class LogLevel(StrEnum):
    """How severe a message of the log must be to be shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def new_app(about: str, examples: str) -> typer.Typer:
    """An app that has --version and --log-level; `examples` stand below its help."""
    help_options = {"help_option_names": ["-h", "--help"]}
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=help_options)
    app.callback(help=about, epilog=examples)(_begin)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"PDC {__version__}")
        raise typer.Exit


def _begin(
    log_level: Annotated[
        LogLevel, typer.Option(help="The least severe messages to show.", envvar="PDC_LOG_LEVEL")
    ] = LogLevel.WARNING,
    log_format: Annotated[
        LogFormat, typer.Option(help="Lines for people, or one JSON object a line.", envvar="PDC_LOG")
    ] = LogFormat.TEXT,
    version: Annotated[bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)] = False,
) -> None:
    log_from(log_level, log_format)


def log_from(level: LogLevel, form: LogFormat = LogFormat.TEXT) -> None:
    """Messages of at least this severity go to standard error, in this form."""
    logs.begin(level, form)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.NOTSET if level is LogLevel.DEBUG else logging.WARNING)


def log_level() -> LogLevel:
    """The level that is set now."""
    return LogLevel(logging.getLevelName(logging.getLogger().level).lower())


def run(app: typer.Typer, words: Sequence[str], package: str) -> int:
    """Do what the words say; the exit code. `package` is what `python -m` starts."""
    os.umask(files.PRIVATE)
    command = typer.main.get_command(app)
    try:
        code = command.main(args=list(words), prog_name=f"python -m {package}", standalone_mode=False)
    except PdcError as error:
        return end(package, str(error), FAILED)
    except TyperException as error:
        return end(package, _misused(error), WRONG_USE)
    except typer.Abort:
        return end(package, "The input ended too early.", FAILED)
    except Interrupted as stopped:
        return end(package, f"Interrupted. {stopped}", INTERRUPTED)
    except KeyboardInterrupt:
        code = INTERRUPTED
    return end(package, "Interrupted.", INTERRUPTED) if code == INTERRUPTED else code or DONE


class Interrupted(Exception):
    """Long work was interrupted; its text says how to go on."""


@contextmanager
def can_go_on(how: str) -> Iterator[None]:
    """Work that Ctrl-C may stop: then `how` says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(how) from None


def account_name() -> str:
    """Whoever runs the command, by the name of their account on this computer; in a container it may have a number only."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def end(package: str, sentence: str, code: int) -> int:
    """Say in one line why it ends; the exit code."""
    if logs.in_json():
        logging.getLogger(package).error("%s", sentence)
        return code
    after_control_c = "\n" if code == INTERRUPTED and sys.stderr.isatty() else ""  # the terminal shows ^C
    print(f"{after_control_c}{package}: {sentence}", file=sys.stderr)
    return code


def _misused(error: TyperException) -> str:
    """What was wrong with the words, and which help says more."""
    context = getattr(error, "ctx", None)
    said = " ".join(error.format_message().replace("Value error, ", "").split())  # pydantic's word
    return f"{said.rstrip('.')}. See `{context.command_path} --help`." if context else said
