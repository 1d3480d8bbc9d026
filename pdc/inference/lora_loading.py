"""LoRA adapters on a loaded model: kept in memory, with names of older libraries brought up to date, and none served that did
not load entirely.

PEFT loads an adapter whose keys it does not know as zeros, with no more than a warning, and its answers would be the base's.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pdc.domain.errors import BadModel, first_sentence
from pdc.inference.adapter_folder import PREFIX, todays_name

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig, PeftModel

log = logging.getLogger(__name__)

Named = Callable[[str], str]
KEPT_ADAPTERS = 4  # in memory beside the base; an adapter of the 7B model takes 160 MB at rank 16
_KEY = re.compile(re.escape(PREFIX) + r"(?P<module>.+)\.lora_(?:embedding_)?(?P<side>[AB])(?:\.weight)?")


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """An adapter in memory: what tells it from others, PEFT's name for it, whether it changes the vision tower, and how many
    LoRA layers it has, each loaded and none zero."""

    key: Hashable
    slot: str
    has_vision: bool
    layers: int


class LoadedAdapters:
    """The adapters that PEFT holds in memory on `base`; `serving` is the one that answers, None the base alone.

    Switching sets flags of PEFT's layers. The adapter used longest ago makes room for another. Not thread-safe.
    """

    def __init__(self, base: Any) -> None:
        self.base: Any = base
        self.model: Any = base
        self.serving: LoadedAdapter | None = None
        self._loaded: dict[Hashable, LoadedAdapter] = {}  # the one used last at the end
        self._count = 0

    def serve(self, folder: str, key: Hashable) -> None:
        """Answer with the adapter in `folder` (or on the hub) from now on; equal keys mean equal weights.

        BadModel, and everything is as it was, when it is not LoRA, does not fit, or was not loaded entirely.
        """
        adapter = self._loaded.pop(key, None) or self._load(folder, key)
        self._loaded[key] = adapter
        self._activate(adapter)
        for oldest in list(self._loaded)[:-KEPT_ADAPTERS]:
            self.model.delete_adapter(self._loaded.pop(oldest).slot)

    def serve_base(self) -> None:
        """Answer without an adapter from now on; all stay in memory."""
        self._activate(None)

    def unload(self) -> None:
        """Take every adapter out of memory: the base is as it was loaded, ready to be trained."""
        if self.model is not self.base:
            self.base = self.model.unload()
        self.model, self.serving, self._loaded = self.base, None, {}

    def _load(self, folder: str, key: Hashable) -> LoadedAdapter:
        try:
            return self._put_in(folder, key)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            log.error("The adapter %r cannot be loaded: %s", folder, error)
            raise _bad(folder, first_sentence(error)) from error

    def _put_in(self, folder: str, key: Hashable) -> LoadedAdapter:
        config, weights = _read(folder, self.base)
        self._count += 1
        slot = f"pdc_{self._count}"
        model = _attach(self.base, self.model, config, slot)
        try:
            _fill(model, slot, weights, folder)
        except BaseException:
            _take_out(model, slot)
            self._activate(self.serving)
            raise
        self.model = model.eval()
        layers = {match["module"] for name in weights if (match := _KEY.fullmatch(name))}
        return LoadedAdapter(key, slot, any(_tower(name) == "visual" for name in layers), len(layers))

    def _activate(self, adapter: LoadedAdapter | None) -> None:
        """Set the flags of all LoRA layers, also of those that came with an adapter loaded just now."""
        self.serving = adapter
        if self.model is self.base:
            return
        layers: Any = self.model.base_model  # torch's stubs take what a module has for a tensor
        if adapter is None:
            layers.disable_adapter_layers()
        else:
            layers.enable_adapter_layers()
            self.model.set_adapter(adapter.slot, inference_mode=True)


def _read(folder: str, base: Any) -> tuple[LoraConfig, dict[str, torch.Tensor]]:
    """Config and weights under today's names, with LoRA just where the file has weights. BadModel when some are missing."""
    from peft import LoraConfig, PeftConfig
    from peft.utils import load_peft_weights

    config = PeftConfig.from_pretrained(folder)
    if not isinstance(config, LoraConfig):
        raise _bad(folder, f"It is of the kind {config.peft_type}, not LoRA.")
    if config.bias != "none":
        raise _bad(folder, "It changes the biases of its base, which would then no longer answer as it did.")
    written = load_peft_weights(folder, device="cpu")
    weights = {_todays_key(key): values for key, values in written.items()}
    modules, layers = {m["module"] for key in weights if (m := _KEY.fullmatch(key))}, _layers(base)
    named = todays_name if weights.keys() == written.keys() else _old_name
    if strange := modules - layers.keys():
        raise _bad(folder, f"It has weights of {min(strange)}, which the base has not.")
    if not all(values.isfinite().all() for values in weights.values()):
        raise _bad(folder, "It holds numbers that are not finite.")
    _check_whole(folder, weights, modules | _meant(config, modules, layers, named))
    _check_fit(folder, weights, layers)
    config.base_model_name_or_path = base.name_or_path  # PEFT warns of another place of the same model
    return _placed(config, modules, named), weights


