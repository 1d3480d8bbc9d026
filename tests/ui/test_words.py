"""Every word of the interface has its German, with the same places to fill in."""

from __future__ import annotations

import re

import pytest

from pdc.ui.annotator import ASSETS, SCRIPTS
from pdc.ui.words import dictionaries, i18n

PANELS = ("worklist", "rows", "upload", "tour")
FILES = [*(ASSETS / "annotator" / f"{name}.js" for name in SCRIPTS), *(ASSETS / f"{name}.js" for name in PANELS)]
ASKED = re.compile(r'\bt\("((?:[^"\\]|\\.)+)"')
SHOWN = re.compile(r'(?:button\("\w+", |title: |"aria-label": |placeholder: )"([^"]+)"')


def places(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


def test_both_languages_have_the_same_places_to_fill_in():
    for language, words in dictionaries().items():
        assert not [english for english, own in words.items() if set(places(english)) != set(places(own))], language


@pytest.mark.parametrize("pattern", [ASKED, SHOWN], ids=["asked", "shown"])
def test_what_the_scripts_show_is_in_the_dictionary(pattern):
    found = {text for file in FILES for text in pattern.findall(file.read_text("utf-8"))}
    assert len(found) > 20
    assert found - set(dictionaries()["de"]) == set()


def test_gradio_looks_up_words_and_keeps_english_as_it_is():
    told = i18n().translations_dict
    assert told["de"]["Save and next"] == "Speichern und weiter" and told["en"]["Save and next"] == "Save and next"
    assert not [key for key in told["de"] if "." in key]
