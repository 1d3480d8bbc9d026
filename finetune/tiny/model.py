"""The embedded model's shape: a Qwen2_5_VLForConditionalGeneration of about 12 million parameters, and what helps train it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from finetune.tiny.tokenizer import NUMBERS, VOCAB_SIZE
from pdc.domain.errors import BadSetting

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

HIDDEN = 256
LAYERS = 6
VISION_WIDTH = 192
VISION_DEPTH = 12


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int, depth: int = VISION_DEPTH) -> Qwen2_5_VLForConditionalGeneration:
    """A fresh model, float32, with number embeddings that already know their order; `depth`: blocks of the vision tower."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    def ids(token: str) -> int:
        found = tokenizer.convert_tokens_to_ids(token)
        assert isinstance(found, int)  # a list is for lists
        return found

    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": VOCAB_SIZE,
            "hidden_size": HIDDEN,
            "intermediate_size": 704,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-6,
            # theta 20: at this width 10,000 makes neighbouring columns indistinguishable.
            "rope_parameters": {"rope_type": "default", "rope_theta": 20.0, "mrope_section": [4, 6, 6]},
            "bos_token_id": ids("<|endoftext|>"),
            "eos_token_id": ids("<|im_end|>"),
            "pad_token_id": ids("<|endoftext|>"),
        },
        vision_config={
            "depth": depth,
            "hidden_size": VISION_WIDTH,
            "intermediate_size": 576,
            "num_heads": 6,
            "out_hidden_size": HIDDEN,
            "fullatt_block_indexes": list(range(depth)),
            "window_size": 112,
        },
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(config).float()
    with torch.no_grad():
        embeddings = model.get_input_embeddings()
        assert isinstance(embeddings, nn.Embedding)
        table = embeddings.weight
        table.normal_(std=0.05)
        table[number_ids(tokenizer)] = _number_codes()
    model.generation_config.update(
        do_sample=False, eos_token_id=ids("<|im_end|>"), pad_token_id=ids("<|endoftext|>"), bos_token_id=ids("<|endoftext|>")
    )
    return model


def grown(state: Mapping[str, Tensor], depth: int) -> dict[str, Tensor]:
    """The weights of a model whose vision tower has `depth` blocks, made of those of one with fewer; same answers.

    New blocks follow the one that they are a copy of, with attn.proj and mlp.down_proj at zero: they add nothing until they
    are trained (Net2Net, arXiv 1511.05641; zero-initialised residuals as in arXiv 1901.09321). Raises BadSetting where `depth` is
    not a multiple of the tower's blocks.
    """
    blocks = {int(key.split(".blocks.")[1].split(".")[0]) for key in state if ".blocks." in key}
    if not blocks or depth % len(blocks):
        raise BadSetting(f"A tower of {len(blocks)} blocks cannot grow to {depth}; ask for a multiple of {len(blocks)}.")
    copies, new = depth // len(blocks), dict[str, Tensor]()
    for key, value in state.items():
        if ".blocks." not in key:
            new[key] = value
            continue
        front, back = key.split(".blocks.")
        i, name = back.split(".", 1)
        for k in range(copies):
            idle = k > 0 and name.startswith(("attn.proj.", "mlp.down_proj."))
            new[f"{front}.blocks.{int(i) * copies + k}.{name}"] = torch.zeros_like(value) if idle else value.clone()
    return new


def number_ids(tokenizer: PreTrainedTokenizerFast) -> Tensor:
    """Token ids of 0, 1, ... 999."""
    return torch.tensor(tokenizer.convert_tokens_to_ids([str(n) for n in range(NUMBERS)]))


def _number_codes() -> Tensor:
    """[NUMBERS, HIDDEN] sines and cosines of periods 4 to 2,000: near numbers start with near embeddings."""
    pairs = HIDDEN // 2 - 8
    periods = 4 * (2000 / 4) ** (torch.arange(pairs) / (pairs - 1))
    angle = torch.arange(NUMBERS)[:, None] * (2 * math.pi / periods)
    codes = torch.zeros(NUMBERS, HIDDEN)
    codes[:, :pairs], codes[:, pairs : 2 * pairs] = angle.sin(), angle.cos()
    codes[:, 2 * pairs :] = torch.randn(HIDDEN - 2 * pairs)  # "this is a number"
    return codes * 0.07


class Reader(nn.Module):
    """Training only: asks that visual tokens inside the language model know their object's absolute box.

    Four linear maps whose output is compared with the number embeddings themselves.
    """

    def __init__(self, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(hidden)
        self.maps = nn.Linear(hidden, 4 * hidden, bias=False)

    def forward(self, states: Tensor, number_table: Tensor) -> Tensor:
        """states [n, hidden], number_table [NUMBERS, hidden] -> logits [n, 4, NUMBERS]."""
        return self.maps(self.norm(states)).unflatten(-1, (4, number_table.shape[1])) @ number_table.T


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)
