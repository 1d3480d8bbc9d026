"""`pdc serve-model`: a small OpenAI-compatible server over the model of this process."""

from __future__ import annotations

from typing import Annotated

import typer

from pdc.cli.entry import DONE
from pdc.cli.listening import answer_at, bound, url_of
from pdc.cli.progress import say


def serve_model(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
) -> int:
    """Answer other front ends: a small OpenAI-compatible server over this model."""
    from pdc.compose import adapters_of, local_predictor, open_store, routing_of
    from pdc.domain.errors import BadSetting
    from pdc.inference.openai.server import ModelServer
    from pdc.settings import Settings

    settings = Settings.from_env()
    if host not in ("127.0.0.1", "localhost", "::1") and not settings.server_key:
        raise BadSetting("Set PDC_SERVER_KEY before serving other machines; they send it with every question.")
    with bound(host, port, "stop what does, or name another port with --port") as place:
        store = open_store(settings)
        predictor, adapters = local_predictor(settings, store, routing_of(settings, store)), adapters_of(settings, store)
        say("Loading the model, once.")
        predictor.load()
        server = ModelServer(
            predictor,
            settings.base,
            lambda: {a.name: a.path for a in adapters.usable()},
            dictionary=store.dictionary,
            key=settings.server_key,
            max_bytes=settings.max_upload_mb * 2**20 * 3 // 2,
            max_megapixels=settings.max_megapixels,
            max_pixels=settings.max_pixels,
        )
        answer_at(place, server.app(), lambda: say(f"{settings.base} answers at {url_of(host, port)}/v1"))
    return DONE
