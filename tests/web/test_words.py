"""Every word of the interface, and every sentence a reader can meet while reviewing, has its German."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import gradio as gr
import pytest
from desk import Desk
from gradio.context import LocalContext

from pdc.adapters.registry import Adapters
from pdc.domain.errors import BadImage, PdcError
from pdc.domain.message import Message, joined
from pdc.domain.prompts import none_found
from pdc.review.agreement.reports import Reports
from pdc.review.counting.sessions import CountSessions
from pdc.review.examples import examples
from pdc.review.labels import Labels
from pdc.review.reading.reads import Reads
from pdc.settings import ASSETS, Settings
from pdc.training.process import ProcessTrainer
from pdc.training.run_folder import TrainConfig
from pdc.web.ui.agreement.tab import AgreementTab
from pdc.web.ui.app import build_ui
from pdc.web.ui.counting.tab import CountTab
from pdc.web.ui.data_tab import DataTab
from pdc.web.ui.history_tab import HistoryTab
from pdc.web.ui.labels_tab import LabelsTab
from pdc.web.ui.record.panel import RecordPanel
from pdc.web.ui.review_tab import ReviewTab
from pdc.web.ui.screen import show_errors
from pdc.web.ui.study_tab import StudyTab
from pdc.web.ui.training.tab import TrainingTab
from pdc.web.ui.words import FOLDER, dictionaries, i18n, in_language, translated

PDC = FOLDER.parents[1] / "pdc"
PANELS = (
    "worklist",
    "rows",
    "retire",
    "accept",
    "data",
    "import",
    "tables",
    "upload",
    "unfold",
    "zip",
    "drop",
    "welcome",
    "tour",
    "readers",
    "offer",
    "fields",
    "jobs",
)
FOLDERS = ("annotator", "question")
IN_FOLDERS = sorted(path for folder in FOLDERS for path in (ASSETS / folder).glob("*.js"))
EVERY_SCRIPT = [*ASSETS.glob("*.js"), *IN_FOLDERS]
FILES = [*IN_FOLDERS, *(ASSETS / f"{name}.js" for name in PANELS)]
ASKED = re.compile(r'\bt\("((?:[^"\\]|\\.)+)"')
SHOWN = re.compile(r'(?:button\("\w+", |title: |"aria-label": |placeholder: )"([^"]+)"')
HEARD = (  # whatever these say, a reader who uploads, asks, corrects and saves may hear
    "counting/area.py",
    "review/counting/areas.py",
    "web/area_route.py",
    "counting/finding/corners.py",
    "adapters/assessable.py",
    "adapters/failures.py",
    "adapters/false_alarms.py",
    "adapters/golden_images.py",
    "adapters/label_losses.py",
    "adapters/leaks.py",
    "adapters/promotion_gate.py",
    "adapters/registry.py",
    "adapters/saved_work.py",
    "adapters/score_change.py",
    "adapters/suspicions.py",
    "adapters/test_sets.py",
    "jobs/kinds.py",
    "jobs/exporting.py",
    "jobs/importing.py",
    "jobs/predicting.py",
    "jobs/training.py",
    "web/jobs/routes.py",
    "jobs/worker.py",
    "store/jobs/queries.py",
    "review/ahead/pool.py",
    "review/answering.py",
    "review/auto_accept.py",
    "inference/predictors/zoom.py",
    "domain/merge.py",
    "domain/users/roles.py",
    "domain/values.py",
    "domain/doubt.py",
    "web/ui/worklist.py",
    "domain/view.py",
    "domain/certainty/counts.py",
    "domain/agreement/measures.py",
    "review/agreement/draws.py",
    "review/agreement/report.py",
    "web/ui/agreement/page.py",
    "web/ui/agreement/plot.py",
    "web/ui/agreement/control_chart.py",
    "web/ui/agreement/tab.py",
    "web/ui/agreement/twice.py",
    "counting/readers/pairs.py",
    "files.py",
    "review/history.py",
    "review/labels.py",
    "domain/label_changes.py",
    "web/ui/labels_tab.py",
    "images/intake.py",
    "review/prefetch.py",
    "images/colour_profiles.py",
    "images/decode_worker.py",
    "images/decoding.py",
    "images/notes.py",
    "images/other_files.py",
    "images/raw_files.py",
    "images/samples.py",
    "review/questions.py",
    "review/drafts.py",
    "review/examples.py",
    "review/service.py",
    "review/similar/cases.py",
    "review/visibility.py",
    "counting/verdict.py",
    "counting/results.py",
    "counting/readers/power.py",
    "counting/sheet.py",
    "formats/sheets/facts.py",
    "formats/sheets/fields.py",
    "formats/sheets/fhir.py",
    "formats/sheets/html.py",
    "formats/sheets/page.py",
    "web/app.py",
    "web/limits/bodies.py",
    "web/limits/events.py",
    "web/limits/turns.py",
    "web/incoming.py",
    "web/fit_route.py",
    "web/sheet_routes.py",
    "web/import_routes.py",
    "formats/coco.py",
    "formats/contents.py",
    "formats/csv_table.py",
    "formats/import_checks.py",
    "formats/importing.py",
    "formats/label_studio.py",
    "formats/medmultipoints.py",
    "formats/records.py",
    "formats/registry.py",
    "formats/voc.py",
    "formats/yolo.py",
    "formats/shapes/coco_shapes.py",
    "formats/shapes/masks.py",
    "formats/shapes/outlines.py",
    "formats/shapes/regions.py",
    "formats/shapes/voc_shapes.py",
    "formats/sources/names.py",
    "formats/sources/parquet_images.py",
    "formats/sources/yolo_layout.py",
    "formats/tools/cvat.py",
    "formats/tools/drawn.py",
    "formats/tools/hugging_face.py",
    "formats/tools/imagej.py",
    "formats/tools/labelme.py",
    "formats/tools/qupath.py",
    "formats/tools/via.py",
    "formats/exporting.py",
    "formats/outgoing/report.py",
    "review/listing/entries.py",
    "review/worklist.py",
    "store/database.py",
    "store/list_queries.py",
    "store/review_queries.py",
    "store/reading/reads.py",
    "store/reading/signatures.py",
    "review/reading/reads.py",
    "review/reading/lines.py",
    "review/reading/signing.py",
    "web/ui/reading/panel.py",
    "inference/openai/http.py",
    "inference/memory.py",
    "training/dataset_export.py",
    "training/process.py",
    "web/ui/annotator.py",
    "web/ui/counting/field.py",
    "review/counting/desk.py",
    "review/counting/blanks.py",
    "review/counting/choosing.py",
    "review/counting/looking.py",
    "review/counting/sessions.py",
    "review/counting/sheets.py",
    "review/counting/state.py",
    "store/counting/queries.py",
    "counting/protocol.py",
    "web/ui/app.py",
    "counting/progress.py",
    "web/ui/counting/begin.py",
    "web/ui/counting/fields.py",
    "web/ui/counting/filling.py",
    "web/ui/counting/listing.py",
    "web/ui/counting/outcome.py",
    "web/ui/counting/signing.py",
    "web/ui/counting/standing.py",
    "web/ui/counting/tab.py",
    "web/ui/conflict.py",
    "web/ui/history_tab.py",
    "web/ui/review_tab.py",
    "web/ui/screen.py",
    "web/ui/scripts.py",
    "web/ui/sessions.py",
    "web/ui/study_tab.py",
    "web/ui/training/charts.py",
    "web/ui/training/headline.py",
    "web/ui/training/pictures.py",
    "web/ui/training/plain.py",
    "web/ui/training/registry.py",
    "web/ui/training/rows.py",
    "web/ui/training/runs.py",
    "web/ui/training/standing.py",
    "web/ui/training/suspicions.py",
    "web/ui/training/tab.py",
    "web/ui/view.py",
)
SAYING = {
    "Message",
    "note",
    "Refused",
    "word",
    "template_sentence",
    "sentence_expression",
    "text_expression",
}  # and every error of ours
GRADIO = {"Error"}  # what Gradio says by itself
SENTENCE = re.compile(r"^(?!.*%s)[^a-z\s].* .*[.:]$", re.DOTALL)
CHOSEN = re.compile(r'\bt\((?!")([^()]*"[^()]*)\)')  # t(... ? "one text" : "another")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


def places(text: str) -> list[str]:
    return sorted(set(re.findall(r"\{(\w+)\}", text)))


def texts(module: ast.Module) -> dict[str, bool]:
    """Every text in a module, docstrings apart, and whether it is whole; the fields of an f-string stand as a number sign."""
    silent = {id(n.value) for n in ast.walk(module) if isinstance(n, ast.Expr)}
    inner = {id(v) for n in ast.walk(module) if isinstance(n, ast.JoinedStr) for v in ast.walk(n) if v is not n}
    said = {}
    for node in ast.walk(module):
        if id(node) in silent | inner:
            continue
        if isinstance(node, ast.JoinedStr):
            said["".join(str(v.value) if isinstance(v, ast.Constant) else "№" for v in node.values)] = False
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            said[node.value] = True
    return said


def said_in(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The text and the names of the fields of each message or error that a module makes of a text it has itself."""
    module = ast.parse(path.read_text("utf-8"))
    named = {n.targets[0].id: n.value for n in module.body if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)}
    for node in ast.walk(module):
        name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
        if name not in SAYING | errors() or not node.args:
            continue
        text = node.args[0]
        text = named.get(text.id, text) if isinstance(text, ast.Name) else text
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and text.value:
            yield text.value, sorted(k.arg or "**" for k in node.keywords)