def _todays_key(key: str) -> str:
    return PREFIX + todays_name(key.removeprefix(PREFIX)) if key.startswith(PREFIX) else key


def _old_name(module: str) -> str:
    """What a module was called before transformers 4.52, when the language model was not beside the vision tower."""
    return module.removeprefix("model.") if _tower(module) == "visual" else module.replace("model.language_model.", "model.", 1)


def _tower(module: str) -> str:
    return module.removeprefix("model.").split(".")[0]


def _layers(base: Any) -> dict[str, Any]:
    """The base's modules by their names, also where they lie inside a LoRA layer."""
    return {name.removesuffix(".base_layer"): m for name, m in base.named_modules() if ".lora_" not in name}


def _meant(config: LoraConfig, modules: Collection[str], layers: Mapping[str, Any], named: Named) -> set[str]:
    """Linear layers that the config wants LoRA on, in the towers where there is any: list forms name layers of both towers."""
    from peft.tuners.tuners_utils import check_target_module_exists
    from torch.nn import Linear

    towers = set(map(_tower, modules))
    linears = [name for name, layer in layers.items() if isinstance(layer, Linear) and _tower(name) in towers]
    return {name for name in linears if check_target_module_exists(config, named(name))}


def _check_whole(folder: str, weights: Mapping[str, torch.Tensor], layers: Collection[str]) -> None:
    sides = {(m["module"], m["side"]): w for key, w in weights.items() if (m := _KEY.fullmatch(key))}
    held = [x for x in layers if (x, "A") in sides and (x, "B") in sides and sides[x, "B"].any()]
    if not held or len(held) < len(layers):
        raise _bad(folder, f"{len(held)} of {len(layers)} LoRA layers hold weights; the others are missing or all zero.")


def _check_fit(folder: str, weights: Mapping[str, torch.Tensor], layers: Mapping[str, Any]) -> None:
    from torch.nn import Linear

    for key, values in weights.items():
        match = _KEY.fullmatch(key)
        if match and isinstance(layer := layers[match["module"]], Linear):
            theirs, ours = (values.shape[1], layer.in_features) if match["side"] == "A" else (values.shape[0], layer.out_features)
            if theirs != ours:
                raise _bad(folder, f"Its weights of {match['module']} are made for {theirs} numbers, and the base has {ours}.")


def _placed(config: LoraConfig, modules: Collection[str], named: Named) -> LoraConfig:
    """The config with LoRA on just these layers, under today's names."""
    from peft.utils.other import get_pattern_key

    for field in ("rank_pattern", "alpha_pattern"):
        given = getattr(config, field) or {}
        keys = {m: get_pattern_key(list(given), named(m)) for m in modules}
        setattr(config, field, {re.escape(m): given[key] for m, key in keys.items() if key in given})
    config.target_modules = "|".join(map(re.escape, sorted(modules)))
    config.exclude_modules = config.layers_to_transform = config.layers_pattern = None
    config.task_type, config.inference_mode = "CAUSAL_LM", True
    return config


def _attach(base: Any, model: Any, config: LoraConfig, slot: str) -> PeftModel:
    from peft import get_peft_model

    if model is base:
        return get_peft_model(base, config, adapter_name=slot)
    model.add_adapter(slot, config)
    return model


def _take_out(model: PeftModel, slot: str) -> None:
    if len(model.peft_config) > 1:
        model.delete_adapter(slot)
    else:
        model.unload()


def _fill(model: PeftModel, slot: str, weights: Mapping[str, torch.Tensor], folder: str) -> None:
    """Put the weights where they belong. BadModel unless all of them, and nothing else, are what the model then has."""
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    set_peft_model_state_dict(model, dict(weights), adapter_name=slot)
    loaded = get_peft_model_state_dict(model, adapter_name=slot, save_embedding_layers=False)
    arrived = [k for k, w in weights.items() if k in loaded and loaded[k].cpu().float().equal(w.float())]
    if len(arrived) < len(weights.keys() | loaded.keys()):
        raise _bad(folder, f"{len(arrived)} of its {len(weights)} weights were loaded: it was made for another model.")


def _bad(folder: str, why: str) -> BadModel:
    return BadModel(f"The adapter {folder!r} cannot be loaded. {why} Download it or train it again, or promote another one.")
