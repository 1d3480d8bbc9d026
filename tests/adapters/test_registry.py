from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from safetensors.numpy import save_file

from pdc.adapters.assessable import not_assessable, notes
from pdc.adapters.lineage import first_name, retrained_name
from pdc.adapters.registry import Adapters
from pdc.domain.errors import BadModel, NotFound
from pdc.domain.values import AdapterStatus
from pdc.files import sha256
from pdc.images.near_duplicates import hash_pixels
from pdc.inference.adapter_folder import AdapterManifest, verify
from pdc.inference.fingerprints import fingerprint
from pdc.store import Store
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run

RANK, IN, OUT = 4, 16, 24
MODULE = "model.language_model.layers.0.self_attn.q_proj"


@pytest.fixture
def store(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'pdc.sqlite3'}")
    yield store
    store.close()


@pytest.fixture
def base(tmp_path) -> Path:
    """The part of a base model that adapters are checked against: its config and the shapes of its weights."""
    folder = tmp_path / "models" / "small"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    # The spelling in files; modules are called model.language_model.layers... in memory.
    names = [f"model.layers.0.self_attn.{side}_proj.weight" for side in "qk"]
    save_file({name: np.ones((OUT, IN), np.float16) for name in names}, folder / "model.safetensors")
    return folder


def write_adapter(folder: Path, model: Path, name: str | None = None, *, tensors=None, config=None, **changes) -> Path:
    folder.mkdir(parents=True)
    key = f"base_model.model.{MODULE}"
    sides = {"A": np.ones((RANK, IN), np.float32), "B": np.ones((OUT, RANK), np.float32)}
    pair = {f"{key}.lora_{side}.weight": values for side, values in sides.items()}
    save_file(pair if tensors is None else tensors(pair), folder / "adapter_model.safetensors")
    settings = {"r": RANK, "target_modules": ".*q_proj", **(config or {})}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    values = {
        "name": name or folder.name,
        "base": model.name,
        "base_sha256": fingerprint(model),
        "prompt_version": "compact-1",
        "parent": None,
        "data": "d",
        "files": {p.name: sha256(p) for p in folder.iterdir()},
        "created_at": datetime.now(UTC).isoformat(),
        **changes,
    }
    (folder / "pdc.json").write_text(json.dumps(AdapterManifest(**values).to_json()))
    return folder


def slice_of(true: int, predicted: int, recall: float, width: float = 0.02) -> dict:
    marks = {"true_marks": true, "predicted_marks": predicted, "images": true}
    return {**marks, "recall": {"value": recall, "low": recall - width, "high": recall + width}}


def measured(score: float, adapter: str | None, n: int = 9, **labels: dict) -> dict:
    return {"score": score, "score_name": "F1", "n": n, "adapter": adapter, "labels": labels}


def moved(value: float, width: float = 0.01) -> dict:
    return {"value": value, "low": value - width, "high": value + width}


def complete_run(tmp_path: Path, base: Path, name: str, metrics: dict | None = None) -> Run:
    run = Run.create(tmp_path / "runs", TrainConfig(str(base)), name)
    write_adapter(run.adapter, base, name)
    if metrics:
        run.write_metrics(metrics)
    run.mark_complete()
    return run


@pytest.fixture
def register(tmp_path, base, store):
    """Registers an adapter that measured `score` when `rival` served."""

    def make(name: str, score: float, rival: str | None = None, rival_score: float = 0.5, n: int = 9) -> None:
        changes = {"base": moved(score - 0.3), "active": moved(score - rival_score)}
        metrics = {"base": measured(0.3, None, n), "active": measured(rival_score, rival, n), "changes": changes}
        Adapters(store, str(base), tmp_path).register(
            complete_run(tmp_path, base, name, {**metrics, "candidate": measured(score, name, n), "n": n})
        )

    return make


@pytest.fixture
def adapters(store, base, tmp_path) -> Adapters:
    return Adapters(store, str(base), tmp_path)


