"""The run folder: all that `pdc` and `finetune` say to each other. Standard library only.

<home>/runs/<name>/
    config.json     the TrainConfig
    data/           manifest.json, train.jsonl, held_out.jsonl
    process.json    pid and start time of the process that trains
    log.jsonl       one JSON object a line: step, steps, loss, seconds_left, or a message
    output.txt      what the process printed
    STOP            exists when somebody asked it to stop
    FAILED          one sentence: why it ended early
    STOPPED         exists when it ended because it was asked to
    adapter/        the LoRA weights and pdc.json
    checkpoints/    what a killed run goes on from
    changes.html    pictures of held-out images that the adapter answers otherwise than what served then
    metrics.json    base, active and candidate on the held-out images
    COMPLETE        written last: every file's sha256
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pdc.domain import Task
from pdc.errors import BadSetting, NotFound

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
OPTIMIZERS = ("adamw", "muon")
SMALL_HIDDEN = 512  # a language model at most this wide is small enough to be trained hard on a CPU

EVEN_TASKS: Mapping[str, float] = {
    Task.COUNT_AND_BOX: 3.0, Task.BOUNDING: 1.0, Task.POINTING: 1.0, Task.CNT_AND_POINT: 1.0, Task.COUNTING: 1.0,
}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How one adapter is trained. Saved beside the weights it led to."""

    model: str
    """base model: a folder or a hub name"""
    quantization: str = "nf4"
    """nf4 (QLoRA, 4 bit) or none (bf16 or float32 weights)"""
    device: str = "auto"
    """auto, cpu or cuda"""
    parent: str | None = "active"
    """adapter to go on from: `active`, a registered name, or None for a fresh one on the base"""
    rank: int = 16
    """rank of the LoRA matrices; 8, 16, 32 or 64 can be served by vLLM. Ignored when there is a parent"""
    alpha: int = 32
    """LoRA scale: the update is multiplied by alpha / rank. Ignored when there is a parent"""
    vision: bool = False
    """LoRA on the vision blocks too: for kinds of image the base never saw. Such an adapter serves in process only"""
    optimizer: str = "adamw"
    """adamw, or muon (Jordan 2024): orthogonal updates of the size AdamW's would have"""
    lr: float = 2e-4
    """peak learning rate; rises over 3 % of the steps, then falls to zero on a cosine"""
    epochs: float = 5.0
    """how often each row is asked about, each time with another question and, with `augment`, another view"""
    batch: int = 4
    """questions per optimiser step"""
    questions: int = 2
    """questions about each view of an image, which goes through the model once for them"""
    replay: float = 0.25
    """share of the views that show what the model knew before, so that it is not forgotten; needs `replay_data`"""
    replay_data: str | None = None
    """what the model knew before: `drawn` (the embedded model's kinds), a COCO file, or None"""
    preference: float = 0.0
    """weight of preferring the reader's answer to the prediction it corrects (DPO), beside learning it; 0 only learns it"""
    beta: float = 0.1
    """how strongly a preference holds the model to what it was before (DPO's beta, 1 / nats)"""
    one_list: bool = True
    """answer all five tasks from one list of marks where the base does so; False teaches each task by itself"""
    max_seconds: float = 3600.0
    """training time, seconds; the learning rate falls to zero by then even if the epochs are not done"""
    seed: int = 1
    """seeds the LoRA matrices, the order, the questions and the views"""
    augment: bool = True
    """flips, quarter turns and scale changes of image and marks together"""
    tasks: Mapping[str, float] = field(default_factory=lambda: dict(EVEN_TASKS))
    """how often each task is asked, as weights; a row is asked only what its marks can answer"""
    held_out_limit: int = 100
    """held-out questions each model is asked after training, spread evenly; `finetune evaluate` asks all of them"""
    log_every: int = 5
    """optimiser steps between two lines of log.jsonl"""
    save_every: int = 50
    """optimiser steps between two checkpoints, from which a killed run goes on"""

    @classmethod
    def for_model(cls, model: str, **changes: Any) -> TrainConfig:
        """Defaults that fit the model: one at most 512 wide gets vision LoRA, a higher rate, many epochs and much replay."""
        small = _hidden_size(model) <= SMALL_HIDDEN
        start: dict[str, Any] = dict(
            vision=True, lr=1e-3, rank=32, alpha=64, epochs=120.0, batch=8, max_seconds=720.0, replay=0.5, replay_data="drawn",
        ) if small else {}
        return cls(model=model, **{**start, **changes}).checked()

    def checked(self) -> TrainConfig:
        """Itself, or BadSetting naming the field, its value and what was expected."""
        for name in ("rank", "alpha", "lr", "epochs", "batch", "max_seconds", "held_out_limit", "log_every", "questions",
                     "save_every"):
            if not getattr(self, name) > 0:
                raise BadSetting(f"{name} is {getattr(self, name)}; it needs a number above 0.")
        if not 0 <= self.replay < 1:
            raise BadSetting(f"replay is {self.replay}; it needs a share from 0 up to but not including 1.")
        if self.preference < 0 or not self.beta > 0:
            raise BadSetting(f"preference is {self.preference} and beta {self.beta}; they need 0 or more, and above 0.")
        if self.optimizer not in OPTIMIZERS:
            raise BadSetting(f"optimizer is {self.optimizer!r}; use {' or '.join(OPTIMIZERS)}.")
        if self.quantization not in ("nf4", "none"):
            raise BadSetting(f"quantization is {self.quantization!r}; use nf4 or none.")
        if unknown := set(self.tasks) - set(Task):
            raise BadSetting(f"There is no task {min(unknown)!r}; use {', '.join(Task)}.")
        if not sum(self.tasks.values()) > 0 or min(self.tasks.values()) < 0:
            raise BadSetting("The task weights need to be 0 or more, and one of them above 0.")
        return self

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TrainConfig:
        known = {f.name for f in fields(cls)}
        if unknown := set(value) - known:
            raise BadSetting(f"config.json has a field {min(unknown)!r} that this version does not know.")
        return cls(**value).checked()


