"""The browser's scripts (assets/**/*.js) and styles: ES modules from a route of our own, which import each other.

A component's `js_on_load` imports main.js and calls a function that it exports (`on_load`). The address changes with what the
scripts say: browsers may keep them, and still see an upgrade. It is relative to the page, wherever that is mounted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache

from fastapi import FastAPI, Response

from pdc.domain.errors import NotFound
from pdc.domain.matching import EDITOR, EDITOR_SHARE, EDITOR_SIZE
from pdc.settings import ASSETS
from pdc.web.ui.words import dictionaries, text_expression

STYLES = (
    "theme.css",
    "annotator.css",
    "frame.css",
    "area.css",
    "differential.css",
    "worklist.css",
    "question.css",
    "view.css",
    "data.css",
    "count.css",
    "touch.css",
)
HEADERS = {"Cache-Control": "private, max-age=31536000, immutable"}
NOT_LOADED = "The page's scripts did not load. Your saved work is safe: reload the page."
OLD_PAGE = "There is no script {name}: this page is older than the server. Reload the page."


@cache
def files() -> dict[str, bytes]:
    """What is served: path, as in "annotator/doc.js" or "page/de.json" -> its bytes."""
    modules = {path.relative_to(ASSETS).as_posix(): path.read_bytes() for path in sorted(ASSETS.rglob("*.js"))}
    pages = {f"page/{language}.json": page(language) for language in ("en", *dictionaries())}
    return {**modules, **{name: json.dumps(said).encode() for name, said in pages.items()}}


def page(language: str) -> dict[str, object]:
    """What page.js asks for: the words of a language, and when two marks look like one object."""
    same = {"iou": EDITOR.iou, "distance": EDITOR.distance, "share": EDITOR_SHARE, "size": EDITOR_SIZE}
    return {"language": language, "words": dictionaries().get(language, {}), "same": same}


@cache
def version() -> str:
    """Of all files: another one whenever any of them says something else."""
    whole = hashlib.sha256()
    for name, body in files().items():
        whole.update(f"{name} {len(body)}\n".encode() + body)
    return whole.hexdigest()[:12]


def add_routes(app: FastAPI) -> None:
    """Serve the scripts of this version; those of another one are not here."""

    @app.get("/scripts/{asked}/{name:path}")
    def script(asked: str, name: str) -> Response:
        """A module, or the words of a language; of one that has none they are English."""
        body = files().get("page/en.json" if name.startswith("page/") and name not in files() else name)
        if asked != version() or body is None:
            raise NotFound(OLD_PAGE, name=name)
        return Response(body, media_type="text/javascript" if name.endswith(".js") else "application/json", headers=HEADERS)


def import_expression(name: str = "main.js") -> str:
    """The promise of a module, as an expression of JavaScript that any script of the page can hold."""
    return f"import(new URL('scripts/{version()}/{name}', document.baseURI))"


def on_load(function: str, events: Sequence[str] = ()) -> str:
    """The `js_on_load` of a component: hands it to that function of main.js. Gradio finds the names of its events in here."""
    return f"""
const events = {json.dumps(list(events))};
{import_expression()}.then(
  (main) => main.{function}({{ element, props, trigger, watch, events }}),
  (error) => {{
    console.error(error);
    element.textContent = {text_expression(NOT_LOADED)};
  }},
);
"""


@cache
def head_html() -> str:
    """What goes into the page's head (`head=` of launch or mount): the styles, and every script at once, before one asks for the
    next."""
    style = "\n".join((ASSETS / name).read_text("utf-8") for name in STYLES)
    names = (name for name in files() if name.endswith(".js"))
    links = "\n".join(f'<link rel="modulepreload" href="scripts/{version()}/{name}">' for name in names)
    return f'<style>{style}</style>\n{links}\n<script type="module" src="scripts/{version()}/main.js"></script>'