def test_a_complete_run_becomes_a_candidate_with_its_numbers(adapters, register, store, tmp_path, base):
    register("one", 0.6)
    adapter = adapters.all()[0]
    assert (adapter.name, adapter.base, adapter.status) == ("one", "small", AdapterStatus.EVALUATED)
    assert adapter.metrics["candidate"]["score"] == 0.6 and Path(adapter.path).is_dir()
    assert adapters.active() is None
    unmeasured = adapters.register(complete_run(tmp_path, base, "two"))
    assert unmeasured.status is AdapterStatus.CANDIDATE


def test_an_incomplete_run_is_not_registered(adapters, tmp_path, base):
    run = complete_run(tmp_path, base, "one")
    (run.folder / "COMPLETE").unlink()
    with pytest.raises(BadModel, match="not complete"):
        adapters.register(run)
    assert adapters.all() == []


def test_a_better_adapter_is_promoted_and_the_next_one_must_beat_it(adapters, register):
    register("one", 0.6)
    assert adapters.promote("one", by="maria", reason="first").status is AdapterStatus.ACTIVE
    register("two", 0.7, rival="one", rival_score=0.6)
    adapters.promote("two", by="maria", reason="better")
    assert adapters.active().name == "two"
    assert adapters.get("one").status is AdapterStatus.RETIRED
    history = [(a.adapter, a.by, a.reason) for a in adapters.history()]
    assert history == [("one", "maria", "first"), ("two", "maria", "better")]


def test_worse_than_the_base_is_refused_when_the_base_serves(adapters, register):
    register("one", 0.2)
    with pytest.raises(BadModel, match=r"is worse on 9 .* 0\.200 against 0\.300 of the base model.*--force"):
        adapters.promote("one", by="maria", reason="hope")
    assert adapters.active() is None and adapters.history() == []


def test_worse_than_what_serves_needs_force_and_says_so_for_ever(adapters, register):
    register("one", 0.6)
    adapters.promote("one", by="maria", reason="first")
    register("two", 0.5, rival="one", rival_score=0.6)
    with pytest.raises(BadModel, match=r"0\.500 against 0\.600 of one"):
        adapters.promote("two", by="maria", reason="hope")
    adapters.promote("two", by="maria", reason="new stain", force=True)
    assert adapters.active().name == "two"
    assert adapters.history()[-1].reason.startswith("new stain (forced: It is worse on 9")


@pytest.mark.parametrize("n", [None, 0])
def test_an_adapter_that_was_not_measured_needs_force(adapters, register, tmp_path, base, n):
    if n is None:
        adapters.register(complete_run(tmp_path, base, "one"))
    else:
        register("one", 0.9, n=0)
    with pytest.raises(BadModel, match="not measured"):
        adapters.promote("one", by="maria", reason="hope")
    adapters.promote("one", by="maria", reason="hope", force=True)
    assert adapters.active().name == "one"


def test_a_measurement_beside_another_adapter_does_not_count(adapters, register):
    register("one", 0.6)
    register("two", 0.7)
    adapters.promote("one", by="maria", reason="first")
    with pytest.raises(BadModel, match="not measured beside one"):
        adapters.promote("two", by="maria", reason="better")


def test_where_what_served_is_lost_a_candidate_must_beat_the_base(adapters, register):
    register("one", 0.6)
    shutil.rmtree(adapters.promote("one", by="maria", reason="first").path)
    register("two", 0.4)
    assert adapters.promote("two", by="maria", reason="one is lost").status is AdapterStatus.ACTIVE


def test_roll_back_goes_to_the_one_before_each_time(adapters, register):
    for i, name in enumerate(("one", "two", "three"), start=1):
        rival = adapters.active()
        register(name, 0.5 + i / 10, rival.name if rival else None, 0.5)
        adapters.promote(name, by="maria", reason="better")
    assert [adapters.rollback(by="maria").name for _ in range(2)] == ["two", "one"]
    assert adapters.rollback(by="maria") is None and adapters.active() is None
    with pytest.raises(NotFound, match="nothing to roll back"):
        adapters.rollback(by="maria")
    assert [a.adapter for a in adapters.history()] == ["one", "two", "three", "two", "one", None]


