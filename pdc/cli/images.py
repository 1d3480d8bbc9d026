"""`pdc images`: retire an image that does not belong in the store, and bring it back; hold one back from exports."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.entry import DONE, account_name

if TYPE_CHECKING:
    from pdc.domain.values import Image
    from pdc.store import Store
    from pdc.store.records import Event

app = typer.Typer(help="Retire images that do not belong in the store, and bring them back; hold images back from exports.")
WORDS = {"held_back": "held back"}
SHORTEST = 6  # characters of a sha256 that name an image

Names = Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Its name, or the start of its sha256.")]
By = Annotated[str, typer.Option(help="Who decides (default: who is logged in on this computer).")]


@app.command("list")
def list_images(
    retired: Annotated[bool, typer.Option("--retired", help="Only those that are retired.")] = False,
    history: Annotated[bool, typer.Option("--history", help="Everything that was decided instead.")] = False,
    held: Annotated[bool, typer.Option("--held", help="Only those that are held back from exports.")] = False,
) -> int:
    """Every image; of a retired one, or one held back, also who decided that, when and why."""
    store = _store()
    images, gone, kept = {i.sha256: i for i in store.every_image()}, store.retired(), store.held_back()
    last = {e.image_sha256: e for e in store.holds() if e.image_sha256 in kept}
    now = [*(() if held else gone.values()), *(() if retired else last.values())]
    decided = [*store.retirements(), *store.holds()] if history else now
    events = {sha: [e for e in decided if e.image_sha256 == sha] for sha in images}
    for sha, image in images.items():
        lines = [_told(e) for e in sorted(events[sha], key=lambda e: e.at)]
        for line in lines or ([] if retired or history or held else [""]):
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


@app.command("hold-back")
def hold_back(images: Names, why: Annotated[str, typer.Option(help="Why; it is kept in the history.")] = "", by: By = "") -> int:
    """Leave images out of every export from now on. Training on this computer goes on."""
    from pdc.store.records import EventKind

    store = _store()
    held = store.held_back()
    return _decide(store, images, lambda i: i.sha256 not in held, EventKind.HELD_BACK, by, why)


@app.command("release")
def release(images: Names, by: By = "") -> int:
    """Let exports hold these images again."""
    from pdc.store.records import EventKind

    store = _store()
    held = store.held_back()
    return _decide(store, images, lambda i: i.sha256 in held, EventKind.RELEASED, by, "")


def _told(event: Event) -> str:
    why = f": {event.note}" if event.note else ""
    return f"{WORDS.get(event.kind, event.kind)} by {event.by} on {event.at:%Y-%m-%d %H:%M} UTC{why}"


def _store() -> Store:
    from pdc.compose import open_store
    from pdc.settings import Settings

    return open_store(Settings.from_env())


def _decide(store: Store, names: list[str], fits: Callable[[Image], bool], kind: str, by: str, why: str) -> int:
    from pdc.store.records import EventKind

    chosen = [_named(store, name, fits) for name in names]
    store.add_events([i.sha256 for i in chosen], EventKind(kind), by=by or account_name(), note=why)
    for image in chosen:
        print(f"{WORDS.get(EventKind(kind), kind)} {image.name} ({image.sha256[:12]})")
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