def errors(kind: type[Exception] = PdcError) -> set[str]:
    """The names of every error of ours, of those that were loaded."""
    return {kind.__name__}.union(*map(errors, kind.__subclasses__()))


def _read(escaped: str) -> str:
    return json.loads(f'"{escaped}"')


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What Gradio looks up for the components of every tab."""
    folder = tmp_path_factory.mktemp("page")
    desk = Desk(folder)
    review = ReviewTab(desk.service, desk.images, desk.prefetcher)
    trainer, adapters = ProcessTrainer(Settings(home=folder, model="base")), Adapters(desk.store, "base", folder)
    training, history = (
        TrainingTab(trainer, adapters, TrainConfig.for_model("base")),
        HistoryTab(None, review, RecordPanel(desk.service)),
    )
    tabs = {"Review": review, "History": history, "Reading study": StudyTab(desk.service), "Training": training}
    tabs["Count"] = CountTab(CountSessions(desk.store, folder), review)
    tabs["Labels"], tabs["Data"] = LabelsTab(Labels(desk.store)), DataTab()
    tabs["Agreement"] = AgreementTab(Reports(Reads(desk.store)))
    shown = json.dumps(build_ui(tabs).get_config_file(), default=str)
    return {_read(_read(key)) for key in re.findall(r'__i18n__\{.*?\\"key\\": \\"(.+?)\\"\}', shown)}


def used(labels: set[str]) -> Iterator[str]:
    """Every text there is in the source of the app."""
    for path in PDC.rglob("*.py"):
        yield from texts(ast.parse(path.read_text("utf-8")))
        yield from (text for text, _ in said_in(path))
    for file in EVERY_SCRIPT:
        yield from map(_read, LITERAL.findall(file.read_text("utf-8")))
    yield from (key.replace("․", ".") for key in labels)
    yield from (words for example in examples() for words in (example.title, example.about))
    keys = (ASSETS / "annotator" / "keys.js").read_text("utf-8")
    yield from (key for named in LITERAL.findall(keys) for key in named.split())  # such as "Shift A"


def test_both_languages_have_the_same_fields():
    for language, words in dictionaries().items():
        assert not [english for english, own in words.items() if places(english) != places(own)], language


def test_no_translation_is_left_over(labels):
    assert set(dictionaries()["de"]) - set(used(labels)) - GRADIO == set()


@pytest.mark.parametrize("pattern", [ASKED, SHOWN], ids=["asked", "shown"])
def test_what_the_scripts_show_is_in_the_dictionary(pattern):
    found = {text for file in FILES for text in pattern.findall(file.read_text("utf-8"))}
    assert len(found) > 20
    assert found - set(dictionaries()["de"]) == set()


def test_what_the_scripts_choose_between_is_in_the_dictionary():
    chosen = [c for file in FILES for c in CHOSEN.findall(file.read_text("utf-8"))]
    found = {text for c in chosen for text in LITERAL.findall(re.sub(r'===? "\w*"', "", c)) if text}
    assert len(found) > 8
    assert found - set(dictionaries()["de"]) == set()


@pytest.mark.parametrize("module", HEARD)
def test_every_sentence_a_reader_may_hear_has_its_german(module):
    german = dictionaries()["de"]
    said = texts(ast.parse((PDC / module).read_text("utf-8")))
    assert [text for text, whole in said.items() if SENTENCE.match(text) and not (whole and text in german)] == []
    assert [text for text, _ in said_in(PDC / module) if text not in german] == []


@pytest.mark.parametrize("module", HEARD)
def test_every_message_is_given_the_fields_that_it_names(module):
    assert [(text, fields) for text, fields in said_in(PDC / module) if fields != places(text)] == []


def test_every_label_of_the_page_has_its_german(labels):
    assert len(labels) > 30 and labels <= set(i18n().translations_dict["de"])


def test_gradio_looks_up_words_and_keeps_english_as_it_is():
    told = i18n().translations_dict
    assert told["de"]["Save and next"] == "Speichern und weiter" and told["en"]["Save and next"] == "Save and next"
    assert not [key for key in told["de"] if "." in key]


def test_a_message_reads_as_english_and_keeps_its_fields_apart():
    said = Message("There is no example {name}.", name="{id}")
    assert said == "There is no example {id}." and (said.text, said.fields) == ("There is no example {name}.", {"name": "{id}"})
    assert in_language(said, "de") == "Es gibt kein Beispiel {id}." and in_language(said, "fr") == said
    again = deepcopy(said)
    assert again == said and in_language(again, "de") == in_language(said, "de")


def test_an_error_has_its_sentence_as_a_message():
    error = BadImage("The image took longer than {n} s to decode; save it as a plain PNG and try again.", n=5)
    assert str(error) == "The image took longer than 5 s to decode; save it as a plain PNG and try again."
    assert in_language(error.message, "de").startswith("Das Bild ließ sich nicht in 5 s lesen;")
    assert str(PdcError("A library said {this}.")) == "A library said {this}."


def test_a_message_deep_in_a_components_value_is_translated_too():
    value = {"marks": [], "counting": {"said": {"short": Message("go on with the next field.")}}}
    assert translated(value, "de")["counting"]["said"]["short"] == "weiter mit dem nächsten Feld."


def test_messages_stand_beside_each_other_and_inside_each_other():
    said = joined([Message("Looked closer: {n} more found.", n=0), "", none_found(["red blood cell", "nucleus", "polyp"])])
    assert said == "Looked closer: 0 more found. No red blood cell, nucleus or polyp found."
    german = "Genauer hingesehen: 0 mehr gefunden. Nicht gefunden: red blood cell, nucleus oder polyp."
    assert in_language(said, "de") == german
    loud = Message("NOT SAVED: {error} What you marked is still on this screen; keep it open.", error=said)
    assert in_language(loud, "de").startswith(f"NICHT GESPEICHERT: {german} Was Sie")


def test_data_that_reads_like_a_word_of_ours_is_not_translated():
    told = joined([Message("Revision {n}", n=3), Message("accepted"), "accepted", "No polyp found."], " · ")
    assert in_language(told, "de") == "Fassung 3 · angenommen · accepted · No polyp found."


class Asked:
    def __init__(self, language: str) -> None:
        self.headers = {"accept-language": language}


@pytest.fixture
def german() -> Iterator[None]:
    """As Gradio runs a handler for a German browser."""
    token = LocalContext.request.set(Asked("de-AT,de;q=0.9"))
    yield
    LocalContext.request.reset(token)


def test_what_a_handler_returns_or_refuses_is_in_the_language_of_its_reader(german):
    saved = Message("Saved, revision {n}, {time}.", n=2, time="10:00")
    update = gr.update(choices=[(Message("no adapter"), "a")])
    node = ["p", {"aria-label": Message("Conflict")}, saved, "Saved"]
    told = show_errors(lambda: (saved, update, node))()
    assert told[0] == "Gespeichert, Fassung 2, 10:00." and told[1]["choices"] == [("ohne Adapter", "a")]
    assert told[2] == ["p", {"aria-label": "Konflikt"}, told[0], "Saved"]

    def refuse() -> None:
        raise BadImage("The file is empty; choose another.")

    with pytest.raises(gr.Error) as refused:
        show_errors(refuse)()
    assert (refused.value.message, refused.value.title) == ("Die Datei ist leer; wählen Sie eine andere.", "Das ging nicht")


def test_a_handler_says_english_where_nobody_asks_for_german():
    assert translated((Message("blind"), None, 3)) == ("blind", None, 3)