def test_what_another_process_promotes_or_rolls_back_holds_at_once(
    adapters, register, base, tmp_path, monkeypatch
):
    register("one", 0.6)
    beside = Store.open(f"sqlite:///{tmp_path / 'pdc.sqlite3'}")
    elsewhere = Adapters(beside, str(base), adapters.home)
    assert adapters.route().adapters == ()
    elsewhere.promote("one", by="maria", reason="better")
    assert [a.name for a in adapters.route().adapters] == ["one"]
    with monkeypatch.context() as patch:
        patch.setattr(adapters, "history", lambda: pytest.fail("read again, though nothing was promoted"))
        assert [a.name for a in adapters.route().adapters] == ["one"]
    elsewhere.rollback(by="maria")
    assert adapters.route().adapters == ()
    beside.close()


def test_after_a_roll_back_a_new_promotion_can_be_rolled_back_too(adapters, register):
    register("one", 0.6)
    adapters.promote("one", by="maria", reason="first")
    adapters.rollback(by="maria")
    register("two", 0.7)
    adapters.promote("two", by="maria", reason="second")
    assert adapters.promotion().adapter == "two"
    assert adapters.rollback(by="maria") is None


@pytest.fixture
def served(adapters, register) -> list[str]:
    """One, then two, then one again: each promoted, whatever speaks against it."""
    for name in ("one", "two"):
        register(name, 0.6)
    for name in ("one", "two", "one"):
        adapters.promote(name, by="maria", reason="tried", force=True)
    return [a.adapter for a in adapters.history()]


def test_an_older_adapter_promoted_again_is_rolled_back_to_the_one_before(adapters, served):
    assert served == ["one", "two", "one"]
    back = [adapters.rollback(by="maria") for _ in range(3)]
    assert [a and a.name for a in back] == ["two", "one", None]
    assert [a.rolled_back for a in adapters.history()] == [False] * 3 + [True] * 3


def test_lines_from_before_roll_backs_were_noted_are_read_as_they_were_then(adapters, served):
    with adapters.store._engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER activations_refuse_update")
        connection.exec_driver_sql("UPDATE activations SET rolled_back = NULL, labels = NULL")
    assert adapters.rollback(by="maria") is None


def test_a_damaged_adapter_is_not_brought_back(adapters, register):
    register("one", 0.6)
    adapters.promote("one", by="maria", reason="first")
    register("two", 0.7, "one", 0.6)
    adapters.promote("two", by="maria", reason="better")
    (Path(adapters.get("one").path) / "adapter_model.safetensors").unlink()
    with pytest.raises(BadModel, match="missing"):
        adapters.rollback(by="maria")
    assert adapters.active().name == "two"


def test_shipped_adapters_serve_at_the_first_start_only(adapters, base):
    write_adapter(base / "adapters" / "old", base, created_at="2026-01-01T00:00:00+00:00")
    write_adapter(base / "adapters" / "new", base, created_at="2026-02-01T00:00:00+00:00")
    adapters.ensure_shipped()
    assert adapters.active().name == "new" and {a.name for a in adapters.all()} == {"old", "new"}
    adapters.rollback(by="maria")
    adapters.ensure_shipped()
    assert adapters.active() is None and len(adapters.all()) == 2


def test_of_processes_that_start_at_once_one_registers_what_came_with_the_model(store, base, tmp_path, caplog):
    write_adapter(base / "adapters" / "new", base)
    ready = Barrier(6)

    def start(_: int) -> None:
        registry = Adapters(store, str(base), tmp_path)
        ready.wait()
        registry.ensure_shipped()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(start, range(6)))
    assert [a.name for a in store.adapters()] == ["new"] and caplog.text == ""


