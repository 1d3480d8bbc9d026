"""Settings from the environment, read once at the start. `python -m pdc doctor` prints them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from pdc.domain.errors import BadSetting
from pdc.domain.prompts import STYLES

T = TypeVar("T")

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent  # where both packages are: a checkout, or what pip installs into


def _assets(package: Path) -> Path:
    """The folder of scripts, styles, example images and models: in the installed package, beside it in a checkout."""
    inside = package / "assets"
    return inside if inside.is_dir() else package.parent / "assets"


ASSETS = _assets(PACKAGE)
EMBEDDED_MODEL = ASSETS / "models" / "pdc-tiny"
LASTING = Path("/data")  # where Hugging Face mounts the lasting disk of a Space
MAX_PIXELS = 1_000_000
LOOKS = 1, 4  # from how many an answer may be voted
LEAST_PIXELS = 100_000  # with fewer a large model sees nothing


def _setting(variable: str, default: T, what: str, *, secret: bool = False) -> T:
    """`secret`: never shown, and read from the file that `<variable>_FILE` names where the variable itself is not set."""
    return field(default=default, metadata={"variable": variable, "what": what, "secret": secret})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every field is read from the variable in its metadata; the table in docs/deployment.md is checked against it."""

    home: Path = _setting("PDC_HOME", Path("pdc-data"), "folder for images, database, runs and adapters")
    database_url: str = _setting("PDC_DATABASE_URL", "", "SQLAlchemy URL; empty means SQLite in PDC_HOME", secret=True)
    database_password: str = _setting("PDC_DATABASE_PASSWORD", "", "password for a PDC_DATABASE_URL without one", secret=True)
    record_key: str = _setting("PDC_RECORD_KEY", "", "file with the record's key; empty: `record.key` beside the database")
    record_anchor: str = _setting(
        "PDC_RECORD_ANCHOR", "", "file that the record's last link is added to; empty: beside the database"
    )
    log: str = _setting("PDC_LOG", "text", "form of the log: `text`, or `json`, an object a line")
    log_level: str = _setting("PDC_LOG_LEVEL", "warning", "least severe messages of the log: `debug`, `info`, `warning`, `error`")
    metrics_token: str = _setting(
        "PDC_METRICS_TOKEN", "", "token with which a program reads `/metrics`, and nothing else", secret=True
    )
    stop_seconds: int = _setting("PDC_STOP_SECONDS", 10, "seconds that running requests have to end once PDC is told to stop")
    images_at: str = _setting(
        "PDC_IMAGES", "", "where images are kept: `s3://bucket/prefix`, or a folder; empty means `images` in PDC_HOME"
    )
    image_cache_mb: int = _setting(
        "PDC_IMAGE_CACHE_MB", 2000, "with an object store: MB of copies that this machine keeps of its images"
    )
    host: str = _setting("PDC_HOST", "127.0.0.1", "address to listen on; any but this machine's own demands a login")
    login: bool = _setting("PDC_LOGIN", False, "`on`: a login also on this machine's own address, as behind a proxy")
    idle_minutes: int = _setting("PDC_IDLE_MINUTES", 60, "minutes without work, after which a reader has to log in again")
    port: int = _setting("PDC_PORT", 7860, "port to listen on")
    model: str = _setting("PDC_MODEL", str(EMBEDDED_MODEL), "Qwen2.5-VL folder or hub name; empty means the embedded model")
    adapter: str = _setting("PDC_ADAPTER", "active", "`active` (the registry's), `none`, or a LoRA adapter's folder or hub name")
    experts: bool = _setting("PDC_EXPERTS", True, "`off`: the model answers for every label, without the experts in its folder")
    quantization: str = _setting("PDC_QUANTIZATION", "nf4", "`nf4` (4 bit) or `none` (bf16)")
    device: str = _setting("PDC_DEVICE", "auto", "`auto`, `cpu` or `cuda`")
    max_pixels: int = _setting(
        "PDC_MAX_PIXELS", MAX_PIXELS, "most pixels of an image that the model sees at once; what has more is shrunk, or tiled"
    )
    answer_style: str = _setting(
        "PDC_ANSWER_STYLE", "auto", "`compact-1` or `paper-1`: how a model or adapter is asked that does not say it itself"
    )
    looks: int = _setting("PDC_LOOKS", 1, "`4`: an answer for the screen is voted from four looks, and takes four times as long")
    max_upload_mb: int = _setting("PDC_MAX_UPLOAD_MB", 64, "largest upload, in MB")
    max_megapixels: int = _setting("PDC_MAX_MEGAPIXELS", 50, "largest image, in million pixels")

    api_per_minute: int = _setting(
        "PDC_API_PER_MINUTE", 600, "requests to `/api/v1` that are taken of one token a minute, by each process; 0: any number"
    )
    names: str = _setting("PDC_NAMES", "keep", "`number`: an upload is stored under a number instead of the name of its file")
    burned_in: str = _setting(
        "PDC_BURNED_IN",
        "ask",
        "text in an image that may say who somebody is: `ask`, `paint` it over, `refuse` the image, or `keep` it",
    )
    burned_in_any: bool = _setting("PDC_BURNED_IN_ANY", False, "`on`: all text counts, also scale bars and names of channels")
    least_free_mb: int = _setting(
        "PDC_LEAST_FREE_MB", 1000, "MB free on the disk, below which no upload is taken; below a tenth of it no save. 0: any"
    )
    visitor_images: int = _setting("PDC_VISITOR_IMAGES", 50, "on a public Space: most images of a visitor")
    visitor_mb: int = _setting("PDC_VISITOR_MB", 300, "on a public Space: most MB that a visitor's images take")
    visitor_questions: int = _setting("PDC_VISITOR_QUESTIONS", 20, "on a public Space: most questions of a visitor a minute")
    visitor_days: int = _setting(
        "PDC_VISITOR_DAYS", 7, "on a public Space: days after a visitor's last visit, after which their images go; 0: never"
    )

    server_url: str = _setting("PDC_SERVER_URL", "", "OpenAI-compatible server that answers instead of a model in this process")
    server_model: str = _setting("PDC_SERVER_MODEL", "", "what that server calls the model, when not as `PDC_MODEL` does")
    server_key: str = _setting("PDC_SERVER_KEY", "", "key of that server; `serve-model` demands it of others", secret=True)
    server_seconds: int = _setting("PDC_SERVER_SECONDS", 120, "longest wait for one answer of that server, in seconds")

    answer_pool: bool = _setting(
        "PDC_ANSWER_POOL", True, "`off`: images are answered when somebody opens them or will soon, and not all while PDC is idle"
    )
    offer_training: int = _setting(
        "PDC_OFFER_TRAINING", 20, "after so many reviews a line beside the list offers whoever may train a training; 0: never"
    )
    adjudicators: str = _setting(
        "PDC_ADJUDICATORS", "", "who makes the consensus of several readers, with commas; empty: whoever reads none of the image"
    )
    jobs: str = _setting(
        "PDC_JOBS", "all", "jobs that the app does itself: `all`, `none`, or kinds with commas; `pdc work` does the others"
    )
    launcher: str = _setting(
        "PDC_LAUNCHER", "local", "where jobs start processes: `local`, `ray` (this machine's cluster), or a Ray cluster's address"
    )
    ray_gpus: int = _setting("PDC_RAY_GPUS", 0, "GPUs of the cluster that each such process takes")
    timing: bool = _setting(
        "PDC_TIMING",
        False,
        "`on`: active seconds, pointer moves and keys are kept beside each review, in the database and nowhere else",
    )
    blind: bool = _setting("PDC_BLIND", False, "`on`: each reader saves a read of their own before the model is shown")

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Settings from `env`; unset or empty variables keep their default. On a Hugging Face Space all hosts are served, and
        its lasting disk is the home where it has one."""
        values = {}
        for f in fields(cls):
            text = env.get(f.metadata["variable"], "").strip() or (
                _in_file(env, f.metadata["variable"]) if f.metadata["secret"] else ""
            )
            if text:
                values[f.name] = _parse(f.metadata["variable"], text, f.default)
        if env.get("SPACE_ID"):
            values = {"host": "0.0.0.0", **_lasting_home(), **values}
        if password := values.get("database_password"):
            values["database_url"] = _with_password(str(values.get("database_url", "")), str(password))
        return cls(**values).checked()

    def checked(self) -> Settings:
        """Itself, or BadSetting naming the variable, its value and what was expected."""
        _one_of("PDC_QUANTIZATION", self.quantization, ("nf4", "none"))
        _one_of("PDC_NAMES", self.names, ("keep", "number"))
        _one_of("PDC_BURNED_IN", self.burned_in, ("ask", "paint", "refuse", "keep"))
        _one_of("PDC_LOG", self.log, ("text", "json"))
        _one_of("PDC_LOG_LEVEL", self.log_level, ("debug", "info", "warning", "error"))
        _one_of("PDC_DEVICE", self.device, ("auto", "cpu", "cuda"))
        _one_of("PDC_ANSWER_STYLE", self.answer_style, ("auto", *STYLES))
        if self.max_pixels < LEAST_PIXELS:
            raise BadSetting(f"PDC_MAX_PIXELS is {self.max_pixels}; use at least {LEAST_PIXELS}.")
        check_looks("PDC_LOOKS", self.looks)
        if self.offer_training < 0:
            raise BadSetting(f"PDC_OFFER_TRAINING is {self.offer_training}; use 0 or more.")
        for name in ("api_per_minute", "least_free_mb", "visitor_images", "visitor_mb", "visitor_questions", "visitor_days"):
            if getattr(self, name) < 0:
                raise BadSetting(f"PDC_{name.upper()} is {getattr(self, name)}; use 0 or more.")
        if self.stop_seconds < 0:
            raise BadSetting(f"PDC_STOP_SECONDS is {self.stop_seconds}; use 0 or more.")
        if self.image_cache_mb < 100:
            raise BadSetting(f"PDC_IMAGE_CACHE_MB is {self.image_cache_mb}; use at least 100.")
        if self.server_seconds < 1:
            raise BadSetting(f"PDC_SERVER_SECONDS is {self.server_seconds}; use at least 1.")
        if self.idle_minutes < 1:
            raise BadSetting(f"PDC_IDLE_MINUTES is {self.idle_minutes}; use at least 1.")
        if not 1 <= self.port <= 65535:
            raise BadSetting(f"PDC_PORT is {self.port}; use a port from 1 to 65535.")
        return self

    @property
    def url(self) -> str:
        return self.database_url or f"sqlite:///{(self.home / 'pdc.sqlite3').resolve()}"

    @property
    def base(self) -> str:
        """The model's name in the registry of adapters: the last part of its folder, or its hub name."""
        return Path(self.model).name if Path(self.model).is_dir() else self.model

    @property
    def loading(self) -> dict[str, Any]:
        """How the model is loaded: what `pdc.inference.qwen.load` takes beside its name."""
        style = None if self.answer_style == "auto" else self.answer_style
        chosen = {"quantization": self.quantization, "device": self.device}
        return {**chosen, "max_pixels": self.max_pixels, "answer_style": style}

    @property
    def adjudicator_names(self) -> tuple[str, ...]:
        return tuple(name for part in self.adjudicators.split(",") if (name := part.strip()))

    @property
    def images(self) -> Path:
        return self.home / "images"

    @property
    def runs(self) -> Path:
        return self.home / "runs"

    @property
    def space(self) -> bool:
        """Whether this is a public Space on Hugging Face, where visitors need no login; `PDC_LOGIN=on` makes it a house of
        its own."""
        return bool(os.environ.get("SPACE_ID")) and not self.login

    @property
    def lasts(self) -> bool:
        """Whether what is stored is still there after the machine of a Space restarts."""
        return self.home.is_relative_to(LASTING) or bool(self.database_url)

    @property
    def needs_login(self) -> bool:
        """A login is asked for wherever others can reach the app, except on a Space, which has its own."""
        return self.login or (self.host not in ("127.0.0.1", "localhost", "::1") and not self.space)


