"""The pages in the reader's language: a dictionary in assets/words for each, whose keys are the English texts.

Every look-up is of a whole text; what is filled in, such as {name}, goes in afterwards. What the server says (`Message`) is
translated here when it leaves, what the scripts say in the browser (`t` in words.js), and Gradio looks up the words of its
own components there too (`word`). A test finds every text without its translation, and every translation without its text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from html import escape
from pathlib import PurePath
from typing import Any

import gradio as gr
from gradio.context import LocalContext
from gradio.i18n import I18nData

from pdc.domain.message import Message
from pdc.settings import ASSETS

FOLDER = ASSETS / "words"
_TAKEN_UP = {ord(c): f"\\u{ord(c):04x}" for c in "'`$<>&{}"}
# A line of the server's, as a template; what it says is never markup. Not {{value}}: Gradio would run a ${...} in it as script.
LINE = "<p role='status'>${new XMLSerializer().serializeToString(document.createTextNode(value))}</p>"


def template_sentence(english: str) -> str:
    """A fixed sentence inside an `html_template`."""
    return f"${{{sentence_expression(english)}}}"


def sentence_expression(english: str) -> str:
    """The sentence as markup, as an expression of JavaScript: chosen in the browser, for the template is every reader's."""
    return _chosen(english, escape)


def text_expression(english: str) -> str:
    """The sentence as plain text, likewise."""
    return _chosen(english, str)


def _chosen(english: str, written: Callable[[str], str]) -> str:
    own = (f"'{lang}': {_literal(written(words[english]))}" for lang, words in dictionaries().items() if english in words)
    return f"({{ {', '.join(own)} }}[(navigator.language || 'en').slice(0, 2)] || {_literal(written(english))})"


def _literal(text: str) -> str:
    """The text as a literal of JavaScript in single quotes, with nothing in it that a template or markup could take up."""
    escaped = json.dumps(text)[1:-1].replace('\\"', "\\u0022")
    return f"'{escaped.translate(_TAKEN_UP)}'"


@cache
def dictionaries() -> dict[str, dict[str, str]]:
    """Language (as in "de") -> English -> the same in that language."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}


@cache
def i18n() -> gr.I18n:
    """For mounting: what `word` refers to."""
    own = {language: {_key(k): v for k, v in words.items() if "{" not in k} for language, words in dictionaries().items()}
    return gr.I18n(en={_key(k): k for words in dictionaries().values() for k in words if "{" not in k}, **own)


def word(english: str) -> I18nData:
    """A label or a button's text, in the language of whoever looks at it."""
    return i18n()(_key(english))


def language_of(request: Any) -> str:
    """The language that the browser of a request, of Gradio's or Starlette's, asks for first, as in "de"; "en" without one."""
    return (getattr(request, "headers", {}).get("accept-language") or "en")[:2]


def language_now() -> str:
    """The language of the reader whose event this thread or task handles."""
    return language_of(LocalContext.request.get(None))


def in_language(said: Any, language: str) -> Any:
    """A Message in that language; what has no translation stays English, and anything else as it is. Of a place on the server
    only the last part is told: the rest is for the log."""
    if not isinstance(said, Message):
        return said
    text = dictionaries().get(language, {}).get(said.text, said.text)
    fields = {name: _told(in_language(f, language)) for name, f in said.fields.items()}
    return text.format(**fields) if fields else text


def _told(field: Any) -> Any:
    place = isinstance(field, (str, PurePath)) and PurePath(field)
    return place.name or "/" if place and place.is_absolute() else field


def translated(value: Any, language: str | None = None) -> Any:
    """What a handler returns, with each Message in the reader's language: however deep in it, but for lists in a component's
    value, which may be long."""
    language = language or language_now()
    if type(value) in (tuple, list):
        return type(value)(translated(v, language) for v in value)
    if type(value) is dict:
        update = "__type__" in value
        return {k: translated(v, language) if update or type(v) is dict else in_language(v, language) for k, v in value.items()}
    return in_language(value, language)


def _key(english: str) -> str:
    """Gradio takes dots in a key for a path."""
    return english.replace(".", "․")