def test_new_weights_bring_their_own_adapter_unless_somebody_has_decided(adapters, register, base):
    write_adapter(base / "adapters" / "old", base, created_at="2026-01-01T00:00:00+00:00")
    adapters.ensure_shipped()
    (base / "adapters" / "old").rename(base.parent / "gone")
    get_new_weights(base)
    write_adapter(base / "adapters" / "new", base, created_at="2026-02-01T00:00:00+00:00")
    adapters.ensure_shipped()
    assert adapters.serving().name == "new" and adapters.outdated() == []
    register("mine", 0.6)
    adapters.promote("mine", by="maria", reason="mine", force=True)
    write_adapter(base / "adapters" / "newest", base, created_at="2026-03-01T00:00:00+00:00")
    adapters.ensure_shipped()
    assert adapters.serving().name == "mine"


def get_new_weights(base: Path) -> None:
    names = [f"model.layers.0.self_attn.{side}_proj.weight" for side in "qk"]
    save_file({name: np.full((OUT, IN), 2, np.float16) for name in names}, base / "model.safetensors")


def test_an_adapter_of_old_weights_does_not_serve_until_one_is_made_anew_from_it(adapters, register, tmp_path, base):
    register("one", 0.6)
    adapters.promote("one", by="maria", reason="first")
    assert [a.name for a in adapters.usable()] == ["one"] and adapters.outdated() == []
    get_new_weights(base)
    assert adapters.active().name == "one" and adapters.serving() is None and adapters.usable() == []
    assert [a.name for a in adapters.outdated()] == ["one"]
    with pytest.raises(BadModel, match="The adapter one was trained on another version of small; `python -m finetune retrain`"):
        adapters.verify("one")
    again = retrained_name("one", base.name, fingerprint(base))
    assert again != retrained_name("one", "other", None) and len(retrained_name("x" * 64, "other", None)) <= 64
    assert first_name(again) == "one" and retrained_name(again, "other", None) == retrained_name("one", "other", None)
    adapters.register(complete_run(tmp_path, base, again))
    assert [a.name for a in adapters.usable()] == [again] and adapters.outdated() == []


def test_adapters_of_another_base_are_told_as_outdated_too(adapters, register, store, tmp_path, base):
    register("one", 0.6)
    shutil.copytree(base, base.parent / "larger")
    larger = Adapters(store, str(base.parent / "larger"), tmp_path)
    assert larger.all() == [] and [a.name for a in larger.outdated()] == ["one"] and adapters.outdated() == []
    with pytest.raises(BadModel, match="trained on small, not on larger; `python -m finetune retrain`"):
        larger.verify("one")


def test_a_damaged_shipped_adapter_is_left_out_and_the_log_says_so(adapters, store, base, caplog):
    folder = write_adapter(base / "adapters" / "broken", base)
    (folder / "adapter_config.json").write_text("{}")
    adapters.ensure_shipped()
    assert store.adapters() == [] and "adapter_config.json was changed" in caplog.text


def test_a_hub_name_has_no_shipped_adapters(store, tmp_path):
    Adapters(store, "Qwen/Qwen2.5-VL-7B-Instruct", tmp_path).ensure_shipped()
    assert store.adapters() == []


def test_a_good_adapter_passes(tmp_path, base):
    assert verify(write_adapter(tmp_path / "good", base), "small", base).name == "good"


def nan(pair):
    return {k: np.full_like(v, np.nan) for k, v in pair.items()}


def infinite_half(pair):
    return {k: np.full_like(v, np.inf).astype(np.float16) for k, v in pair.items()}


def renamed(pair):
    return {k.replace("q_proj", "lm_head"): v for k, v in pair.items()}


def elsewhere(pair):
    return {k.replace("layers.0", "layers.77"): v for k, v in pair.items()}


