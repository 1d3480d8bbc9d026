from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import gradio as gr
import pytest

from pdc.adapters.registry import Adapters
from pdc.domain.errors import BadModel, BadSetting, Forbidden, NotFound
from pdc.domain.users.roles import Role
from pdc.domain.values import Adapter, AdapterStatus, RunStatus
from pdc.files import write_json
from pdc.inference.adapter_folder import lora_layers
from pdc.settings import EMBEDDED_MODEL, Settings
from pdc.store import Store
from pdc.store.records import EditCount
from pdc.training.config import TrainConfig
from pdc.training.process import ProcessTrainer, TrainingProgress
from pdc.training.run_folder import Run
from pdc.web.ui.training.rows import adapter_row
from pdc.web.ui.training.runs import IDLE, log_text, run_line
from pdc.web.ui.training.tab import TrainingTab

SCORE = {"score": 0.61234, "score_name": "F1", "n": 9, "overall": {"f1": {"value": 0.61, "low": 0.5, "high": 0.7}}}
FEWER = {
    "active": {"value": 9.0},
    "candidate": {"value": 4.0},
    "scratch": {"value": 11.0},
    "changes": {"active": {"value": -5.0, "low": -6.0, "high": -4.0}},
}
MARIA = SimpleNamespace(username="maria")


class FolderTrainer(ProcessTrainer):
    """Makes the run folder and starts no process: the tests write what a process would."""

    def _spawn(self, run: Run) -> None:
        run.write_process(2**22 + 1, 1.0)

    def _is_alive(self, run: Run) -> bool:
        return not any((run.folder / end).exists() for end in ("COMPLETE", "FAILED", "STOPPED"))


@pytest.fixture
def store(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'pdc.sqlite3'}")
    yield store
    store.close()


@pytest.fixture
def trainer(tmp_path) -> FolderTrainer:
    return FolderTrainer(Settings(home=tmp_path, model="base"))


SHOWN = "seen sentence bar train stop use keep why pictures status longer loss log table chosen served source"


def built(tab: TrainingTab) -> TrainingTab:
    with gr.Blocks() as demo:
        tab.build(demo)
    return tab


@pytest.fixture
def tab(store, trainer, tmp_path) -> TrainingTab:
    return built(TrainingTab(trainer, Adapters(store, "base", tmp_path), TrainConfig.for_model("base")))


def told(values: tuple) -> SimpleNamespace:
    """What the tab shows, by what shows it."""
    return SimpleNamespace(**dict(zip(SHOWN.split(), values, strict=True)))


def an_adapter(name: str, **changes) -> Adapter:
    values = Adapter(name, "base", "/nowhere", AdapterStatus.CANDIDATE, None, "compact-1", {}, datetime.now(UTC))
    return replace(values, **changes)


def cells(table) -> list[list[str]]:
    """What a table on the page says, row by row."""
    _, _, _, (_, _, *rows) = table
    return [[cell for _, _, cell in row[2:]] for row in rows]


def run_of(trainer: FolderTrainer) -> Run:
    return Run.open(trainer.runs, trainer.latest())


def test_the_tab_builds(tab):
    with gr.Blocks() as demo:
        tab.build(demo)
    names = " ".join(str(b.value) for b in demo.blocks.values() if isinstance(b, gr.Button))
    for name in ("Train", "Stop", "Use it", "Keep the old one", "Why", "Train longer", "Use this one"):
        assert f'"{name}"' in names
    assert any(isinstance(b, gr.Timer) for b in demo.blocks.values()) and tab.details.open is False


def test_before_anything_was_trained_nothing_empty_is_shown(tab):
    shown = told(tab.look())
    assert (shown.status, shown.chosen["choices"]) == (IDLE, []) and "No adapter yet" in str(shown.table)
    assert [part["visible"] for part in (shown.bar, shown.loss, shown.log)] == [False] * 3
    assert shown.longer["interactive"] is False


def test_a_training_leaves_out_the_readers_that_were_chosen(tab, trainer):
    tab.start(2.5, "none", True, ["eve", "anna, imported from smears.zip"])
    assert run_of(trainer).config.without_readers == ("eve", "anna, imported from smears.zip")


