"""`pdc images`: retire an image that does not belong in the store, and bring it back."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.entry import DONE

if TYPE_CHECKING:
    from pdc.domain.values import Image
    from pdc.store import Store

app = typer.Typer(help="Retire images that do not belong in the store, and bring them back.")
SHORTEST = 6  # characters of a sha256 that name an image

Names = Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Its name, or the start of its sha256.")]
By = Annotated[str, typer.Option(help="Who decides (default: who is logged in on this computer).")]


@app.command("list")
def list_images(
    retired: Annotated[bool, typer.Option("--retired", help="Only those that are retired.")] = False,
    history: Annotated[bool, typer.Option("--history", help="Every retirement and restoration instead.")] = False,
) -> int:
    """Every image; of a retired one also who retired it, when and why."""
    store = _store()
    images, gone = {i.sha256: i for i in store.every_image()}, store.retired()
    events = {sha: [e] for sha, e in gone.items()}
    if history:
        events = {sha: [e for e in store.retirements() if e.image_sha256 == sha] for sha in images}
    for sha, image in images.items():
        lines = [f"{e.kind} by {e.by} on {e.at:%Y-%m-%d %H:%M} UTC{f': {e.note}' if e.note else ''}" for e in events.get(sha, ())]
        for line in lines or ([] if retired or history else [""]):
            print(f"{sha[:12]}  {image.name}  {line}".rstrip())
    return DONE


@app.command("retire")
def retire(images: Names, why: Annotated[str, typer.Option(help="Why; it is kept in the history.")] = "", by: By = "") -> int:
    """Take images out of lists, exports and training. Nothing is erased."""
    from pdc.store.records import EventKind

    store = _store()
    gone = store.retired()
    return _decide(store, images, lambda i: i.sha256 not in gone, EventKind.RETIRED, by, why)


@app.command("restore")
def restore(images: Names, by: By = "") -> int:
    """Bring retired images back."""
    from pdc.store.records import EventKind

    store = _store()
    gone = store.retired()
    return _decide(store, images, lambda i: i.sha256 in gone, EventKind.RESTORED, by, "")


def _store() -> Store:
    from pdc.compose import open_store
    from pdc.settings import Settings

    return open_store(Settings.from_env())


def _decide(store: Store, names: list[str], fits: Callable[[Image], bool], kind: str, by: str, why: str) -> int:
    from pdc.store.records import EventKind

    chosen = [_named(store, name, fits) for name in names]
    store.add_events([i.sha256 for i in chosen], EventKind(kind), by=by or getpass.getuser(), note=why)
    for image in chosen:
        print(f"{kind} {image.name} ({image.sha256[:12]})")
    return DONE


def _named(store: Store, name: str, fits: Callable[[Image], bool]) -> Image:
    """The one image of that name or sha256. NotFound where there is none, BadSetting where there are several."""
    from pdc.domain.errors import BadSetting, NotFound

    known = store.every_image()
    found = [i for i in known if i.name == name] or [i for i in known if len(name) >= SHORTEST and i.sha256.startswith(name)]
    if not found:
        raise NotFound(f"There is no image {name!r}; `python -m pdc images list` shows those there are.")
    fitting = [i for i in found if fits(i)]
    if len(fitting) > 1:
        raise BadSetting(f"{len(fitting)} images are called {name!r}; name one by the start of its sha256: {_listed(fitting)}.")
    if not fitting:
        raise BadSetting(f"Nothing to do: {name!r} is in that state already.")
    return fitting[0]


def _listed(images: list[Image]) -> str:
    return ", ".join(i.sha256[:12] for i in images)