def zeroed(pair):
    return {k: np.zeros_like(v) if "lora_B" in k else v for k, v in pair.items()}


def one_side(pair):
    return dict(list(pair.items())[:1])


def transposed(pair):
    return {k: np.ascontiguousarray(v.T) for k, v in pair.items()}


def other_width(pair):
    return {k: np.zeros((RANK, 99), np.float32) if "lora_A" in k else v for k, v in pair.items()}


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ({"tensors": nan}, "not finite"),
        ({"tensors": infinite_half}, "not finite"),
        ({"tensors": renamed}, "does not belong"),
        ({"tensors": elsewhere}, "the base has no"),
        ({"tensors": one_side}, "missing or have the wrong shape"),
        ({"tensors": transposed}, "missing or have the wrong shape"),
        ({"tensors": other_width}, "the base has no"),
        ({"tensors": lambda pair: {}}, "no weights"),
        ({"tensors": zeroed}, "0 of 1 LoRA layers hold weights"),
        ({"config": {"r": 8}}, "wrong shape"),
        ({"config": {"target_modules": ["v_proj"]}}, "does not belong"),
        ({"base": "huge"}, "trained on huge, not on small"),
        ({"base_sha256": "0" * 64}, "another version of small"),
        ({"files": {}}, "does not name adapter_config.json"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused(tmp_path, base, written, sentence):
    with pytest.raises(BadModel, match=sentence):
        verify(write_adapter(tmp_path / "bad", base, **written), "small", base)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_one_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: flip_one_bit(f / "adapter_model.safetensors"), "changed or damaged"),
        (lambda f: (f / "adapter_model.safetensors").write_bytes(b""), "changed or damaged"),
        (lambda f: (f / "adapter_model.safetensors").unlink(), "is missing"),
        (lambda f: (f / "pdc.json").unlink(), "pdc.json is missing"),
        (lambda f: (f / "pdc.json").write_text("{"), "pdc.json is missing or damaged"),
        (lambda f: (f / "pdc.json").write_text("[]"), "pdc.json is missing or damaged"),
    ],
)
def test_damage_is_found(tmp_path, base, damage, sentence):
    folder = write_adapter(tmp_path / "bad", base)
    damage(folder)
    with pytest.raises(BadModel, match=sentence):
        verify(folder, "small", base)


def test_a_missing_folder_is_a_sentence(tmp_path, base):
    with pytest.raises(BadModel, match="There is no adapter folder"):
        verify(tmp_path / "nowhere", "small", base)


def test_weights_that_are_no_safetensors_are_found_even_with_a_matching_sum(tmp_path, base):
    folder = write_adapter(tmp_path / "bad", base)
    (folder / "adapter_model.safetensors").write_bytes(b"\x80\x04pickle")
    value = json.loads((folder / "pdc.json").read_text())
    value["files"]["adapter_model.safetensors"] = sha256(folder / "adapter_model.safetensors")
    (folder / "pdc.json").write_text(json.dumps(value))
    with pytest.raises(BadModel, match="cannot be read"):
        verify(folder, "small", base)


# twelve that must not serve, each for a reason of its own

GOOD = {
    "base": measured(0.5, None, cell=slice_of(40, 38, 0.70), polyp=slice_of(19, 15, 0.60)),
    "active": measured(0.5, None, cell=slice_of(40, 38, 0.70), polyp=slice_of(19, 15, 0.60)),
    "candidate": measured(0.6, "one", cell=slice_of(40, 39, 0.75), polyp=slice_of(19, 15, 0.60)),
    "n": 9,
    "changes": {"base": moved(0.1), "active": moved(0.1)},
    "held_out": {},
    "blank_marks": 0,
}
WORK = {
    **{name: {"value": n, "low": n, "high": n} for name, n in {"base": 60.0, "candidate": 64.0, "scratch": 52.0}.items()},
    "changes": {"base": moved(4.0), "scratch": moved(12.0)},
}
SEEN = str(hash_pixels(np.random.default_rng(3).integers(0, 255, (64, 64), np.uint8)))
OTHER = str(hash_pixels(np.random.default_rng(4).integers(0, 255, (64, 64), np.uint8)))


