"""What a model server offers, found out once: names, adapters, and the parts of a question that it does without."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pdc.domain.errors import BadModel
from pdc.inference.adapter_folder import has_vision
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.answer_settings import AnswerSettings, adapter_settings, base_settings, labels_of
from pdc.inference.openai.http import HttpClient, RequestRefused, TooMuch
from pdc.settings import MAX_PIXELS

log = logging.getLogger(__name__)
OPTIONAL = (("logprobs", "top_logprobs"), ("response_format",))  # left out, in this order, when a server refuses them


@dataclass(frozen=True, slots=True)
class OfferedNames:
    """The names that a server answers to, whether it is PDC's own, which proposes marks too, and the most pixels of an image
    that each of them sees, where the server says so."""

    names: frozenset[str]
    is_ours: bool
    max_pixels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model that answers now: its id at the server, whether that proposes marks, what its folder says of it, and the most
    pixels of an image that it may see."""

    model: str
    proposes: bool
    adapter: str | None
    settings: AnswerSettings
    labels: frozenset[str]
    budget: int
    halvings: int = 0

    @property
    def max_pixels(self) -> int:
        """The most pixels of an image that it is sent: its budget, halved where that was too much for the server."""
        return self.budget >> self.halvings


class ServerOffer:
    """What a server offers, for any thread. `folder`, `model`, `most` and `style` are as in `RemotePredictor`; `named` says
    that a setting names the model.

    What was found out lies in values that never change; another takes their place under `_lock`.
    """

    def __init__(
        self, wire: HttpClient, folder: str, model: str, named: bool, most: int = MAX_PIXELS, style: str | None = None
    ) -> None:
        self.wire, self.folder, self.model, self._named, self._most, self._style = wire, folder, model, named, most, style
        self._lock, self._loading = threading.Lock(), threading.Lock()
        self._names: OfferedNames | None = None
        self._left_out: frozenset[str] = frozenset()
        self._served_as: dict[AdapterRef, ServedModel] = {}
        self.last: ServedModel | None = None

    def served(self, wanted: AdapterRef) -> ServedModel:
        """Who answers. PdcError when the server is away, or does not serve that. Threads with different wishes get their own."""
        offer, served = self._known(), self._served_as.get(wanted)
        if served is None:
            served = self._served_as[wanted] = self._serve(offer, wanted)
        self.last = served
        return served

    def _known(self) -> OfferedNames:
        """What the server offers. Threads that find it out at once find the same: none waits for another's retries."""
        offer = self._names or self._probe()
        with self._lock:
            self._names = self._names or offer
            return self._names

    def _probe(self) -> OfferedNames:
        said = self.wire.get("/v1/models")
        try:
            offered = {m["id"]: m.get("owned_by") for m in said["data"]}
            pixels = {m["id"]: int(m["max_pixels"]) for m in said["data"] if m.get("max_pixels")}
        except (TypeError, KeyError, ValueError):
            raise BadModel(f"{self.wire.url} is not an OpenAI-compatible server; check PDC_SERVER_URL.") from None
        if self.model not in offered and not self._named:  # some servers answer for more than they list
            names = ", ".join(sorted(offered)) or "no model"
            raise BadModel(f"The model server serves {names}, not {self.model}; set PDC_SERVER_MODEL to the one to ask.")
        return OfferedNames(frozenset({*offered, self.model}), offered.get(self.model) == "pdc", pixels)

    def _serve(self, offer: OfferedNames, wanted: AdapterRef) -> ServedModel:
        labels = labels_of(self.folder)
        if wanted.folder is None:
            return self._served(offer, self.model, None, base_settings(self.folder, self._style), labels)
        name = wanted.name or wanted.folder
        if not offer.is_ours and has_vision(wanted.folder):
            raise BadModel(
                f"The adapter {name} has weights in the vision tower, which this model server would leave out. Use PDC's own "
                "model server (`python -m pdc serve-model`), or promote an adapter trained without them."
            )
        if name not in offer.names:
            self._load_adapter(name, wanted.folder)
        labels = labels | labels_of(wanted.folder) if labels else labels
        return self._served(offer, name, name, adapter_settings(wanted.folder, self.folder, self._style), labels)

    def _served(
        self, offer: OfferedNames, model: str, adapter: str | None, settings: AnswerSettings, labels: frozenset[str]
    ) -> ServedModel:
        most = min(self._most, settings.max_pixels or self._most, offer.max_pixels.get(model, self._most))
        return ServedModel(model, offer.is_ours, adapter, settings, labels, most)

    def _load_adapter(self, name: str, folder: str) -> None:
        """Ask a server that can (vLLM with runtime updates allowed) to load it, once. A name means one version for ever."""
        with self._loading:
            offer = self._known()
            if name in offer.names:
                return
            try:
                self.wire.post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": folder})
            except RequestRefused as error:
                self._know(None)
                raise BadModel(
                    f"The model server does not serve the adapter {name} and does not load it ({error.status}); start it with "
                    "that adapter, or set PDC_ADAPTER to none."
                ) from error
            self._know(replace(offer, names=offer.names | {name}))

    def _know(self, offer: OfferedNames | None) -> None:
        with self._lock:
            self._names = offer

    def allowed(self, ask: Callable[[frozenset[str]], Any]) -> Any:
        """What `ask` gives when the server is spared the parts of a question that it refuses."""
        refusal: RequestRefused | None = None
        before = self._left_out
        for more in ((), *OPTIONAL):
            left_out = before | set(more)
            if refusal and left_out == before:
                continue
            try:
                said = ask(left_out)
            except RequestRefused as error:
                if error.status not in (400, 422) or isinstance(error, TooMuch):
                    raise
                refusal = refusal or error
                continue
            if more:
                log.warning("The model server does without %s: %s", ", ".join(more), refusal)
                self._leave_out(more)
            return said
        assert refusal is not None  # the first time, nothing is left out but what was before: answered, or refused
        raise refusal

    def _leave_out(self, more: Sequence[str]) -> None:
        with self._lock:
            self._left_out |= set(more)
