"""Words in the reader's language: English is the key, and a dictionary in assets/words maps it.

Gradio's own components look their words up in the browser (`word`); our scripts have the same dictionaries (words.js), also
for the lines that the server writes, messages about errors among them: they are put into the reader's language where they are
shown. Only what a component takes as data is translated here (`line`).
"""

from __future__ import annotations

import json
import re
from functools import cache

import gradio as gr
from gradio.i18n import I18nData

from pdc.settings import ASSETS

FOLDER = ASSETS / "words"
FIELD = re.compile(r"\\{(\w+)\\}")  # in an escaped pattern


def template_sentence(english: str) -> str:
    """A fixed sentence inside an `html_template`."""
    return _line(json.dumps(english).replace('"', "'"))


def _line(expression: str) -> str:
    return f"${{window.PDC && window.PDC.line ? window.PDC.line({expression}) : {expression}}}"


LINE = f"<p role='status'>{_line('value')}</p>"  # a line of the server's, as a template


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


def language_of(request: gr.Request | None) -> str:
    """The language the reader's browser asks for first, as in "de"."""
    return (request.headers.get("accept-language") or "en")[:2] if request else "en"


def line(english: str, language: str) -> str:
    """A line of ours in that language, as words.js does it; what has no translation stays English."""
    return " · ".join(_part(part, language) for part in english.split(" · "))


def _part(english: str, language: str) -> str:
    known = dictionaries().get(language, {})
    if english in known:
        return known[english]
    for pattern, own in _sentences(language):
        english = pattern.sub(lambda found, own=own: re.sub(r"\{(\w+)\}", lambda field: found[field[1]], own), english)
    return english


@cache
def _sentences(language: str) -> list[tuple[re.Pattern[str], str]]:
    """What may stand beside other sentences, or alone with something to fill in at its end."""
    found = []
    for english, own in dictionaries().get(language, {}).items():
        if english[-1] in ".!:":
            found.append((re.compile(_pattern(english)), own))
        elif re.match(r"[A-Za-z].*\}$", english):
            found.append((re.compile(f"^{_pattern(english)}$"), own))
    return found


def _pattern(english: str) -> str:
    named: set[str] = set()

    def field(found: re.Match[str]) -> str:
        name = found[1]
        again = name in named
        named.add(name)
        return f"(?P={name})" if again else f"(?P<{name}>.+?)"

    return FIELD.sub(field, re.escape(english))


def _key(english: str) -> str:
    """Gradio takes dots in a key for a path."""
    return english.replace(".", "․")