def with_labels(**labels: dict) -> dict:
    return {**GOOD, "candidate": measured(0.6, "one", **{**GOOD["candidate"]["labels"], **labels})}


def candidate_of(tmp_path: Path, base: Path, metrics: dict | None, **written) -> Run:
    run = Run.create(tmp_path / "runs", TrainConfig(str(base)), "one")
    write_adapter(run.adapter, base, "one", **written)
    if metrics:
        run.write_metrics(metrics)
    run.mark_complete()
    return run


def test_a_good_one_passes_the_gate(adapters, tmp_path, base):
    adapters.register(candidate_of(tmp_path, base, GOOD, trained_on={"a" * 64: SEEN}))
    assert adapters.promote("one", by="maria", reason="better").status is AdapterStatus.ACTIVE
    assert adapters.history()[-1].reason == "better"


@pytest.mark.parametrize(
    ("metrics", "written", "sentence"),
    [
        (None, {}, "was not measured on held-out images"),
        ({k: v for k, v in GOOD.items() if k != "changes"}, {}, "not measured beside the base model"),
        (
            {**GOOD, "changes": {"base": {"value": 0.03, "low": -0.101, "high": 0.16}}},
            {},
            r"from -10\.1 .* 1 more held-out images",
        ),
        (
            {**GOOD, "changes": {"base": {"value": -0.01, "low": -0.021, "high": 0.01}}},
            {},
            r"from -2\.1 to \+1\.0.*cannot be decided",
        ),
        ({**GOOD, "changes": {"base": {"value": -0.05, "low": -0.07, "high": -0.03}}}, {}, "It is worse on 9"),
        ({**GOOD, "changes": {"base": None}}, {}, "could not be measured"),
        (
            {**GOOD, "candidate": {**GOOD["candidate"], "looks": 4}},
            {},
            "measured with 4 looks at each image, the base model with 1; evaluate it again",
        ),
        (with_labels(cell=slice_of(40, 36, 0.55, 0.02)), {}, r"recall of 'cell' got worse: 55\.0 % against 70\.0 % on 40"),
        (with_labels(polyp=slice_of(19, 0, 0.0)), {}, "never says 'polyp' any more"),
        ({**GOOD, "held_out": {"a" * 64: OTHER}}, {"trained_on": {"a" * 64: SEEN}}, "trained on 1 of the held-out images"),
        ({**GOOD, "held_out": {"b" * 64: SEEN}}, {"trained_on": {"a" * 64: SEEN}}, "near copies of them .b{12}"),
        ({**GOOD, "blank_marks": 3}, {}, r"3 finding\(s\) on blank images"),
        ({**GOOD, "edits": WORK}, {}, r"makes work: 64\.0 edits .* against 52\.0 when every mark is drawn from scratch"),
        ({**GOOD, "edits": {**WORK, "scratch": None}}, {}, r"against 60\.0 with the base model, a change of \+4\.0"),
    ],
)
def test_what_speaks_against_an_adapter_is_said_and_can_be_overridden_on_record(
    adapters, tmp_path, base, metrics, written, sentence
):
    adapters.register(candidate_of(tmp_path, base, metrics, **written))
    with pytest.raises(BadModel, match=sentence):
        adapters.promote("one", by="maria", reason="hope")
    assert adapters.active() is None and adapters.history() == []
    adapters.promote("one", by="maria", reason="known", force=True)
    assert adapters.history()[-1].reason.startswith("known (forced: ")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: flip_one_bit(folder / "adapter_model.safetensors"), "changed or damaged"),
        (lambda folder: cut_short(folder / "adapter_model.safetensors"), "changed or damaged"),
        (lambda folder: (folder / "adapter_config.json").unlink(), "adapter_config.json is missing"),
        (lambda folder: rewrite(folder, tensors=nan), "not finite"),
        (lambda folder: rewrite(folder, tensors=one_side), "missing or have the wrong shape"),
        (lambda folder: rewrite(folder, config={"target_modules": ".*(q|k)_proj"}), r"1 of 2 LoRA layers .*\.k_proj are missing"),
        (lambda folder: rewrite(folder, base="huge"), "trained on huge"),
        (lambda folder: rewrite(folder, base_sha256="0" * 64), "another version of small"),
    ],
)
def test_a_damaged_or_foreign_one_is_refused_even_by_force(adapters, tmp_path, base, spoil, sentence):
    run = candidate_of(tmp_path, base, GOOD)
    adapters.register(run)
    spoil(run.adapter)
    with pytest.raises(BadModel, match=sentence):
        adapters.promote("one", by="maria", reason="known", force=True)
    assert adapters.active() is None


