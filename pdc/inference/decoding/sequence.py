"""One answer in the making: which tokens to run next, and which of them stand once their logits are known.

Every token is the most probable legal one given all before it, whatever was drafted: drafts change when a token is
decided, never which.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import TYPE_CHECKING

from pdc.domain.geometry import Size
from pdc.domain.values import Question
from pdc.inference.decoding.grammar import Vocabulary, repeats
from pdc.inference.decoding.partial_answer import PartialAnswer, read_partial
from pdc.inference.decoding.speculation import Drafter
from pdc.inference.types import Decoded, DenseOpinion, Proposal, TokenStep

if TYPE_CHECKING:
    import torch

TIE = 1e-4  # logits closer than this are settled: float32's rounding, about 1e-5 here, must never choose
ALONE = 15  # drafted tokens a pass on a CPU, where every token costs; with the one before, what the copy runs as sixteen
BEFORE, LETTERS = 8, 8  # decided tokens that a draft is split into tokens with; letters a drafted token has at most


class DecodingSequence:
    """`prompt` are the tokens between the image and the answer; `window` is how many tokens to draft a pass (0: none) and
    `most` how many while all agree (four times as many when not said);
    `settle` gives the logits after prompt and answer so far beyond doubt, for two tokens that are too close to tell.
    """

    def __init__(
        self,
        words: Vocabulary,
        question: Question,
        model_wh: Size,
        style: str,
        prompt: list[int],
        proposals: tuple[Proposal, ...],
        *,
        window: int = ALONE,
        most: int | None = None,
        limit: int = 3072,
        settle: Callable[[list[int]], torch.Tensor] | None = None,
        second_opinion: DenseOpinion | None = None,
    ) -> None:
        import xgrammar

        self.words, self.question, self.style, self.limit, self.window = words, question, style, limit, window
        self.drafter, self.second_opinion = Drafter(question, style, proposals), second_opinion
        self._matcher = xgrammar.GrammarMatcher(words.grammar(question, model_wh, style))
        self._legal = xgrammar.allocate_token_bitmask(1, words.size)
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._prompt, self._settle = list(prompt), settle
        self._pending, self._draft = list(prompt), []
        self.tokens: list[int] = []
        self.steps: list[TokenStep] = []
        self._pieces: list[str] = []
        self.text, self.done, self.stopped, self.passes = "", False, False, 0
        self._again, self._reach, self._most = False, window, most or 4 * window

    def next(self) -> list[int]:
        """Tokens to run: those decided but not run yet, then the draft."""
        room = max(0, self.limit - len(self.tokens) - 1)
        self._draft = self._drafted()[: min(self._reach, room)] if self.window else []
        return [*self._pending, *self._draft]

    def _drafted(self) -> list[int]:
        """The rest of the answer as the drafter has it, or else the text the grammar forces; in tokens."""
        rest = self.drafter.rest(self.text) or self._matcher.find_jump_forward_string()
        if not rest:
            return []
        encode, said = self.words.tokenizer.encode, self.tokens[-BEFORE:]
        rest = rest[: LETTERS * self._reach]
        before = b"".join(self.words.bytes[t] for t in said).decode("utf-8", "replace")
        whole = encode(before + rest, add_special_tokens=False)
        if whole[: len(said)] == said:
            return whole[len(said) :]
        return encode(rest, add_special_tokens=False)

    def take(self, logits: torch.Tensor) -> int:
        """Decide tokens from logits [tokens run, V], in place; returns how many of the tokens run are to be kept."""
        import torch

        with torch.inference_mode():
            return self._take(logits)

    def _take(self, logits: torch.Tensor) -> int:
        self.passes += 1
        logits = logits[len(self._pending) - 1 :].cpu()
        guesses, free, before = logits.argmax(-1).tolist(), logits.logsumexp(-1), len(self.tokens)
        kept = len(self._pending)
        for i, row in enumerate(logits):
            token = self._decide(row)
            if self.done:
                break
            self._pending = [token]
            if i == len(self._draft) or token != self._draft[i]:
                break
            kept += 1
        self._weigh(logits[: len(self.tokens) - before], free, self.tokens[before:])
        if not self.done:
            self._learn(i, guesses)
            self._reach = min(max(self.window, 2 * i), self._most)
        return kept

    def _learn(self, agreed: int, guesses: list[int]) -> None:
        text = [self.words.bytes[t].decode("utf-8", "replace") for t in self._draft]
        said = [self.words.bytes[t].decode("utf-8", "replace") for t in guesses[: len(self._draft)]]
        self.drafter.learn(text, text[: agreed + 1] + said[agreed + 1 :])

    def _decide(self, logits: torch.Tensor) -> int:
        """The most probable legal token, from logits [V], which are masked in place."""
        self._matcher.fill_next_token_bitmask(self._legal)
        self._mask(logits)
        (first, second), (token, _) = (t.tolist() for t in logits.topk(2))
        if self._settle and first - second < TIE:
            self._mask(logits.copy_(self._settle([*self._prompt, *self.tokens])))
            token = int(logits.argmax(-1))
        if token == self.words.end or len(self.tokens) >= self.limit:
            self.done, self.stopped = True, token != self.words.end
        else:
            self._accept(token)
        return token

    def _mask(self, logits: torch.Tensor) -> None:
        """Leave of the logits [V] those of the tokens that may come next."""
        import xgrammar

        xgrammar.apply_token_bitmask_inplace(logits[None], self._legal)
        if self._again:
            self.words.close(logits)

    def _accept(self, token: int) -> None:
        self._matcher.accept_token(token)
        piece = self._utf8.decode(self.words.bytes[token])
        self._pieces.append(piece)
        self.tokens.append(token)
        self.text += piece
        if "]" in piece or '"' in piece:
            self._again = repeats(self.text)

    def _weigh(self, chosen: torch.Tensor, free: torch.Tensor, tokens: list[int]) -> None:
        """Steps for the last tokens, from their masked logits [n, V] and what all logits came to."""
        mass = chosen.logsumexp(-1)
        log_p = chosen - mass[:, None]
        legal, more = (mass - free[: len(mass)]).exp(), log_p[:, self.words.goes_on].exp().sum(-1)
        sure = self.words.confidence(log_p, tokens)
        pieces = self._pieces[len(self.steps) :]
        self.steps += map(TokenStep, pieces, sure, legal.tolist(), more.tolist())

    @property
    def said(self) -> PartialAnswer:
        return read_partial(self.question, self.text, self.style)

    def decoded(self) -> Decoded:
        finished = self.done and not self.stopped
        return Decoded(self.text, tuple(self.steps), finished, tuple(self.tokens), self.passes, self.second_opinion)
