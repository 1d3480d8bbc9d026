"""Words in the reader's language: English is the key, and a dictionary in assets/words maps it.

Gradio's own components look their words up in the browser (`word`); our scripts have the same dictionaries (words.js), also
for the lines that the server writes.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import gradio as gr

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "words"

def said(english: str) -> str:
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
    """For mounting: what `word` refers to. Gradio takes dots in a key for a path, so only words without one are in it."""
    own = {language: {k: v for k, v in words.items() if not {".", "{"} & set(k)} for language, words in dictionaries().items()}
    return gr.I18n(en={english: english for words in own.values() for english in words}, **own)


def word(english: str) -> object:
    """A label or a button's text, in the language of whoever looks at it."""
    return i18n()(english)
