"""Adapters as other libraries wrote them: each answers as it would in today's form, or is refused with a true sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from adapter_files import SEVEN, SHIPPED, Weights, old, old_with_vision, today, write

from pdc.domain.errors import BadModel, first_sentence
from pdc.domain.prompts import COMPACT, PAPER
from pdc.domain.values import Question, Task
from pdc.files import sha256
from pdc.inference.adapter_folder import lora_layers
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.answer_settings import adapter_style
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.qwen import LORA_TARGETS_VISION, Qwen, load
from pdc.settings import EMBEDDED_MODEL

ASK = Question(Task.COUNT_AND_BOX, ("red blood cell", "bacterium"))
NO_WORDS = "The library refused it with ValueError; the log has its words."
SWIFT = r"^(model)(?!.*(lm_head|output|emb|wte|shared)).*"
LATER_SWIFT = rf"^(model(?=\.).*\.({'|'.join(SEVEN)}))$"


@pytest.fixture(scope="module")
def qwen() -> Qwen:
    return load(str(EMBEDDED_MODEL), device="cpu")


@pytest.fixture(scope="module")
def ask(qwen: Qwen, smears):
    """What the model says with the adapter in a folder: text, marks, scores and counts."""
    wanted = [AdapterRef()]
    predictor = LocalPredictor(lambda: qwen, lambda: wanted[0])

    def answer(folder: Path | None):
        wanted[0] = AdapterRef("mine", str(folder)) if folder else AdapterRef()
        if predictor._decoder:
            predictor._decoder.forget_images()  # an earlier answer as a draft moves the last bit of a score
        return replace(predictor.predict(smears[2][0].crop((0, 0, 320, 240)), ASK), seconds=0)

    return answer


@pytest.fixture(scope="module")
def usual(ask, tmp_path_factory):
    """The answer with the language model's part of the shipped adapter, in today's form."""
    return ask(write(tmp_path_factory.mktemp("usual") / "today"))


@pytest.mark.parametrize("targets", [SEVEN, SWIFT, LATER_SWIFT], ids=["list", "ms-swift", "later ms-swift"])
@pytest.mark.parametrize("keys", [old, today])
def test_an_adapter_in_an_older_form_answers_as_in_todays(ask, usual, tmp_path: Path, targets, keys):
    assert ask(write(tmp_path / "a", keys, targets)) == usual
    assert usual.adapter == "mine" and usual.findings.marks and usual != replace(ask(None), adapter="mine")


def test_old_names_in_the_vision_tower_are_known_too(ask, tmp_path: Path):
    everything = write(tmp_path / "today", dict, LORA_TARGETS_VISION)
    assert ask(write(tmp_path / "old", old_with_vision, [*SEVEN, "qkv", "attn.proj", "mlp.0", "mlp.2"])) == ask(everything)


def test_an_alpha_of_one_layer_by_its_old_name_is_kept(ask, usual, tmp_path: Path):
    name = "layers.0.mlp.down_proj"
    changed = ask(write(tmp_path / "old", old, SEVEN, alpha_pattern={f"model.{name}": 640}))
    assert changed == ask(write(tmp_path / "new", today, SEVEN, alpha_pattern={f"model.language_model.{name}": 640}))
    assert changed.raw != usual.raw or changed.more != usual.more


def test_a_shipped_adapter_is_loaded_as_its_library_loads_it(qwen: Qwen):
    from peft import get_peft_model_state_dict
    from safetensors.torch import load_file

    qwen.use_adapter("shipped", str(SHIPPED))
    loaded = get_peft_model_state_dict(qwen.model, adapter_name=qwen.model.active_adapters[0])
    written = load_file(SHIPPED / "adapter_model.safetensors")
    assert loaded.keys() == written.keys() and all(loaded[k].equal(w.float()) for k, w in written.items())
    assert qwen.lora_layers == lora_layers(SHIPPED) == len(written) // 2
    qwen.use_adapter(None, None)
    assert qwen.lora_layers == 0


def lora_weights(qwen: Qwen) -> list[str]:
    """The names of all LoRA weights in memory, of whichever adapter."""
    return [name for name, _ in qwen.base.named_parameters() if "lora_" in name]


def half(weights: Weights) -> Weights:
    return dict(sorted(today(weights).items())[: len(today(weights)) // 2])


def without_one(weights: Weights) -> Weights:
    return {k: v for k, v in old(weights).items() if "layers.0.mlp.up_proj.lora_B" not in k}


def one_zero(weights: Weights) -> Weights:
    return {k: v * 0 if "layers.0.mlp.up_proj.lora_B" in k else v for k, v in old(weights).items()}


def all_zero(weights: Weights) -> Weights:
    return {k: v * 0 if "lora_B" in k else v for k, v in today(weights).items()}


def not_finite(weights: Weights) -> Weights:
    return {k: v / 0 if "layers.0.mlp.up_proj.lora_B" in k else v for k, v in today(weights).items()}


def unknown(weights: Weights) -> Weights:
    return {k.replace("model.language_model.", "decoder."): v for k, v in today(weights).items()}


def deeper(weights: Weights) -> Weights:
    return today(weights) | {k.replace("layers.0", "layers.77"): v.clone() for k, v in today(weights).items() if "layers.0" in k}


def wider(weights: Weights) -> Weights:
    import torch

    return {k: torch.cat([v, v], 1) if "q_proj.lora_A" in k else v for k, v in old(weights).items()}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (half, "{half} of {all} LoRA layers hold weights"),
        (without_one, "{less} of {all} LoRA layers hold weights"),
        (one_zero, "{less} of {all} LoRA layers hold weights"),
        (all_zero, "0 of {all} LoRA layers hold weights"),
        (unknown, "which the base has not"),
        (deeper, r"layers\.77\..* which the base has not"),
        (not_finite, "not finite"),
        (wider, "are made for .* numbers"),
    ],
)
def test_one_that_does_not_load_entirely_is_refused_and_what_served_goes_on(qwen: Qwen, ask, usual, tmp_path, change, sentence):
    from safetensors.torch import load_file

    bad, good = write(tmp_path / "bad", change, SEVEN), write(tmp_path / "good")
    layers = len(load_file(good / "adapter_model.safetensors")) // 2
    sentence = sentence.format(half=layers // 2, less=layers - 1, all=layers)
    for before in (None, good):
        said, lora = ask(before), lora_weights(qwen)
        with pytest.raises(BadModel, match=sentence) as refused:
            qwen.use_adapter("bad", str(bad))
        assert str(refused.value).endswith("or promote another one.") and qwen.adapter == said.adapter
        assert lora_weights(qwen) == lora
        assert ask(before) == said
    assert said == usual


@pytest.mark.parametrize(
    "config", [{"peft_type": "IA3", "feedforward_modules": []}, {"r": 8}, {"peft_type": "NONSENSE"}, {"bias": "all"}]
)
def test_a_config_of_another_kind_is_refused_with_whole_sentences(qwen: Qwen, ask, tmp_path: Path, config):
    with pytest.raises(BadModel, match=r"cannot be loaded\. [A-Z].*[.] Download it or train it again, or promote another one\.$"):
        qwen.use_adapter("bad", str(write(tmp_path / "bad", today, SEVEN, **config)))
    assert ask(None).adapter is None


def test_an_adapter_of_our_own_with_a_zero_weight_is_refused_though_its_pdc_json_vouches_for_it(qwen: Qwen, tmp_path: Path):
    folder = write(tmp_path / "own", all_zero)
    manifest = json.loads((SHIPPED / "pdc.json").read_text())
    files = {p.name: sha256(p) for p in folder.iterdir()}
    (folder / "pdc.json").write_text(json.dumps({**manifest, "files": files}))
    with pytest.raises(BadModel, match=r" 0 of \d+ LoRA layers hold weights"):
        qwen.use_adapter("own", str(folder))


def test_an_adapter_is_asked_as_it_or_its_base_was_taught_and_else_as_the_paper_does(tmp_path: Path):
    foreign = str(write(tmp_path / "foreign"))
    assert adapter_style(str(SHIPPED), "Qwen/Qwen2.5-VL-7B-Instruct") == COMPACT
    assert adapter_style(foreign, str(EMBEDDED_MODEL)) == COMPACT
    assert adapter_style(foreign, "Qwen/Qwen2.5-VL-7B-Instruct") == PAPER
    assert adapter_style("SimulaMet/PointDetectCount-Qwen2.5-VL-7B-LoRA", "Qwen/Qwen2.5-VL-7B-Instruct") == PAPER


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("It is\nbroken. Try\nagain.", "It is broken."),
        ("no full stop", "no full stop."),
        ("is 4.52 old", "is 4.52 old."),
        ("Target module X(\n" + "  (a): Linear()\n" * 40 + ") is not supported.", NO_WORDS),
        ("", NO_WORDS),
        ("key", NO_WORDS),
    ],
)
def test_what_a_library_says_is_a_whole_sentence(text: str, sentence: str):
    assert first_sentence(ValueError(text)) == sentence
