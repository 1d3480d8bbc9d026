"""`pdc jobs`: long work is asked for, listed, cancelled and tried again. `pdc work`: this process does it."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.entry import DONE, account_name
from pdc.cli.progress import say

if TYPE_CHECKING:
    from pdc.jobs.desk import JobDesk
    from pdc.store.jobs.records import Job

NONE = "There are no jobs."
QUERY = "query."
Id = Annotated[int, typer.Argument(metavar="JOB", help="The number of a job, as `jobs list` shows it.")]

app = typer.Typer(help="Long work that goes on without a page.")


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, metavar="N", help="How many, at most.")] = 20,
    kind: Annotated[list[str] | None, typer.Option(metavar="KIND", help="Only of this kind; repeat for several.")] = None,
) -> int:
    """The newest jobs: what, whose, how far."""
    from pdc.store.jobs.records import Wanted

    found = _desk().listed(account_name(), Wanted(kinds=tuple(kind or ())), limit)
    print("\n".join(map(_line, found)) or NONE)
    return DONE


@app.command("show")
def show_job(id: Id) -> int:
    """All that is known of one job, as JSON."""
    from dataclasses import asdict

    from pdc.domain.message import plain

    job = _desk().job(id, account_name())
    known = {name: str(value) if name in ("words", "error") and value else value for name, value in asdict(job).items()}
    print(json.dumps(plain(known), ensure_ascii=False, indent=2))
    return DONE


@app.command("start")
def start_job(
    kind: Annotated[str, typer.Argument(help="predict, export, train or evaluate.")],
    asked: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=VALUE", help="What it is to do, such as format=coco, query.stage=done, labels=platelet,wbc or parts=2."
        ),
    ] = None,
) -> int:
    """Ask for a job; the app or `pdc work` does it."""
    job = _desk().start(kind, _asked(asked or []), account_name())
    print(_line(job))
    return DONE


@app.command("cancel")
def cancel_job(id: Id) -> int:
    """Have a job end. What it has done so far stays."""
    print(_line(_desk().cancel(id, account_name())))
    return DONE


@app.command("retry")
def retry_job(id: Id) -> int:
    """Do the same again, as a new job. What was done stays, and is not done anew."""
    print(_line(_desk().retry(id, account_name())))
    return DONE


@app.command("part", hidden=True)
def part_of_job(id: int, part: int, tries: Annotated[int, typer.Option("--try")]) -> int:
    """One part of a job that another process holds, and started this for."""
    from pdc.jobs.kinds import Ended
    from pdc.jobs.known import PREDICT
    from pdc.jobs.predicting import Predicting

    desk = _desk()
    job, work = desk.store.job(id), desk.kinds.get_kind(PREDICT).work
    assert isinstance(work, Predicting)
    try:
        work.answer_part(job, part, tries)
    except Ended:
        say("pdc: The job ended, or another process has taken it over.")
    return DONE


def work(
    kinds: Annotated[str, typer.Option(metavar="KINDS", help="Only these, with commas, such as predict,train.")] = "all",
    until_done: Annotated[bool, typer.Option("--until-done", help="End when no job waits, instead of waiting for more.")] = False,
) -> int:
    """Do jobs, on this or any other machine that shares the database and PDC_HOME, until it is stopped."""
    from pdc.compose import worker_of
    from pdc.settings import Settings

    worker = worker_of(Settings.from_env(), kinds)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.end())
    if until_done:
        print(f"Jobs done: {worker.run_all()}.")
        return DONE
    say(f"pdc: Waiting for jobs: {', '.join(worker.names)}. Stop with Ctrl-C; what is not done is put back.")
    worker.run()
    worker.stop()
    return DONE


def _desk() -> JobDesk:
    from pdc.compose import desk_of
    from pdc.settings import Settings

    return desk_of(Settings.from_env())


def _asked(words: list[str]) -> dict[str, object]:
    """`labels=a,b` is a list, `query.stage=done` is of the object `query`; everything else is text."""
    from pdc.domain.errors import BadSetting

    if odd := [word for word in words if "=" not in word]:
        raise BadSetting("{word} is no NAME=VALUE; write for instance format=coco.", word=repr(odd[0]))
    asked, query = dict[str, object](), dict[str, object]()
    for name, value in (word.split("=", 1) for word in words):
        if name.startswith(QUERY):
            query[name.removeprefix(QUERY)] = value
        else:
            asked[name] = value.split(",") if name == "labels" else value
    return {**asked, **({"query": query} if query else {})}


def _line(job: Job) -> str:
    query = {f"{QUERY}{name}": value for name, value in (job.asked.get("query") or {}).items()}
    about = " ".join(f"{name}={value}" for name, value in {**job.asked, "query": None, **query}.items() if value)
    return f"{job.id} {' '.join(filter(None, (job.kind, about)))}: {_state(job)} (by {job.by}, {job.made:%Y-%m-%d %H:%M} UTC)"


def _state(job: Job) -> str:
    if job.error:
        return f"{job.state}: {job.error}"
    if not job.is_open or not (job.total or job.words):
        return str(job.state)
    return f"{job.state}, {job.words} {job.done} of {job.total}" if job.total else f"{job.state}, {job.words}"
