"""`python -m finetune sets add`, `list`, `remove`, `measure` and `looks`: named test sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finetune.cli.options import Place, settings_of
from finetune.cli.registry import user
from pdc.cli.entry import DONE
from pdc.cli.options import spelled_out
from pdc.cli.progress import shown
from pdc.domain.errors import BadSetting
from pdc.training.test_sets import MARGIN, TestSet, TestSets

if TYPE_CHECKING:
    from pdc.formats.test_set_files import Added

app = typer.Typer(help="Named test sets: images from elsewhere that every adapter is measured on.")
SetName = Annotated[str, typer.Argument(metavar="NAME", help="What the set is called.")]
NAMED = 3


@dataclass(frozen=True, slots=True)
class AddOptions:
    """What the set is made of."""

    name: SetName
    path: Annotated[
        Path, typer.Argument(help="Folder, zip, or annotation file with its images around it; any format of `import`.")
    ]
    labels: Annotated[
        list[str] | None, typer.Option("--labels", "--label", metavar="LABEL", help="Only these categories (default: all).")
    ] = None
    locked: Annotated[bool, typer.Option("--locked", help="To be looked at at most once a release; `train` leaves it alone.")] = (
        False
    )
    apart: Annotated[bool, typer.Option("--apart", help="Leave out images that training is shown, and near copies of them.")] = (
        False
    )
    complete: Annotated[bool, typer.Option("--complete", help="What an image does not draw is not there.")] = False
    format: Annotated[str | None, typer.Option(help="Default: by what the file or folder looks like.")] = None
    notes: Annotated[str, typer.Option(help="Where it comes from, how it was annotated.")] = ""
    margin: Annotated[float, typer.Option(metavar="SHARE", help="Of the score: what an adapter may lose on it.")] = MARGIN


def add(place: Place, options: AddOptions) -> int:
    """Keep annotated images as a set."""
    from pdc.compose import images_of, open_store
    from pdc.formats.test_set_files import Wanted, add_test_set
    from pdc.training.dataset_export import likenesses_to_learn_from

    settings = settings_of(place)
    if not 0 <= options.margin < 1:
        raise BadSetting("--margin is {value}; it needs a share from 0 up to 1.", value=options.margin)
    learnt = likenesses_to_learn_from(open_store(settings), images_of(settings))
    given = (options.name, options.path, options.labels or (), options.format, options.complete, options.locked)
    wanted = Wanted(*given, options.apart, options.notes, options.margin, settings.max_megapixels)
    with shown() as progress:
        added = add_test_set(TestSets(settings.home), wanted, learnt, user(), progress)
    print(*_told(added), sep="\n")
    return DONE


def _told(added: Added) -> list[str]:
    kept = added.kept
    lines = [f"{kept.name}: {kept.images} images with {_objects(kept)}; digest {kept.digest[:12]}."]
    lines += [kept.left_out] if kept.left_out else []
    if added.shown:
        names = ", ".join(sha256[:12] for sha256 in added.shown[:NAMED])
        shown = f"{len(added.shown)} of its images are in reviews that training learns from, or near copies of such ({names})"
        hint = "they were left out." if added.apart else "so nothing can be measured on it. `--apart` leaves them out."
        lines.append(f"{shown}; {hint}")
    return lines


def _objects(kept: TestSet) -> str:
    return ", ".join(f"{n} {label}" for label, n in kept.labels.items())


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Which sets are listed."""

    every: Annotated[bool, typer.Option("--all", help="Retired ones too.")] = False


def list_sets(place: Place, options: ListOptions) -> int:
    """The sets, their images and objects, and who added them."""
    from finetune.evaluate.tables import align_columns

    sets = TestSets(settings_of(place).home)
    found = sets.every() if options.every else sets.all()
    if not found:
        print("There is no test set yet; `python -m finetune sets add NAME PATH` makes one.")
        return DONE
    head = ("name", "images", "objects", "locked", "digest", "from", "added", "retired")
    print(align_columns([head, *map(_line, found)]))
    return DONE


def _line(one: TestSet) -> tuple[str, ...]:
    locked, added = "yes" if one.locked else "no", f"{one.added_by}, {one.added_at[:10]}"
    return one.name, str(one.images), _objects(one), locked, one.digest[:12], one.source, added, one.retired or "-"


@dataclass(frozen=True, slots=True)
class RemoveOptions:
    """Which set is retired, and why."""

    name: SetName
    reason: Annotated[str, typer.Option(help="Why; kept with the set.")] = "not used any more"


def remove(place: Place, options: RemoveOptions) -> int:
    """Measure on a set no more. Its files and what was measured stay, and its name stays taken."""
    TestSets(settings_of(place).home).retire(options.name, user(), options.reason)
    print(f"{options.name} is retired; nothing was deleted.")
    return DONE


def looks(place: Place) -> int:
    """Every look at a locked set: who, when, at which adapter, in which release, and why."""
    from finetune.evaluate.tables import align_columns
    from pdc.compose import open_store

    found = open_store(settings_of(place)).looks()
    head = ("when", "set", "release", "adapter", "by", "forced", "reason")
    rows = [
        (f"{k.at:%Y-%m-%d %H:%M}", k.test_set, k.release, k.adapter or "the base", k.by, "yes" if k.forced else "no", k.reason)
        for k in found
    ]
    print(align_columns([head, *rows]) if rows else "No locked set was looked at yet.")
    return DONE


app.command("add")(spelled_out(add))
app.command("list")(spelled_out(list_sets))
app.command("remove")(spelled_out(remove))
app.command("looks")(spelled_out(looks))