def rewrite(folder: Path, **written) -> None:
    """Another adapter in its place, consistent in itself."""
    shutil.rmtree(folder)
    write_adapter(folder, folder.parents[2] / "models" / "small", "one", **written)


def answered(n: int, candidate: float, base: float, low: float, high: float, alarms_low: float = 0.0) -> dict:
    """How often the candidate and the base are wrong on n images, and how that changed."""
    change = {"value": candidate - base, "low": low, "high": high}
    shares = {"candidate": {"value": candidate, "low": alarms_low, "high": 1.0}, "base": {"value": base, "low": 0, "high": 1}}
    return {"n": n, "groups": n, "shares": shares, "changes": {"base": change}}


def with_negatives(zero: float = 0.1, **found: dict) -> dict:
    base = {**GOOD["base"], "labels": {**GOOD["base"]["labels"], "cell": {**slice_of(40, 38, 0.7), "zero_case": {"value": zero}}}}
    return {**GOOD, "base": base, "negatives": found}


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        (with_negatives(cell=answered(60, 0.3, 0.1, 0.1, 0.3)), r"without 'cell' .*30\.0 % against 10\.0 % on 60 .*from 10\.0 %"),
        (with_negatives(cell=answered(8, 0.5, 0.0, 0.02, 0.9)), "cannot be decided: 2 more held-out images are needed"),
        (with_negatives(1.0, cell=answered(8, 0.5, 0.0, 0.1, 0.8, 0.2)), "on 50 % of 8 images .* from 20 % to 100 %"),
        (
            {**GOOD, "zero_cases": answered(60, 0.3, 0.1, 0.1, 0.3)},
            r"'none' though something is there got worse: 30\.0 % against 10\.0 % on 60",
        ),
    ],
)
def test_more_false_alarms_and_more_wrong_nones_speak_against_an_adapter(adapters, tmp_path, base, metrics, sentence):
    adapters.register(candidate_of(tmp_path, base, metrics))
    with pytest.raises(BadModel, match=sentence):
        adapters.promote("one", by="maria", reason="hope")


@pytest.mark.parametrize(
    "metrics",
    [
        with_negatives(cell=answered(60, 0.1, 0.1, -0.1, 0.1)),
        with_negatives(cell=answered(200, 0.11, 0.1, -0.02, 0.04)),  # a rise, but surely a small one
        with_negatives(cell=answered(8, 0.0, 0.25, -0.5, 0.0)),
        with_negatives(1.0, cell=answered(8, 0.125, 0.0, 0.0, 0.3, 0.0)),  # what serves never says it, so there is no comparison
        {**GOOD, "zero_cases": answered(9, 0.0, 0.1, -0.2, 0.0)},
    ],
)
def test_an_adapter_that_raises_no_more_alarms_passes(adapters, tmp_path, base, metrics):
    adapters.register(candidate_of(tmp_path, base, metrics))
    assert adapters.objection(adapters.all()[0]) is None