def test_start_writes_what_was_chosen(tab, trainer):
    tab.start(2.5, "none", True)
    config = run_of(trainer).config
    assert (config.max_seconds, config.parent, config.vision) == (150, None, True)
    with pytest.raises(BadSetting, match="still training"):
        tab.start(2.5, "active", False)


def test_a_missing_time_is_a_sentence(tab, trainer):
    with pytest.raises(BadSetting, match="minutes"):
        tab.start(None, "active", False)
    assert trainer.latest() is None


def test_a_running_run_is_shown_live(tab, trainer):
    tab.start(5, "active", False)
    run = run_of(trainer)
    run.append_log(message="Training 20 steps of 4.")
    run.append_log(step=5, steps=20, loss=1.25, accuracy=0.5, share=0.25, seconds_left=180.0)
    shown = told(tab.look())
    assert "step 5 of at most 20 · minutes of training left: about 3" in shown.status and "Training 20 steps" in shown.status
    assert shown.bar["value"] == 0.25 and shown.loss["value"].to_dict("list") == {"step": [5], "loss": [1.25]}
    assert shown.log["value"] == "Training 20 steps of 4.\nstep 5: loss 1.250, 50 % of the answer right"
    assert shown.bar["visible"] and shown.loss["visible"] and shown.log["visible"]


def test_the_timer_sends_nothing_until_something_happens(tab, trainer, store):
    tab.start(5, "active", False)
    seen = tab.look()[0]
    assert all(isinstance(v, dict) and v.get("__type__") == "update" for v in tab.look_again(seen))
    run_of(trainer).append_log(step=1, steps=9, loss=2.0)
    changed = tab.look_again(seen)
    assert changed[0] != seen and "step 1" in told(changed).status
    store.add_adapter(an_adapter("new"))
    assert cells(told(tab.look_again(changed[0])).table)[0][0] == "new"


def complete(run: Run, steps: int, planned: int) -> None:
    """What a process leaves that did so many of the planned steps."""
    run.append_log(step=5, steps=planned, loss=1.25, share=0.9)
    run.append_log(message="Steps are done.", step=steps, steps=planned, share=1.0)
    run.append_log(message="Registered it.")
    run.write_metrics({"edits": FEWER})
    run.mark_complete()


def test_a_training_that_time_ended_says_how_little_it_did_and_goes_on_from_its_adapter(tab, trainer, store, tmp_path):
    tab.start(5, "none", True)
    run = run_of(trainer)
    complete(run, 20, 150)
    write_json(run.adapter / "pdc.json", {"name": run.name, "in_process_only": True})
    store.add_adapter(an_adapter(run.name, path=str(run.adapter)))
    shown = told(tab.look())
    assert "complete · 20 of 150 planned steps are done; train longer" in shown.status and not shown.bar["visible"]
    assert "saves 5.0 edits an image" in shown.status and shown.longer["interactive"] is True
    tab.train_longer(7)
    config = run_of(trainer).config
    assert (config.max_seconds, config.parent, config.vision) == (420, run.name, True)


def test_a_training_that_did_all_its_steps_is_not_trained_longer(tab, trainer):
    with pytest.raises(BadSetting, match="all its planned steps"):
        tab.train_longer(7)
    tab.start(5, "active", False)
    complete(run_of(trainer), 150, 150)
    shown = told(tab.look())
    assert "150 planned steps are done" in shown.status and "train longer" not in shown.status
    assert shown.longer["interactive"] is False
    with pytest.raises(BadSetting, match="all its planned steps"):
        tab.train_longer(7)


def test_stop_asks_the_run(tab, trainer):
    with pytest.raises(BadSetting, match="nothing to stop"):
        tab.stop()
    tab.start(5, "active", False)
    assert "asked to stop" in told(tab.stop()).sentence
    assert run_of(trainer).stop_asked
    run_of(trainer).mark_stopped()
    assert "stopped · Stopped. What was learnt" in told(tab.look()).status


