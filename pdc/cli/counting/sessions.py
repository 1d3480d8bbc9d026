"""`pdc count`: count a sample field by field, as in the Count tab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.counting.commands import page
from pdc.cli.counting.writing import Language, Out, writer
from pdc.cli.entry import DONE, account_name
from pdc.domain.errors import BadSetting, NotFound

if TYPE_CHECKING:
    from pdc.review.counting.sessions import CountSessions
    from pdc.review.counting.state import CountField, CountSession

app = typer.Typer(help="Count a sample: begin with a protocol, read its fields in the browser, sign the sheet.")
Which = Annotated[str, typer.Argument(metavar="COUNT", help="Code of the sample, or the first letters of the count's id.")]
By = Annotated[str, typer.Option("--author", help="Who does it; it stands on the sheet.", default_factory=account_name)]
Why = Annotated[str, typer.Option("--why", help="The reason, where one is asked for.")]


@app.command("start")
def start(
    protocol: Annotated[str, typer.Argument(help="Name of a protocol; `pdc sheet` lists them.")],
    sample: Annotated[str, typer.Option(metavar="CODE", help="Code of the sample; never a name.")],
    replicates: Annotated[list[str], typer.Option("--replicate", metavar="GROUP", help="Images of a replicate; repeat.")],
    author: By,
    way: Annotated[str, typer.Option(help="How fields are chosen: all, or `systematic random`.")] = "all",
    fields: Annotated[int | None, typer.Option(metavar="N", help="How many a replicate, where at random.")] = None,
    seed: Annotated[int | None, typer.Option(help="Draws the same fields again.")] = None,
    chamber: Annotated[str | None, typer.Option(help="Counting chamber (default: the protocol's).")] = None,
    squares: Annotated[int | None, typer.Option(metavar="N", help="Squares of the chamber that each image shows.")] = None,
    mm_per_pixel: Annotated[float | None, typer.Option(metavar="MM", help="Size of a pixel of the images.")] = None,
) -> int:
    """Begin a count; its fields are chosen now."""
    counts = _counts()
    session = counts.start(protocol, sample, replicates, way, fields, seed, chamber, reader=author)
    area = {"squares": squares, "mm_per_pixel": mm_per_pixel}
    if known := {name: value for name, value in area.items() if value is not None}:
        counts.set_area(session.id, None, known, author)
    print(f"{session.id[:8]} {session.sample}: {session.protocol.title}. Fields: {session.chosen}.")
    return DONE


@app.command("list")
def list_counts() -> int:
    """Every count, the newest first, and where it stands."""
    counts = _counts()
    for session in counts.sessions():
        said = "closed" if session.closed else str(counts.progress(session.id).said)
        print(f"{session.id[:8]} {session.sample}: {session.protocol.title}. {said}")
    return DONE


@app.command("progress")
def progress(count: Which) -> int:
    """Where a count stands, and its fields in the order in which they are read."""
    counts = _counts()
    session = _named(counts, count)
    print(counts.progress(session.id).said)
    for field in counts.fields(session.id):
        print(_line(field))
    return DONE


@app.command("next")
def next_field(count: Which, author: By) -> int:
    """The field that is read next."""
    counts = _counts()
    field = counts.next_field(_named(counts, count).id, author)
    print(_line(field) if field else "No field is left to be read.")
    return DONE


@app.command("fill")
def fill(
    count: Which,
    pairs: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="What the protocol asks for; no value empties it.")],
    author: By,
    replicate: Annotated[int | None, typer.Option(metavar="N", help="Of this replicate.")] = None,
    image: Annotated[str | None, typer.Option(metavar="NAME", help="Of this field: its image's name, or its sha256.")] = None,
) -> int:
    """Fill in what the sheet needs besides the marks."""
    counts = _counts()
    session = _named(counts, count)
    sha256 = _field(counts, session, image).sha256 if image else None
    for name, found, value in (pair.partition("=") for pair in pairs):
        if not found:
            raise BadSetting("Fill in with NAME=VALUE, such as 'dilution factor=2'.")
        counts.fill(session.id, name, value, replicate, sha256, reader=author)
    return DONE


@app.command("withdraw")
def withdraw(
    count: Which,
    image: Annotated[str, typer.Argument(help="The field: its image's name, or its sha256.")],
    author: By,
    why: Why = "",
) -> int:
    """Leave a field out, with a reason that stands on the sheet."""
    counts = _counts()
    session = _named(counts, count)
    counts.withdraw(session.id, _field(counts, session, image).sha256, why, author)
    return DONE


@app.command("reopen")
def reopen(count: Which, author: By, why: Why = "") -> int:
    """Go on with a count that is closed."""
    counts = _counts()
    counts.reopen(_named(counts, count).id, author, why)
    return DONE


@app.command("sheet")
def sheet(count: Which, out: Out = None, language: Language = "en") -> int:
    """The result as it is now, a draft."""
    counts, write = _counts(), writer(out, language)
    made = counts.sheet(_named(counts, count).id)
    print("\n".join(page(made)))
    write(made)
    return DONE


@app.command("sign")
def sign(
    count: Which,
    author: By,
    why: Why = "",
    amend: Annotated[bool, typer.Option("--amend", help="In place of the signed one.")] = False,
    out: Out = None,
    language: Language = "en",
) -> int:
    """Keep the sheet as final, or amended with a reason; the earlier ones are kept."""
    from pdc.counting.sheet import as_kept

    counts, write = _counts(), writer(out, language)
    kept = counts.sign(_named(counts, count).id, "amended" if amend else "final", author, why)
    made = as_kept(kept.text)
    print("\n".join(page(made)))
    write(made)
    return DONE


def _counts() -> CountSessions:
    from pdc.compose import images_of, open_store
    from pdc.review.counting.sessions import CountSessions
    from pdc.settings import Settings

    settings = Settings.from_env()
    return CountSessions(open_store(settings), settings.home, files=images_of(settings))


def _named(counts: CountSessions, word: str) -> CountSession:
    found = [s for s in counts.sessions() if word and (s.sample == word or s.id.startswith(word))]
    if not found:
        raise NotFound("There is no count {word}; `pdc count list` shows them.", word=repr(word))
    if len(found) > 1:
        raise BadSetting("{n} counts are called {word}: {ids}. Use an id.", n=len(found), word=repr(word), ids=_ids(found))
    return found[0]


def _ids(sessions: Sequence[CountSession]) -> str:
    return ", ".join(s.id[:8] for s in sessions)


def _field(counts: CountSessions, session: CountSession, word: str) -> CountField:
    found = [f for f in counts.fields(session.id) if word in (f.name, f.sha256)]
    if not found:
        raise NotFound("The count has no field {word}.", word=repr(word))
    if len(found) > 1:
        raise BadSetting("{n} fields are called {word}; use the sha256 of one.", n=len(found), word=repr(word))
    return found[0]


def _line(field: CountField) -> str:
    who = f" by {field.by}" if field.by else ""
    why = f": {field.why}" if field.why else ""
    blind = ", blind" if field.blind else ""
    return f"replicate {field.replicate}, field {field.place}: {field.name}, {field.state}{who}{why}{blind}"