def test_what_is_not_known_about_false_alarms_is_said_and_speaks_against_nothing(adapters, tmp_path, base):
    adapters.register(candidate_of(tmp_path, base, with_negatives(cell=answered(8, 0.0, 0.0, 0.0, 0.0))))
    adapters.promote("one", by="maria", reason="better")
    said = adapters.notes("one")
    assert said[0].startswith("Whether cell is found where there is none cannot be decided: 22 more")
    assert said[1].startswith("No held-out image shows that there is no polyp") and len(said) == 2
    assert notes(GOOD) == ["False alarms were not measured on real negatives; evaluate the adapter again."]
    assert notes(with_negatives(cell=answered(30, 0, 0, 0, 0), polyp=answered(40, 0, 0, 0, 0))) == []


def test_a_label_with_few_marks_may_lose_some(adapters, tmp_path, base):
    adapters.register(candidate_of(tmp_path, base, with_labels(polyp=slice_of(19, 9, 0.40, 0.30))))
    assert adapters.objection(adapters.all()[0]) is None


def rates(tasks: dict[str, dict], **labels: dict) -> dict:
    return {**measured(0.7, None, 60, **labels), "tasks": tasks}


def rate(value: float, width: float = 0.05) -> dict:
    return {"value": value, "low": value - width, "high": value + width}


def test_the_failure_of_the_paper_is_refused_where_the_score_stays_the_same(adapters, tmp_path, base):
    names, numbers = ("zero_case", "unreadable", "count_mae", "f1"), ((0.03, 0.0, 0.5, 0.80), (0.29, 0.10, 5.0, 0.20))
    before, after = ({k: rate(v) for k, v in zip(names, some, strict=True)} | {"images": 60} for some in numbers)
    boxes = {**before, "f1": rate(0.7)}
    metrics = {
        "base": rates({"pointing": before, "bounding": boxes}),
        "candidate": {**rates({"pointing": after, "bounding": boxes}), "adapter": "one"},
        "changes": {"base": moved(0.0)},
    }
    adapters.register(candidate_of(tmp_path, base, {**metrics, "n": 60}))
    said = adapters.objection(adapters.all()[0])
    wanted = ("'pointing' answered 'none'", "unreadable answers to 'pointing'", "count error of 'pointing'", "F1 of 'pointing'")
    assert said and all(what in said for what in wanted) and "bounding" not in said


def test_a_gain_that_few_images_leave_unsure_passes_and_that_is_said(adapters, tmp_path, base):
    unsure = {"value": 0.05, "low": -0.03, "high": 0.13}
    wide = {**GOOD, "n": 20, "candidate": measured(0.6, "one", 20), "changes": {"base": unsure, "active": unsure}}
    adapters.register(candidate_of(tmp_path, base, wide))
    adapters.promote("one", by="maria", reason="better")
    assert "Whether the score got worse cannot be decided: 7 more held-out images are needed." in adapters.notes("one")


def test_a_label_without_held_out_marks_is_not_assessable():
    metrics = with_labels(ghost=slice_of(0, 4, 0.0), cell=slice_of(40, 40, 0.8))
    assert not_assessable(metrics) == ["ghost"]


def test_several_reasons_are_all_said(adapters, tmp_path, base):
    adapters.register(candidate_of(tmp_path, base, {**with_labels(cell=slice_of(40, 0, 0.0)), "blank_marks": 1}))
    said = adapters.objection(adapters.all()[0])
    assert "never says 'cell'" in said and "blank images" in said


def test_a_probe_that_gets_another_answer_speaks_against_it(store, tmp_path, base):
    asked = []
    probe = lambda adapter: asked.append(adapter.name) or "It answers otherwise."  # noqa: E731
    adapters = Adapters(store, str(base), tmp_path, probe)
    adapters.register(candidate_of(tmp_path, base, GOOD))
    with pytest.raises(BadModel, match="answers otherwise"):
        adapters.promote("one", by="maria", reason="better")
    assert asked == ["one"]
