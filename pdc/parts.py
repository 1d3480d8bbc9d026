"""Settings -> the parts of the app. Used by app.py and by the command line, so that both serve the same adapter."""

from __future__ import annotations

from functools import partial

from pdc.adapters import Adapters, is_there
from pdc.predictors.local import LocalPredictor, Wanted
from pdc.predictors.remote import RemotePredictor
from pdc.predictors.wire import Wire
from pdc.serving import Serving
from pdc.settings import Settings
from pdc.store.store import Store


def open_store(settings: Settings) -> Store:
    """The database of these settings, created or brought up to date."""
    settings.home.mkdir(parents=True, exist_ok=True)
    return Store.open(settings.url)


def adapters_of(settings: Settings, store: Store) -> Adapters:
    """The registry of adapters of these settings."""
    return Adapters(store, settings.model, settings.home)


def serving(settings: Settings, store: Store) -> Serving:
    """Which adapter answers, by these settings and the registry."""
    adapters = adapters_of(settings, store)
    adapters.ensure_shipped()
    return Serving(settings.base, partial(_wanted, settings, adapters))


def predictor(settings: Settings, store: Store, wanted: Serving | None = None) -> LocalPredictor | RemotePredictor:
    """Who answers by these settings: a server, when one is named, or the model in this process."""
    if not settings.server_url:
        return local_predictor(settings, store, wanted)
    wire = Wire(settings.server_url, settings.server_key, settings.server_seconds)
    return RemotePredictor(wire, settings.model, settings.base, wanted or serving(settings, store), model=settings.server_model)


def local_predictor(settings: Settings, store: Store, wanted: Serving | None = None) -> LocalPredictor:
    """The model of these settings with whatever adapter they want at each question; loads at the first one."""
    return LocalPredictor(partial(_load, settings), wanted or serving(settings, store))


def _load(settings: Settings):
    from pdc.qwen import load

    return load(settings.model, quantization=settings.quantization, device=settings.device)


def _wanted(settings: Settings, adapters: Adapters) -> Wanted:
    """`active` follows the registry, so a promotion serves the next question; else what the setting names, or nothing."""
    if settings.adapter == "none":
        return Wanted()
    if settings.adapter != "active":
        return Wanted(settings.adapter, settings.adapter)
    adapter = adapters.active()
    if adapter is None:
        return Wanted()
    return Wanted(adapter.name, adapter.path) if is_there(adapter) else Wanted(missing=adapter.name)