def _in_file(env: Mapping[str, str], variable: str) -> str:
    """The secret in the file that `<variable>_FILE` names; empty where it names none."""
    if not (path := env.get(f"{variable}_FILE", "").strip()):
        return ""
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(
            f"{variable}_FILE names {path}, which cannot be read ({error}); check the path and its rights."
        ) from None


def _with_password(url: str, password: str) -> str:
    """The database's URL with its password. BadSetting where that has no place there."""
    scheme, _, rest = url.partition("://")
    user, at, place = rest.partition("@")
    if not at or ":" in user:
        raise BadSetting(
            "PDC_DATABASE_PASSWORD is set, so PDC_DATABASE_URL needs a user and no password, as in postgresql+psycopg://pdc@host/pdc."
        )
    return f"{scheme}://{user}:{quote(password, safe='')}@{place}"


def _lasting_home() -> dict[str, object]:
    """The disk that a Space has beside its own, which lasts when it restarts."""
    return {"home": LASTING / "pdc"} if LASTING.is_dir() and os.access(LASTING, os.W_OK) else {}


def check_looks(name: str, looks: int) -> int:
    """The number of looks itself, or BadSetting naming what said it."""
    if looks not in LOOKS:
        raise BadSetting(f"{name} is {looks}; use {' or '.join(map(str, LOOKS))}.")
    return looks


def _parse(variable: str, text: str, default: object) -> object:
    if isinstance(default, bool):
        _one_of(variable, text.lower(), ("on", "off"))
        return text.lower() == "on"
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError:
            raise BadSetting(f"{variable} is {text!r}; it needs a whole number.") from None
    return Path(text).expanduser() if isinstance(default, Path) else text


def _one_of(variable: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadSetting(f"{variable} is {value!r}; use one of {', '.join(allowed)}.")
