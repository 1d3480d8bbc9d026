"""The answer decoder: greedy generation under a JSON grammar, with a confidence per mark.

The grammar is made from the task, the asked labels and the size at which the model sees the image, so an unreadable
answer cannot occur and "none" can. Every step keeps the probability of the chosen token among the legal ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pdc.domain import Findings, Question
from pdc.geometry import Size
from pdc.tasks import COMPACT, json_schema

if TYPE_CHECKING:
    import torch

    from pdc.qwen import Qwen

MAX_NEW_TOKENS = 3072
SHAPE = re.compile(r"\[\d+, ?\d+(?:, ?\d+, ?\d+)?\]")
NEAR = 6  # a coordinate is as sure as the mass within this many model pixels of it


@dataclass(frozen=True, slots=True)
class Step:
    """One generated token: its text, its probability among the legal tokens, and the mass those had before the mask."""

    text: str
    probability: float
    legal_mass: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """`text` is the whole answer; `finished` is False when it was cut at the token limit or cancelled."""

    text: str
    steps: tuple[Step, ...]
    finished: bool


class Decoder:
    """Compiles grammars for one tokenizer and decodes with one model. Not thread-safe: callers serialise."""

    def __init__(self, qwen: Qwen) -> None:
        import xgrammar

        self.qwen = qwen
        self.vocab_size = qwen.base.config.get_text_config().vocab_size
        end = [qwen.tokenizer.eos_token_id]
        info = xgrammar.TokenizerInfo.from_huggingface(qwen.tokenizer, vocab_size=self.vocab_size, stop_token_ids=end)
        self.compiler, self.end = xgrammar.GrammarCompiler(info, max_threads=1), end[0]
        self.numbers = _number_values(qwen.tokenizer, self.vocab_size)
        self.grammar = lru_cache(maxsize=256)(self._compile)

    def _compile(self, question: Question, model_wh: Size, style: str) -> Any:
        import xgrammar

        schema = json_schema(question, *model_wh, style)
        if style == COMPACT:
            return self.compiler.compile_json_schema(schema, any_whitespace=False, separators=(",", ":"))
        answer = xgrammar.Grammar.from_json_schema(schema, any_whitespace=False, separators=(", ", ": "))
        fence = [xgrammar.Grammar.from_ebnf(f"root ::= {text}") for text in ('"```json\\n"', '"\\n```"')]
        return self.compiler.compile_grammar(xgrammar.Grammar.concat(fence[0], answer, fence[1]))

    def decode(
        self, inputs: dict[str, torch.Tensor], question: Question, model_wh: Size, *,
        max_new_tokens: int = MAX_NEW_TOKENS, cancelled: Callable[[], bool] = lambda: False,
    ) -> Decoded:
        """Greedy answer to one question; `inputs` as `Qwen.inputs` makes them."""
        steps: list[Step] = []
        for step in self.steps(inputs, self.grammar(question, model_wh, self.qwen.prompt_style), max_new_tokens):
            if step is None:
                return Decoded("".join(s.text for s in steps), tuple(steps), True)
            steps.append(step)
            if cancelled():
                break
        return Decoded("".join(s.text for s in steps), tuple(steps), False)

    def steps(self, inputs: dict[str, torch.Tensor], grammar: Any, limit: int) -> Iterator[Step | None]:
        """Tokens one by one; None when the answer is complete."""
        import torch
        import xgrammar

        matcher = xgrammar.GrammarMatcher(grammar)
        legal = xgrammar.allocate_token_bitmask(1, self.vocab_size)
        cache, step_inputs = None, inputs
        text = ""
        for _ in range(limit):
            with torch.inference_mode():
                out = self.qwen.model(**step_inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
            logits, cache = out.logits[:, -1].float().cpu(), out.past_key_values
            matcher.fill_next_token_bitmask(legal)
            free = logits.logsumexp(-1)
            xgrammar.apply_token_bitmask_inplace(logits, legal)
            if _repeats(text):
                self._forbid_more(logits)
            mass = logits.logsumexp(-1)
            token = int(logits.argmax(-1))
            if token == self.end:
                yield None
                return
            matcher.accept_token(token)
            piece = self.qwen.tokenizer.decode([token])
            text += piece
            yield Step(piece, self._probability(logits[0] - mass, token), float((mass - free).exp()))
            step_inputs = {"input_ids": torch.tensor([[token]], device=self.qwen.device)}

    def _probability(self, log_p: torch.Tensor, token: int) -> float:
        """Of the token, or of all whole-number tokens near it when it is a number of two digits or more."""
        value = int(self.numbers[token])
        if value < 10:
            return float(log_p[token].exp())
        near = (self.numbers - value).abs() <= NEAR
        return float(log_p[near & (self.numbers >= 0)].exp().sum())

    def _forbid_more(self, logits: torch.Tensor) -> None:
        """Leave out tokens that open another shape, unless nothing else is legal."""
        closed = logits.clone()
        closed[:, self._openers] = float("-inf")
        if closed.isfinite().any():
            logits.copy_(closed)

    @property
    def _openers(self) -> torch.Tensor:
        return _openers(self.qwen.tokenizer, self.vocab_size)


def with_scores(findings: Findings, decoded: Decoded) -> Findings:
    """The findings with a score per mark: P(another item) x the geometric mean over its coordinates. Uncalibrated."""
    scores = mark_scores(decoded)
    if len(scores) != len(findings.marks):
        return findings
    marks = tuple(replace(m, score=round(s, 4)) for m, s in zip(findings.marks, scores, strict=True))
    return replace(findings, marks=marks)


def mark_scores(decoded: Decoded) -> list[float]:
    """One score per shape in the answer's text, in order."""
    ends, position = [], 0
    for step in decoded.steps:
        position += len(step.text)
        ends.append(position)
    scores = []
    for found in SHAPE.finditer(decoded.text):
        inside = [s for s, end in zip(decoded.steps, ends, strict=True) if found.start() < end <= found.end() - 1]
        exists = inside[0].probability
        numbers = [s.probability for s in inside[1:] if s.text.strip().isdigit()]
        product = 1.0
        for p in numbers:
            product *= p
        scores.append(exists * product ** (1 / max(len(numbers), 1)))
    return scores


def _repeats(text: str) -> bool:
    """Whether the last shape was said before in the same list: the sign of a list that runs away."""
    flat = text.removeprefix("```json\n").startswith(('[{"bbox_2d"', '[{"point_2d"'))
    shapes = SHAPE.findall(text if flat else text[text.rfind('"label"') :])
    return len(shapes) > 1 and shapes[-1] in shapes[:-1]


def _number_values(tokenizer: Any, vocab_size: int) -> torch.Tensor:
    """[vocab_size] the value of tokens that are whole numbers, -1,000 for all others."""
    import torch

    values = torch.full((vocab_size,), -1000)
    for token, i in tokenizer.get_vocab().items():
        if i < vocab_size and token.isascii() and token.isdigit():
            values[i] = int(token)
    return values


@lru_cache(maxsize=4)
def _openers(tokenizer: Any, vocab_size: int) -> torch.Tensor:
    """Ids of tokens that go on with a list of shapes."""
    import torch

    texts = {i: t for t, i in tokenizer.get_vocab().items() if i < vocab_size}
    return torch.tensor([i for i, t in texts.items() if re.search(r",Ġ?\[|^,$|\],$|\},Ġ?\{$", t) and '"' not in t])
