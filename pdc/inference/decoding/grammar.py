"""The grammar of an answer, and what each token of a vocabulary can mean in one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pdc.domain.geometry import Size
from pdc.domain.prompts import COMPACT, json_schema
from pdc.domain.values import Question
from pdc.inference.decoding.partial_answer import find_shapes

if TYPE_CHECKING:
    import torch

NEAR = 6  # a coordinate is as sure as the mass within this many model pixels of it


class Vocabulary:
    """One tokenizer: compiles grammars for it, and knows its tokens' bytes, numbers and list openers."""

    def __init__(self, tokenizer: Any, size: int) -> None:
        import xgrammar

        self.tokenizer, self.size, self.end = tokenizer, size, tokenizer.eos_token_id
        info = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=size, stop_token_ids=[self.end])
        self.bytes: Sequence[bytes] = info.decoded_vocab
        self._compiler = xgrammar.GrammarCompiler(info, max_threads=1)
        self.grammar = lru_cache(maxsize=256)(self._compile)
        self.numbers = _number_values(tokenizer, size)
        self.openers, self.goes_on = _openers(tokenizer, size)

    def _compile(self, question: Question, model_wh: Size, style: str) -> Any:
        import xgrammar

        schema = json_schema(question, *model_wh, style)
        if style == COMPACT:
            return self._compiler.compile_json_schema(schema, any_whitespace=False, separators=(",", ":"))
        answer = xgrammar.Grammar.from_json_schema(schema, any_whitespace=False, separators=(", ", ": "))
        fence = [xgrammar.Grammar.from_ebnf(f"root ::= {text}") for text in ('"```json\\n"', '"\\n```"')]
        return self._compiler.compile_grammar(xgrammar.Grammar.concat(fence[0], answer, fence[1]))

    def close(self, logits: torch.Tensor) -> None:
        """Take from legal logits [V] the tokens that open another shape, unless nothing else is legal."""
        closed = logits.index_fill(0, self.openers, float("-inf"))
        if closed.isfinite().any():
            logits.copy_(closed)

    def confidence(self, log_p: torch.Tensor, tokens: Sequence[int]) -> list[float]:
        """Of each token [n] by log_p [n, V], or of all whole-number tokens near it when it is a number of two digits or more."""
        values, p = self.numbers[list(tokens)], log_p.exp()
        near = (self.numbers - values[:, None]).abs() <= NEAR
        own = p[range(len(tokens)), list(tokens)]
        return own.where(values < 10, (p * (near & (self.numbers >= 0))).sum(-1)).tolist()


def repeats(text: str) -> bool:
    """Whether the last shape was said before in the same list: the sign of a list that runs away."""
    flat = text.removeprefix("```json\n").startswith(('[{"bbox_2d"', '[{"point_2d"'))
    start = 0 if flat else max(text.rfind('"label"'), 0)
    said = [m[0] for m in find_shapes(text[start:])]
    return len(said) > 1 and said[-1] in said[:-1]


def _number_values(tokenizer: Any, vocab_size: int) -> torch.Tensor:
    """[vocab_size] the value of tokens that are whole numbers, -1,000 for all others."""
    import torch

    values = torch.full((vocab_size,), -1000)
    for token, i in tokenizer.get_vocab().items():
        if i < vocab_size and token.isascii() and token.isdigit():
            values[i] = int(token)
    return values


def _openers(tokenizer: Any, vocab_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids of tokens that go on with a list of shapes; and of those together with the ones that begin its first shape."""
    import torch

    texts = {i: t for t, i in tokenizer.get_vocab().items() if i < vocab_size}
    on = [i for i, t in texts.items() if re.search(r",Ġ?\[|^,$|\],$|\},Ġ?\{$", t) and '"' not in t]
    first = [i for i, t in texts.items() if re.search(r"\[Ġ?\[$|^Ġ?\[$", t)]
    return torch.tensor(on), torch.tensor(sorted({*on, *first}))