def test_a_failed_run_says_why(tab, trainer):
    tab.start(5, "active", False)
    run_of(trainer).mark_failed("There is nothing to learn from.")
    assert told(tab.look()).status.endswith("failed · There is nothing to learn from.")


def test_promote_and_roll_back_say_who(tab, store, monkeypatch):
    monkeypatch.setattr(tab.adapters, "verify", lambda name: None)  # folders are checked in test_adapters
    store.add_adapter(an_adapter("one"))
    with pytest.raises(BadSetting, match="Choose"):
        tab.promote(None, "", False)
    with pytest.raises(BadModel, match="not measured"):
        tab.promote("one", "", False, MARIA)
    shown = told(tab.promote("one", " better ", True, MARIA))
    assert shown.sentence.startswith("one serves") and "False alarms were not measured" in shown.sentence
    assert cells(shown.table)[0][1] == "active" and shown.chosen["choices"] == [] and shown.served["choices"] == ["one"]
    assert [value for _, value in shown.source["choices"]] == ["active", "none", "one"]
    history = tab.adapters.history()
    assert history[-1].by == "maria" and history[-1].reason.startswith("better (forced:")
    with pytest.raises(NotFound, match="two does not serve"):
        tab.rollback("two", "", MARIA)
    said = "one was rolled back. From the next question on the base model answers about everything."
    assert told(tab.rollback("one", "", MARIA)).sentence == said and history[-1].adapter == "one"
    with pytest.raises(NotFound):
        tab.rollback(None, "", MARIA)


def test_a_row_says_which_labels_an_adapter_serves_of_those_it_learnt(tmp_path):
    (tmp_path / "pdc.json").write_text(json.dumps({"name": "one", "serves": ["sperm", "egg"]}))
    shares = (None, frozenset({"egg"}), frozenset({"egg", "sperm"}))
    said = [adapter_row(an_adapter("one", path=str(tmp_path)), True, share)[2] for share in shares]
    assert said == ["egg, sperm", "in use: egg; learnt egg, sperm", "in use: egg, sperm"]


def test_only_a_trainer_decides_what_serves_and_only_an_admin_overrules(tab, store, monkeypatch):
    monkeypatch.setattr(tab.adapters, "verify", lambda name: None)
    store.add_adapter(an_adapter("one"))
    store.add_user("maria", "hash", Role.READER)
    tab.role = lambda name: store.user(name).role
    for refused in (lambda: tab.start(5, "active", False, None, MARIA), lambda: tab.promote("one", "better", False, MARIA)):
        with pytest.raises(Forbidden, match=r"Your role is reader, and to .* takes the role trainer"):
            refused()
    with pytest.raises(Forbidden):
        tab.rollback(None, "", MARIA)
    store.set_role("maria", Role.TRAINER)
    with pytest.raises(Forbidden, match="overrule the promotion gate takes the role admin"):
        tab.promote("one", "better", True, MARIA)
    store.set_role("maria", Role.ADMIN)
    with pytest.raises(BadSetting, match="Say why"):
        tab.promote("one", " ", True, MARIA)
    tab.promote("one", "known", True, MARIA)
    assert tab.adapters.history()[-1].by == "maria"


