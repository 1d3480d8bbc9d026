"""What `train` does: reviews -> training folder -> LoRA -> measured candidate in the registry."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.cli.failure import sentence
from finetune.evaluate.compare import ACTIVE, BASE, CANDIDATE, Choose, Comparison, Stopped, compare
from finetune.evaluate.conformal import choose_from_reviews, keep_thresholds
from finetune.evaluate.metrics import Evaluation
from finetune.evaluate.side_by_side import picture_changes
from finetune.evaluate.tables import table
from finetune.train import distributed
from pdc.adapters.registry import Adapters, is_there
from pdc.adapters.saved_work import saved_work
from pdc.compose import adapters_of, open_store
from pdc.domain.errors import BadSetting
from pdc.domain.progress import Progress, unseen
from pdc.domain.values import Adapter, Question, RunStatus, Task
from pdc.inference.adapter_ref import AdapterRef, Route, Wanted
from pdc.inference.experts.registry import Experts
from pdc.inference.predictors.local import LocalPredictor
from pdc.jobs.training import by_hand
from pdc.settings import Settings
from pdc.store.records import RunRecord
from pdc.store.store import Store
from pdc.training.config import TrainConfig
from pdc.training.process import ProcessTrainer, is_alive, process_start, say_alive
from pdc.training.run_folder import Run

if TYPE_CHECKING:
    from finetune.data.dataset import Row
    from finetune.evaluate.kept.answers import KeptAnswers
    from finetune.train.trainer import Trained


GOLDEN_SEED = 77
Say = Callable[[str], None]


def fold(settings: Settings, config: Callable[[], TrainConfig], name: str | None, known: str | None, progress: Progress) -> None:
    """Fold the current reviews into a new adapter, measure it and register it as a candidate.

    `known` is a run that was prepared or interrupted; without it a new one is made, by `config`, called `name`.
    """
    with distributed.joined_processes(settings.device):
        if distributed.rank():
            _help(settings)
        else:
            _lead(settings, config, name, known, progress)


def _lead(settings: Settings, config: Callable[[], TrainConfig], name: str | None, known: str | None, progress: Progress) -> None:
    """What one process does, alone or as the first of torchrun's."""
    run = _opened(Run.open(settings.runs.resolve(), known)) if known else _new_run(settings, config, name)
    run.write_process(os.getpid(), process_start(os.getpid()) or 0.0)
    say_alive(run)
    try:
        store = open_store(settings)
        _note_running(store, run)
        with _failure_noted(store, run), by_hand(settings, store, run, getpass.getuser()):
            store.set_run_status(run.name, _train(run, settings, store, progress))
    except BaseException as error:
        with suppress(OSError):  # a full disk must not hide what went wrong
            run.mark_failed(sentence(error))
        raise


def _help(settings: Settings) -> None:
    """What the other processes of torchrun do: train along, and write nothing."""
    from finetune.data.dataset import learnable, read_rows

    told: tuple[Path, tuple[str, Path] | None] | None = distributed.broadcast(None)
    assert told is not None  # rank 0 tells once it has made the training set
    run, parent = Run(told[0]), told[1]
    _learn(run, learnable(read_rows(run.data / "train.jsonl", [settings.images])), parent, lambda text: None)


def _note_running(store: Store, run: Run) -> None:
    if run.name in {r.name for r in store.runs()}:
        store.set_run_status(run.name, RunStatus.RUNNING)
    else:
        store.add_run(RunRecord(run.name, str(run.folder), RunStatus.RUNNING, datetime.now(UTC)))


@contextmanager
def _failure_noted(store: Store, run: Run) -> Iterator[None]:
    try:
        yield
    except BaseException:
        store.set_run_status(run.name, RunStatus.FAILED)
        raise


def _new_run(settings: Settings, config: Callable[[], TrainConfig], name: str | None) -> Run:
    if other := ProcessTrainer(settings).running():
        raise BadSetting(f"The run {other} is still training; wait for it, or stop it from the Training tab.")
    return Run.create(settings.runs.resolve(), config(), name)


def _opened(run: Run) -> Run:
    """A run that was prepared or interrupted, ready to go on."""
    if run.is_complete():
        raise BadSetting(f"The run {run.name} is complete; start a new one.")
    if is_alive(run) and run.process() != (os.getpid(), process_start(os.getpid())):
        raise BadSetting(f"The run {run.name} is still training; wait for it.")
    ended = [run.folder / mark for mark in ("STOPPED", "FAILED") if (run.folder / mark).exists()]
    for path in [*ended, run.folder / "STOP"] if ended else ():  # asked to stop before it began, it still stops
        path.unlink(missing_ok=True)
    return run


