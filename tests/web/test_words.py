"""Every word of the interface, and every sentence a reader can meet while reviewing, has its German."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from desk import Desk

from pdc.adapters.registry import Adapters
from pdc.domain.prompts import none_found
from pdc.settings import ASSETS, Settings
from pdc.store.database import _MEANINGS
from pdc.training.process import ProcessTrainer
from pdc.training.run_folder import TrainConfig
from pdc.web.ui.annotator import SCRIPTS
from pdc.web.ui.app import build_ui
from pdc.web.ui.history_tab import KINDS, HistoryTab
from pdc.web.ui.review_tab import ReviewTab
from pdc.web.ui.study_tab import HEAD, StudyTab
from pdc.web.ui.training_tab import HEADERS, TrainingTab, standing
from pdc.web.ui.words import FOLDER, _sentences, dictionaries, i18n, line

PDC = FOLDER.parents[1] / "pdc"
PANELS = ("worklist", "rows", "upload", "tour")
FILES = [*(ASSETS / "annotator" / f"{name}.js" for name in SCRIPTS), *(ASSETS / f"{name}.js" for name in PANELS)]
ASKED = re.compile(r'\bt\("((?:[^"\\]|\\.)+)"')
SHOWN = re.compile(r'(?:button\("\w+", |title: |"aria-label": |placeholder: )"([^"]+)"')
HEARD = (  # whatever these say, a reader who uploads, asks, corrects and saves may hear
    "review/answering.py",
    "inference/predictors/zoom.py",
    "domain/merge.py",
    "domain/values.py",
    "files.py",
    "review/history.py",
    "images/intake.py",
    "review/prefetch.py",
    "images/decode_worker.py",
    "review/questions.py",
    "review/service.py",
    "review/visibility.py",
    "web/app.py",
    "review/worklist.py",
    "store/database.py",
    "store/list_queries.py",
    "store/review_queries.py",
    "inference/openai/http.py",
    "web/ui/annotator.py",
    "web/ui/app.py",
    "web/ui/conflict.py",
    "web/ui/history_tab.py",
    "web/ui/review_tab.py",
    "web/ui/screen.py",
    "web/ui/sessions.py",
    "web/ui/study_tab.py",
    "web/ui/training_tab.py",
    "web/ui/view.py",
)
SENTENCE = re.compile(r"^(?!.*%s)[^a-z\s].* .*[.:]$", re.DOTALL)


def places(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


def sentences(path: Path) -> set[str]:
    """What a module says in whole sentences, docstrings apart; what is filled in is a number sign."""
    tree = ast.parse(path.read_text("utf-8"))
    silent = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    inner = {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in ast.walk(n) if v is not n}
    said = set()
    for node in ast.walk(tree):
        if id(node) in silent | inner:
            continue
        if isinstance(node, ast.JoinedStr):
            said.add("".join(v.value if isinstance(v, ast.Constant) else "№" for v in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            said.add(node.value)
    return {text for text in said if SENTENCE.match(text)}


def left_english(text: str) -> str:
    """What remains of a line when everything with a translation is taken out."""
    parts = ("" if part in dictionaries()["de"] else part for part in text.split(" · "))
    left = " ".join(parts)
    for pattern, _ in _sentences("de"):
        left = pattern.sub("", left)
    return " ".join(re.findall(r"[A-Za-z]{2,}", left))


def _read(escaped: str) -> str:
    return json.loads(f'"{escaped}"')


def test_both_languages_have_the_same_places_to_fill_in():
    for language, words in dictionaries().items():
        assert not [english for english, own in words.items() if set(places(english)) != set(places(own))], language


@pytest.mark.parametrize("pattern", [ASKED, SHOWN], ids=["asked", "shown"])
def test_what_the_scripts_show_is_in_the_dictionary(pattern):
    found = {text for file in FILES for text in pattern.findall(file.read_text("utf-8"))}
    assert len(found) > 20
    assert found - set(dictionaries()["de"]) == set()


@pytest.mark.parametrize("module", HEARD)
def test_every_sentence_a_reader_may_hear_has_its_german(module):
    missing = {text: left for text in sentences(PDC / module) if (left := left_english(text))}
    assert missing == {}


def test_every_label_of_the_page_has_its_german(tmp_path):
    desk = Desk(tmp_path)
    review = ReviewTab(desk.service, desk.images, desk.prefetcher)
    trainer, adapters = ProcessTrainer(Settings(home=tmp_path, model="base")), Adapters(desk.store, "base", tmp_path)
    training, history = TrainingTab(trainer, adapters, TrainConfig.for_model("base")), HistoryTab(None, review)
    tabs = {"Review": review, "History": history, "Reading study": StudyTab(desk.service), "Training": training}
    shown = json.dumps(build_ui(tabs).get_config_file(), default=str)
    asked = {_read(_read(key)) for key in re.findall(r'__i18n__\{.*?\\"key\\": \\"(.+?)\\"\}', shown)}
    assert len(asked) > 30 and asked <= set(i18n().translations_dict["de"])


def test_what_a_database_refuses_has_its_german():
    assert [meaning for _, meaning in _MEANINGS if left_english(f"The database № {meaning}")] == []


def test_tables_and_lists_have_their_german():
    told = [f"{kind}: 3" for kind in KINDS] + [standing(None), "Revision 2", "adapter new", "step 3 of at most 9"]
    words = [*HEADERS, *HEAD, *told, "minutes of training left: about 3"]
    assert [word for word in words if left_english(word)] == []


def test_gradio_looks_up_words_and_keeps_english_as_it_is():
    told = i18n().translations_dict
    assert told["de"]["Save and next"] == "Speichern und weiter" and told["en"]["Save and next"] == "Save and next"
    assert not [key for key in told["de"] if "." in key]


def test_a_line_is_translated_part_by_part_and_what_is_unknown_stays():
    assert line("Revision 3 · accepted · maria · 2026-01-01 10:00", "de") == "Fassung 3 · angenommen · maria · 2026-01-01 10:00"
    said = "Looked closer: 0 more found. No polyp found. Answered by tiny, adapter a-1, in 0.5 s."
    german = "Genauer hingesehen: 0 mehr gefunden. Nicht gefunden: polyp. Antwort von tiny, Adapter a-1, in 0.5 s."
    assert line(said, "de") == german
    none = f"{none_found(['red blood cell', 'nucleus', 'polyp'])}."
    assert line(none, "de") == "Nicht gefunden: red blood cell, nucleus oder polyp."
    assert line(said, "fr") == said and line("Nobody said this.", "de") == "Nobody said this."