def test_a_row_of_the_table(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pdc.json").write_text(json.dumps({"name": name}))
    labels = {"cell": {"true_marks": 7}, "ghost": {"true_marks": 0}}
    changes = {"active": {"value": 0.05, "low": -0.012, "high": 0.1}}
    base = {"score": 0.1, "score_name": "F1"}
    metrics = {"candidate": {**SCORE, "labels": labels}, "base": base, "n": 9, "changes": changes, "edits": FEWER}
    row = adapter_row(an_adapter("one", path=str(tmp_path / "one"), metrics=metrics, parent="zero"))
    assert row[:6] == ["one", "candidate", "everything", "F1 0.61 [0.50, 0.70]", "F1 0.10", "not measured"]
    assert row[6:11] == ["+5.0 [-1.2, +10.0]", "9.0 → 4.0 (-5.0 [-6.0, -4.0])", "ghost", "9", "zero"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", row[11])
    bare = adapter_row(an_adapter("two", path=str(tmp_path / "two")))
    assert bare[2:11] == ["everything"] + ["not measured"] * 3 + ["-", "-", "", "-", "the base"]
    assert adapter_row(an_adapter("three", path=str(tmp_path / "three")))[2] == "its folder is missing"
    assert adapter_row(an_adapter("two", path=str(tmp_path / "two")), False)[2] == "trained on other weights"


def test_the_table_says_how_many_weights_an_adapter_has(tmp_path):
    shipped = next((EMBEDDED_MODEL / "adapters").iterdir())
    assert int(adapter_row(an_adapter("tiny", path=str(shipped)))[-1]) == lora_layers(shipped) > 40
    assert adapter_row(an_adapter("gone", path=str(tmp_path / "gone")))[-1] == "-"


def test_words_for_every_status():
    assert run_line(None) == IDLE
    assert "complete · 9 planned steps are done · Registered" in run_line(
        TrainingProgress("a", RunStatus.COMPLETE, "Registered a.", 9, 9, 1.0)
    )
    assert run_line(TrainingProgress("a", RunStatus.RUNNING, "Loading.")) == "a · running · Loading."
    assert len(log_text([{"message": str(i)} for i in range(500)]).splitlines()) == 200


def test_plots_of_scores_and_of_edits(store, trainer, tmp_path):
    measured = {"candidate": SCORE, "active": {"score": 0.5, "score_name": "F1"}, "base": {"score": 0.1, "score_name": "F1"}}
    store.add_adapter(an_adapter("one", metrics=measured))
    store.set_metrics("one", measured)
    store.add_adapter(an_adapter("unmeasured"))
    worked = [EditCount(1, 4, 4.0, None), EditCount(2, 0, 2.0, "one")]
    tab = TrainingTab(trainer, Adapters(store, "base", tmp_path), TrainConfig.for_model("base"), lambda: worked)
    scores = tab.charts.scores()
    assert dict(zip(scores["model"], scores["score"], strict=True)) == {
        "the adapter": 0.61234,
        "in use then": 0.5,
        "the model as it came": 0.1,
    }
    edits = tab.charts.edits().to_dict("list")
    assert edits == {"image": [1.0, 2.0], "edits": [4.0, 2.0], "answered by": ["the model as it came", "one"]}
    assert [chart["visible"] for chart in tab.charts.show()] == [False, True]  # one point is no line


def test_a_chart_names_its_axes_and_lines_in_the_readers_language(tab):
    german = SimpleNamespace(headers={"accept-language": "de"})
    scores, edits = tab.charts.show(german)
    assert (scores["x_title"], scores["y"], scores["color"]) == ("in der Reihenfolge der Entstehung", "Wert", "Modell")
    assert list(edits["value"].columns) == [edits["x"], edits["y"], edits["color"]] == ["Bild", "Änderungen", "beantwortet von"]


def test_a_chart_without_a_point_is_not_shown(tab):
    assert [chart["visible"] for chart in tab.charts.show()] == [False, False]


def test_pictures_of_what_changed_are_those_of_the_chosen_adapter(tab, store, tmp_path):
    run = Run(tmp_path / "run")
    run.adapter.mkdir(parents=True)
    store.add_adapter(an_adapter("one", path=str(run.adapter)))
    assert tab.registry.about(None) == (None, None, None) and tab.registry.about("one")[2] is None
    marks = {"found": [["cell", 1, 2, 11, 22]], "missed": [["cell", 30, 31]], "wrong": []}
    after = {"found": [["cell", 1, 2, 11, 22], ["cell", 30, 31]], "missed": [], "wrong": []}
    run.write_changes([{"image": "a" * 64, "size": [40, 30], "faults": [1, 0], "before": marks, "after": after}])
    shown = json.dumps(tab.registry.about("one")[2])
    assert shown.count(f"images/{'a' * 64}.png") == 2 and "Better: 1 to 0 to correct" in shown
    assert shown.count("cell, missed") == 1 and shown.count("cell, found") == 3
