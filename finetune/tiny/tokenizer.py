"""The embedded model's tokenizer: bytes, whole numbers 0-999 as single tokens, and BPE over PDC's own questions and answers.

Byte-level, so any label can be spelled. Numbers are single tokens because a coordinate is one decision, not three.
"""

from __future__ import annotations

import json
from pathlib import Path

from finetune.tiny import LABELS
from pdc.domain.prompts import answer, words
from pdc.domain.values import Box, Findings, Mark, Question, Task

SPECIALS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
# Keys whole, numbers in runs of up to three digits, words with their leading space, runs of punctuation, other space.
PIECES = r"bbox_2d|point_2d|\d{1,3}| ?[A-Za-z]+|[^\sA-Za-z\d]+|\s+"
VOCAB_SIZE = 1600  # a multiple of 64; ids above the last token are never used
NUMBERS = 1000


def build_tokenizer(folder: Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and the chat template into `folder`."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    pre = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PIECES), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner.train_from_iterator(
        _corpus(), trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False, min_frequency=2)
    )
    learnt = json.loads(learner.to_str())["model"]
    learnt_merges = [(a, b) for a, b in learnt["merges"] if not any(c.isdigit() for c in a + b) or "2d" in a + b]

    vocab = {c: i for i, c in enumerate(alphabet)}
    merges: list[tuple[str, str]] = []
    for n in range(10, NUMBERS):  # "123" from "12"+"3" or "1"+"23": whichever pair was joined first
        text = str(n)
        vocab[text] = len(vocab)
        merges += [(text[:i], text[i:]) for i in range(1, len(text)) if text[i] != "0" or i == len(text) - 1]
    for a, b in learnt_merges:
        if a in vocab and b in vocab and a + b not in vocab:
            vocab[a + b] = len(vocab)
            merges.append((a, b))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIALS])
    assert tokenizer.get_vocab_size() <= VOCAB_SIZE, tokenizer.get_vocab_size()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_settings(folder)


def _write_settings(folder: Path) -> None:
    from trl.chat_template_utils import qwen2_5_vl_chat_template  # Qwen's own template (Apache-2.0), as TRL carries it

    (folder / "chat_template.jinja").write_text(qwen2_5_vl_chat_template, encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "model_max_length": 4096,
                "padding_side": "left",
                "eos_token": "<|im_end|>",
                "pad_token": "<|endoftext|>",
                "clean_up_tokenization_spaces": False,
                "extra_special_tokens": {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"},
            },
            indent=2,
        )
        + "\n",
        encoding="utf-8",
    )


def _corpus() -> list[str]:
    shown = tuple(Mark(str(i), Box(i, i, i, i), label) for i, label in enumerate(LABELS * 2))
    texts = ["<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|im_start|>assistant\n"] * 50
    for task in Task:
        for labels in (LABELS, LABELS[:3], LABELS[3:], *((label,) for label in LABELS)):
            question = Question(task, labels)
            for findings in (Findings(shown), Findings()):
                texts += [words(question), answer(question, findings)] * 5
    return texts