def _hidden_size(model: str) -> int:
    """Width of the language model in a local folder; a very large number for anything else."""
    path = Path(model) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return int(config.get("text_config", config)["hidden_size"])
    except (OSError, ValueError, KeyError):
        return 1 << 30


class RunStatus(StrEnum):
    PREPARED = "prepared"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Run:
    """One run folder. Every method touches only files in it."""

    folder: Path

    @classmethod
    def create(cls, runs: Path, config: TrainConfig, name: str | None = None) -> Run:
        """A new folder under `runs` with config.json in it; BadSetting when the name is taken or cannot be one."""
        name = name or datetime.now(UTC).strftime("fold-%Y%m%d-%H%M%S-%f")[:-3]
        if not NAME.fullmatch(name):
            raise BadSetting(f"A run's name has 1 to 64 letters, digits and . - _ in it; this is {name!r}.")
        run = cls(runs / name)
        try:
            run.folder.mkdir(parents=True)
        except FileExistsError:
            raise BadSetting(f"There is already a run {name!r}; choose another name.") from None
        write_json(run.folder / "config.json", config.to_json())
        return run

    @classmethod
    def open(cls, runs: Path, name: str) -> Run:
        """The run of that name, or NotFound."""
        if not NAME.fullmatch(name) or not (runs / name / "config.json").is_file():
            raise NotFound(f"There is no run {name!r}.")
        return cls(runs / name)

    @classmethod
    def all(cls, runs: Path) -> list[Run]:
        """Every run under `runs`, oldest first."""
        found = [cls(path.parent) for path in runs.glob("*/config.json")]
        return sorted(found, key=lambda run: (run.folder / "config.json").stat().st_mtime_ns)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def adapter(self) -> Path:
        return self.folder / "adapter"

    @property
    def output(self) -> Path:
        return self.folder / "output.txt"

    @property
    def config(self) -> TrainConfig:
        return TrainConfig.from_json(read_json(self.folder / "config.json") or {})

    def append_log(self, **row: object) -> None:
        """One line of log.jsonl, in one write, so that a reader never sees half of it joined to another."""
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def log(self) -> list[dict[str, Any]]:
        """The rows so far; a line that a kill cut short is left out."""
        try:
            lines = (self.folder / "log.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        return [row for row in map(_parsed, lines) if row is not None]

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        write_json(self.folder / "metrics.json", metrics)

    def metrics(self) -> dict[str, Any]:
        """What metrics.json says; empty before the evaluation."""
        return read_json(self.folder / "metrics.json") or {}

    def write_process(self, pid: int, created: float) -> None:
        """Who trains: process id and its start time in seconds since 1970, which together are never reused."""
        write_json(self.folder / "process.json", {"pid": pid, "created": created})

    def process(self) -> tuple[int, float] | None:
        value = read_json(self.folder / "process.json")
        return (int(value["pid"]), float(value["created"])) if value else None

    def ask_to_stop(self) -> None:
        (self.folder / "STOP").touch()

    @property
    def stop_asked(self) -> bool:
        return (self.folder / "STOP").exists()

    def mark_stopped(self) -> None:
        (self.folder / "STOPPED").touch()

    def mark_failed(self, sentence: str) -> None:
        (self.folder / "FAILED").write_text(sentence + "\n", encoding="utf-8")

    @property
    def failure(self) -> str | None:
        """Why it ended early, as one sentence."""
        path = self.folder / "FAILED"
        return path.read_text(encoding="utf-8").strip() if path.exists() else None

    def mark_complete(self) -> None:
        """Write COMPLETE: sha256 of config, data, metrics and adapter files. Everything is on the disk before it is."""
        paths = [p for p in sorted(self.folder.rglob("*")) if p.is_file() and self._is_kept(p)]
        for path in paths:
            _sync(path)
        write_json(
            self.folder / "COMPLETE", {"files": {p.relative_to(self.folder).as_posix(): sha256(p) for p in paths}}
        )

    def _is_kept(self, path: Path) -> bool:
        top = path.relative_to(self.folder).parts[0]
        return top in ("config.json", "metrics.json", "data", "adapter")

    def is_complete(self) -> bool:
        """Whether COMPLETE is there and every file it names is still as it was."""
        marker = read_json(self.folder / "COMPLETE")
        if not marker:
            return False
        paths = {self.folder / name: digest for name, digest in marker["files"].items()}
        return all(path.is_file() and sha256(path) == digest for path, digest in paths.items())

    def status(self, alive: bool) -> RunStatus:
        """What the folder says; `alive` is whether the process in process.json still runs."""
        if (self.folder / "COMPLETE").exists():
            return RunStatus.COMPLETE
        if alive:
            return RunStatus.RUNNING
        if (self.folder / "FAILED").exists():
            return RunStatus.FAILED
        if (self.folder / "STOPPED").exists():
            return RunStatus.STOPPED
        return RunStatus.PREPARED if self.process() is None else RunStatus.FAILED


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace the file at once and durably: a kill leaves the old text or the new."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    _sync(path.parent)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None when there is no file or no JSON object in it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
