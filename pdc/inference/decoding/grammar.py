"""Constrained decoding: the grammar of an answer, and what each token of a vocabulary can mean in one.

The grammar is the JSON schema of the question, compiled by XGrammar (Dong et al. 2024, arXiv 2411.15100). At each step
it gives a bitmask of the legal tokens; the logits of all other tokens are set to minus infinity.
"""

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

NEAR_PX = 6  # a coordinate's confidence is the probability mass within this many pixels of the model's frame
NO_NUMBER = -1000  # far from every number


class Vocabulary:
    """A tokenizer's vocabulary of `size` tokens: their bytes, which are numbers or go on with a list, and its grammars.

    `opening` are the tokens that begin another shape; `continuing` these and the ones that begin a list's first shape.
    """

    def __init__(self, tokenizer: Any, size: int) -> None:
        import xgrammar

        self.tokenizer, self.size, self.end = tokenizer, size, tokenizer.eos_token_id
        info = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=size, stop_token_ids=[self.end])
        self.bytes: Sequence[bytes] = info.decoded_vocab
        self._compiler = xgrammar.GrammarCompiler(info, max_threads=1)
        self.grammar = lru_cache(maxsize=256)(self._compile)
        self.numbers = _number_values(tokenizer, size)
        self.opening, self.continuing = _list_tokens(tokenizer, size)

    def _compile(self, question: Question, model_wh: Size, style: str) -> Any:
        """The compiled grammar; coordinates end at `model_wh`. The paper's style has spaces, and a Markdown fence around."""
        import xgrammar

        schema = json_schema(question, *model_wh, style)
        if style == COMPACT:
            return self._compiler.compile_json_schema(schema, any_whitespace=False, separators=(",", ":"))
        answer = xgrammar.Grammar.from_json_schema(schema, any_whitespace=False, separators=(", ", ": "))
        fence = [xgrammar.Grammar.from_ebnf(f"root ::= {text}") for text in ('"```json\\n"', '"\\n```"')]
        return self._compiler.compile_grammar(xgrammar.Grammar.concat(fence[0], answer, fence[1]))

    def close_list(self, logits: torch.Tensor) -> None:
        """Forbid, in legal logits [V], the tokens that begin another shape, unless nothing else is legal."""
        closed = logits.index_fill(0, self.opening, float("-inf"))
        if closed.isfinite().any():
            logits.copy_(closed)

    def confidence(self, log_p: torch.Tensor, tokens: Sequence[int]) -> list[float]:
        """The probability of each token [n] by log_p [n, V]; of a number of two digits or more, of all numbers near it.

        A coordinate's mass is spread over neighbouring pixels: p(118) = 0.2 beside p(117) = p(119) = 0.3 is no doubt about
        the object. So p = sum of p(v) over |v - number| <= NEAR_PX. A single digit counts for itself: it may be a count, or a
        digit of a number that the tokenizer writes digit by digit.
        """
        values, p = self.numbers[list(tokens)], log_p.exp()
        near = (self.numbers - values[:, None]).abs() <= NEAR_PX
        own = p[range(len(tokens)), list(tokens)]
        return own.where(values < 10, (p * (near & (self.numbers >= 0))).sum(-1)).tolist()


def repeats(text: str) -> bool:
    """Whether the last shape stands in the same list before: the sign of a list that runs away, as greedy decoding may."""
    flat = text.removeprefix("```json\n").startswith(('[{"bbox_2d"', '[{"point_2d"'))
    start = 0 if flat else max(text.rfind('"label"'), 0)
    shapes = [m[0] for m in find_shapes(text[start:])]
    return len(shapes) > 1 and shapes[-1] in shapes[:-1]


def _number_values(tokenizer: Any, vocab_size: int) -> torch.Tensor:
    """[vocab_size] the value of tokens that are whole numbers, NO_NUMBER for all others."""
    import torch

    values = torch.full((vocab_size,), NO_NUMBER)
    for token, i in tokenizer.get_vocab().items():
        if i < vocab_size and token.isascii() and token.isdigit():
            values[i] = int(token)
    return values


def _list_tokens(tokenizer: Any, vocab_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids of tokens that begin another shape of a list; and of those together with the ones that begin its first shape.

    Which characters a token joins depends on the tokenizer: another shape may begin with `,` alone, `],`, `],[` or `},{`.
    In byte-level BPE `Ġ` stands for a space.
    """
    import torch

    texts = {i: t for t, i in tokenizer.get_vocab().items() if i < vocab_size}
    another = [i for i, t in texts.items() if re.search(r",Ġ?\[|^,$|\],$|\},Ġ?\{$", t) and '"' not in t]
    first = [i for i, t in texts.items() if re.search(r"\[Ġ?\[$|^Ġ?\[$", t)]
    return torch.tensor(another), torch.tensor(sorted({*another, *first}))