def _train(run: Run, settings: Settings, store: Store, progress: Progress) -> RunStatus:
    from finetune.cli.suspicions import compare_before_training
    from finetune.data.dataset import learnable, measurable, read_rows, refuse_leaks, thin_out

    adapters = adapters_of(settings, store)
    adapters.ensure_shipped()
    say = _teller(run)
    if not (run.data / "manifest.json").exists():  # a run that goes on keeps its data
        say("Building the training set from the current reviews.")
        build_data(store, settings, run, adapters, progress)
    compare_before_training(run, settings, store, say, progress)
    rows, held_out = (read_rows(run.data / f"{part}.jsonl", [settings.images]) for part in ("train", "held_out"))
    refuse_leaks(rows, held_out)
    rows, held_out = learnable(rows), measurable(held_out)
    if not rows:
        raise BadSetting("Every review is marked incomplete and has no mark, so it teaches nothing; complete some reviews first.")
    say(f"{len(rows)} reviewed questions to learn from, {len(held_out)} held out. Loading the model.")
    done = _fold(run, adapters, rows, say, progress)
    say(f"Learnt from {done.examples} examples in {done.seconds:.0f} s ({done.examples / done.seconds:.1f} a second).")
    _tell_steps(run, done)
    measured = thin_out(held_out, run.config.held_out_limit)
    if done.stopped or not _measure(run, settings, adapters, measured, done, say):
        run.mark_stopped()
        say("Stopped as asked; the adapter was not registered.")
        return RunStatus.STOPPED
    _keep_golden(run, rows[0].question.labels)
    run.mark_complete()
    adapter = adapters.register(run)
    say(f"Registered {adapter.name}. It does not serve yet.")
    work = saved_work(adapter.metrics)
    if work:
        say(work.sentence())
    if work and work.makes_work:
        print("It makes work, so it is not offered; review more images, or train longer.")
    else:
        print(f"Let it serve: python -m finetune promote {adapter.name}")
    return RunStatus.COMPLETE


def build_data(store: Store, settings: Settings, run: Run, adapters: Adapters, progress: Progress = unseen) -> None:
    """manifest.json, train.jsonl and held_out.jsonl from the current reviews, in the words that were taught to what serves."""
    from pdc.compose import images_of
    from pdc.inference.answer_settings import taught
    from pdc.training.dataset_export import export_training_set
    from pdc.training.readers import check_known, not_left_out

    known = taught(settings.model, *(a.folder for a in adapters.route().able)) or frozenset()
    check_known(store, run.config.without_readers, run.config.without_images)
    wanted = not_left_out(store, run.config)
    export_training_set(store, images_of(settings), run.data, taught=known, wanted=wanted, progress=progress)


def _fold(run: Run, adapters: Adapters, rows: list[Row], say: Say, progress: Progress) -> Trained:
    asked = frozenset(label for row in rows for label in row.question.labels)
    parent = parent_of(run.config, adapters, say, asked)
    distributed.broadcast((run.folder, parent))
    return _learn(run, rows, parent, say, progress)


def _learn(run: Run, rows: list[Row], parent: tuple[str, Path] | None, say: Say, progress: Progress = unseen) -> Trained:
    from finetune.data.replay import replay_rows
    from finetune.train.trainer import train
    from pdc.inference.qwen import load

    config = run.config
    qwen = load(config.model, **config.loading)
    known = replay_rows(config.replay_data, run.folder / f"replay-{distributed.rank()}")  # each draws its own: nobody waits
    return train(run, qwen, rows, parent, say, known, progress)


def _keep_golden(run: Run, labels: Sequence[str]) -> None:
    """What the new adapter answers about three drawings; loaded as it will serve."""
    from PIL import Image

    from finetune.data.drawings import fluorescence, mucosa, smear
    from pdc.adapters import golden_images

    drawn = [Image.fromarray(draw(np.random.default_rng(GOLDEN_SEED)).image) for draw in (smear, fluorescence, mucosa)]
    question = Question(Task.COUNT_AND_BOX, tuple(labels))
    golden_images.record(run.adapter, predictor_of(run.config, AdapterRef(run.name, str(run.adapter))), drawn, question)


def predictor_of(config: TrainConfig, wanted: AdapterRef) -> LocalPredictor:
    """A model of its own with that adapter; it loads at the first question."""
    from pdc.inference.qwen import load

    return LocalPredictor(lambda: load(config.model, **config.loading), lambda: wanted)


def parent_of(config: TrainConfig, adapters: Adapters, say: Say, asked: frozenset[str] = frozenset()) -> tuple[str, Path] | None:
    """Name and folder of the adapter to go on from. `active` is the one that answers about most of the `asked` labels (none:
    the one promoted last); it is passed over, aloud, when it does not fit."""
    from finetune.train.lora import can_continue

    if config.parent is None:
        return None
    active = config.parent == "active"
    adapter = _adapter_about(asked, adapters, say) if active else adapters.get(config.parent)
    if adapter is None:
        return None
    if active and not adapters.fits(adapter):
        why = f"{adapter.name} was trained on other weights" if is_there(adapter) else f"The folder of {adapter.name} is missing"
        say(f"{why}, so a fresh adapter is trained.")
        return None
    adapters.verify(adapter.name)
    if can_continue(Path(adapter.path), config):
        return adapter.name, Path(adapter.path)
    if active:
        say(f"{adapter.name} has its weights in other places than this run asks for, so a fresh adapter is trained.")
        return None
    raise BadSetting(f"{adapter.name} was trained with vision={not config.vision}; use the same, or --parent none.")


