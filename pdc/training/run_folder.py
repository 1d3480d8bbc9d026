"""The run folder: all that `pdc` and `finetune` say to each other. Standard library only.

<home>/runs/<name>/
    config.json     the TrainConfig
    data/           manifest.json, train.jsonl, held_out.jsonl
    suspicions.json whose reviews chance does not explain, found before the training
    process.json    pid and start time of the process that trains, and its machine
    beat            touched every few seconds by that process, for machines that cannot look for it
    log.jsonl       one JSON object a line: step, steps, loss, seconds_left, or a message
    output.txt      what the process printed
    STOP            exists when somebody asked it to stop
    FAILED          one sentence: why it ended early
    STOPPED         exists when it ended because it was asked to
    adapter/        the LoRA weights and pdc.json
    checkpoints/    what a killed run goes on from
    changes.json    held-out images that the adapter answers otherwise than what served then, with the marks of both
    kept_old.json   who kept what served instead of what this run made, and when
    metrics.json    base, active and candidate on the held-out images
    COMPLETE        written last: every file's sha256
"""

from __future__ import annotations

import json
import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.values import RunStatus
from pdc.files import read_json, sha256, sync, write_json
from pdc.training.config import TrainConfig

SILENT_SECONDS = 120.0  # without a beat for longer, a run on another machine has ended
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


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

    def write_suspicions(self, report: Mapping[str, Any]) -> None:
        write_json(self.folder / "suspicions.json", report)

    def suspicions(self) -> dict[str, Any]:
        """What suspicions.json says; empty before the reviews were compared."""
        return read_json(self.folder / "suspicions.json") or {}

    def write_changes(self, pictures: Sequence[Mapping[str, Any]]) -> None:
        write_json(self.folder / "changes.json", {"pictures": list(pictures)})

    def changes(self) -> list[dict[str, Any]]:
        """The pictures of changes.json; empty where there are none."""
        return (read_json(self.folder / "changes.json") or {}).get("pictures", [])

    def keep_old(self, by: str) -> None:
        """Note that somebody saw what this run made, and keeps what serves."""
        write_json(self.folder / "kept_old.json", {"by": by, "at": datetime.now(UTC).isoformat(timespec="seconds")})

    @property
    def is_here(self) -> bool:
        """Whether it came to its end; unlike `is_complete`, no file is read through."""
        return (self.folder / "COMPLETE").exists()

    @property
    def old_kept(self) -> bool:
        return (self.folder / "kept_old.json").exists()

    @property
    def manifest(self) -> dict[str, Any]:
        """What the training data is made of; empty before it is."""
        return read_json(self.data / "manifest.json") or {}

    def write_process(self, pid: int, created: float) -> None:
        """Who trains: process id and its start time in seconds since 1970, which together are never reused on a machine."""
        self.beat()
        write_json(self.folder / "process.json", {"pid": pid, "created": created, "machine": platform.node()})

    def process(self) -> tuple[int, float] | None:
        value = read_json(self.folder / "process.json")
        return (int(value["pid"]), float(value["created"])) if value else None

    def is_elsewhere(self) -> bool:
        """Whether another machine trains, or another container: its processes cannot be seen from here."""
        return ((read_json(self.folder / "process.json") or {}).get("machine") or platform.node()) != platform.node()

    def beat(self) -> None:
        (self.folder / "beat").touch()

    def beats(self) -> bool:
        """Whether whoever trains said so lately. The clocks of machines that share the folder have to agree."""
        try:
            return time.time() - (self.folder / "beat").stat().st_mtime < SILENT_SECONDS
        except OSError:
            return False

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
            sync(path)
        write_json(self.folder / "COMPLETE", {"files": {p.relative_to(self.folder).as_posix(): sha256(p) for p in paths}})

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


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
