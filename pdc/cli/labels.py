"""`pdc labels`: the label dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.entry import DONE, account_name

if TYPE_CHECKING:
    from pdc.review.labels import LabelLine, Labels

WORDS_SHOWN = 6
app = typer.Typer(help="The label dictionary: what labels there are, and by which words they are found.")
Name = Annotated[str, typer.Argument(help="The label, or another word for it.")]
By = Annotated[str, typer.Option("--author", help="Who does it, for the history.", default_factory=account_name)]


@app.command("list")
def list_labels(every: Annotated[bool, typer.Option("--all", help="Retired labels too.")] = False) -> int:
    """Every label: whether the model knows it, how many images were reviewed for it, and words that find it."""
    _print_table([line for line in _labels().lines() if every or not line.retired])
    return DONE


@app.command("add")
def add(name: Annotated[str, typer.Argument(help="Its name.")], author: By) -> int:
    """Make a new label; of a spelling of one that is there, say which."""
    label = _labels().add(name, author)
    print(f"{label} is a label now." if label == name.strip() else f"{name} is another word for {label}.")
    return DONE


@app.command("rename")
def rename(label: Name, to: Annotated[str, typer.Argument(help="Its new name.")], author: By) -> int:
    """Call a label otherwise from now on, also in what was saved before."""
    labels = _labels()
    labels.rename(old := labels.named(label), to, author)
    print(f"{old} is called {to} now; the model is still asked in the words it was taught.")
    return DONE


@app.command("merge")
def merge(label: Name, into: Annotated[str, typer.Argument(help="The label that stays.")], author: By) -> int:
    """Count what was found as one label as another from now on; every mark stays, and `restore` parts them again."""
    labels = _labels()
    old, kept = labels.named(label), labels.named(into)
    labels.merge(old, kept, author)
    print(f"{old} counts as {kept} now.")
    return DONE


@app.command("retire")
def retire(label: Name, author: By) -> int:
    """Offer a label no more; what was saved stays."""
    labels = _labels()
    labels.retire(old := labels.named(label), author)
    print(f"{old} is not offered any more.")
    return DONE


@app.command("restore")
def restore(label: Annotated[str, typer.Argument(help="The label that was retired or merged.")], author: By) -> int:
    """Offer a retired label again, or part a merged one from the other."""
    _labels().restore(label, author)
    print(f"{label} is a label again.")
    return DONE


@app.command("synonym")
def synonym(
    label: Name,
    word: Annotated[str, typer.Argument(help="Another word for it.")],
    author: By,
    remove: Annotated[bool, typer.Option("--remove", help="Take the word away again.")] = False,
) -> int:
    """Find a label by another word too."""
    labels = _labels()
    name = labels.named(label)
    (labels.remove_synonym if remove else labels.add_synonym)(name, word, author)
    print(f"{word} {'no longer finds' if remove else 'finds'} {name}.")
    return DONE


@app.command("history")
def history() -> int:
    """Who changed what, oldest first."""
    from pdc.review.labels import told

    for event in _labels().history():
        print(f"{event.at.astimezone():%Y-%m-%d %H:%M}  {told(event)}")
    return DONE


def _labels() -> Labels:
    from pdc.compose import open_store, predictor_of
    from pdc.review.labels import Labels
    from pdc.settings import Settings

    settings = Settings.from_env()
    store = open_store(settings)
    return Labels(store, lambda: predictor_of(settings, store).labels)


def _print_table(lines: list[LabelLine]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("label", "the model knows it", "images reviewed", "other words", box=SIMPLE)
    for line in lines:
        known = {True: "yes", False: "no", None: "it does not say"}[line.known]
        name = f"{line.name} (retired)" if line.retired else line.name
        table.add_row(*map(Text, (name, known, str(line.used), _some(line.words[1:]))))
    Console(highlight=False).print(table)


def _some(words: Sequence[str]) -> str:
    rest = len(words) - WORDS_SHOWN
    return ", ".join(words[:WORDS_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