def _adapter_about(asked: frozenset[str], adapters: Adapters, say: Say) -> Adapter | None:
    """Of the adapters that serve the one that answers about most of these labels; None, aloud, where none does."""
    route = adapters.route()
    named = [name for a in route.adapters if (name := a.named)]
    shares = {name: _in_common(asked, route, name) for name in named}
    best = max(named, key=lambda name: shares[name], default=None)
    if best and asked and not shares[best]:
        say(f"{route.name or best} answers about none of these labels, so a fresh adapter is trained, to serve beside.")
        return None
    return adapters.get(best) if best else None


def _in_common(asked: frozenset[str], route: Route, name: str) -> int:
    share = route.share(name)
    return len(asked & share if share else asked)


def _tell_steps(run: Run, done: Trained) -> None:
    """How much of the plan was done, on the terminal and as the log's last row of steps."""
    text = done.sentence(run.name)
    print(text, flush=True)
    run.append_log(message=text, step=done.steps, steps=done.planned, share=1.0)


def _measure(run: Run, settings: Settings, adapters: Adapters, held_out: list[Row], done: Trained, say: Say) -> bool:
    """Write metrics.json for base, active and candidate, and how far training came; False when stopped on the way."""
    if not held_out:
        say("No image is held out yet, so nothing was measured.")
        return True
    config, candidate, started = run.config, AdapterRef(run.name, str(run.adapter)), time.monotonic()
    try:
        found = compare_with(config, adapters, candidate, held_out, say, lambda: run.stop_asked, choose=choose_from_reviews)
        keep_thresholds(run.adapter, found.chosen, say)
        sets = _on_sets(run, settings, adapters, (time.monotonic() - started) / len(held_out), say)
    except Stopped:
        return False
    training = {**done.to_json(), "elapsed": _elapsed()}
    run.write_metrics({**found.to_json(), "training": training, "sets": sets, "suspicions": run.suspicions()})
    run.write_changes(picture_changes(found.answers[ACTIVE], found.answers[CANDIDATE]))
    print(table(_titles(found.evaluations)), flush=True)
    return True


def _elapsed() -> float:
    """Seconds since this process began: loading, training and measuring."""
    return round(time.time() - (process_start(os.getpid()) or time.time()), 1)


def _on_sets(run: Run, settings: Settings, adapters: Adapters, pace: float, say: Say) -> dict[str, Any]:
    """metrics["sets"] of the new adapter; `pace`: the seconds that a held-out question took."""
    from finetune.cli.sets.measuring import Limits, SetMeasuring

    stop, limits = lambda: run.stop_asked, Limits(pace=pace)
    measuring = SetMeasuring(settings, open_store(settings), adapters, run.config, compare_with, say, stop, limits=limits)
    return measuring.on_open_sets(AdapterRef(run.name, str(run.adapter)))


def compare_with(
    how: Settings | TrainConfig,
    adapters: Adapters,
    candidate: Wanted,
    rows: list[Row],
    say: Say = lambda text: None,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress = unseen,
    choose: Choose = lambda cases: {},
    looks: int = 1,
    kept: KeptAnswers | None = None,
) -> Comparison:
    """Base, active and candidate on the same rows. The model is loaded anew, as `how` says: what is measured is what serves now,
    and what would once the candidate is promoted."""
    from pdc.inference.qwen import load

    serving = adapters.route()
    qwen = load(how.model, **how.loading)
    then = serving.beside(candidate) if isinstance(candidate, AdapterRef) else candidate
    wanted = {BASE: Route(), ACTIVE: serving, CANDIDATE: then}
    experts = experts_beside(how.model, adapters.home)
    return compare(
        qwen, rows, wanted, report=say, stop=stop, progress=progress, experts=experts, choose=choose, looks=looks, kept=kept
    )


def experts_beside(model: str, home: Path) -> Experts:
    """The experts that serve beside this model, those under PDC_HOME included, unless PDC_EXPERTS switches them off."""
    return Experts(model, home) if Settings.from_env().experts else Experts()


def _titles(evaluations: Mapping[str, Evaluation]) -> dict[str, Evaluation]:
    return {f"{name} ({e.adapter or e.model})": e for name, e in evaluations.items()}


def _teller(run: Run) -> Say:
    """Says a sentence on the terminal and in the run's log."""

    def say(text: str) -> None:
        print(text, flush=True)
        run.append_log(message=text)

    return say
