"""A sequence: one answer being generated. It names the tokens to run next, and accepts or rejects drafted ones.

Verification is that of greedy speculative decoding (Stern et al. 2018, arXiv 1811.03115, section 3; Leviathan et al. 2023,
arXiv 2211.17192). One pass gives the logits after every drafted token. The longest prefix of the draft that equals the
legal arg-max at each place is accepted, and the model's own token follows it. So the output is that of greedy decoding,
token for token, however bad the draft is.
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

# Two best logits closer than this are compared again in float64. Float32 rounds differently with the number of tokens in a
# pass, by about 1e-5 here; left alone, the length of the draft would choose between them.
TIE = 1e-4
CPU_WINDOW = 15  # drafted tokens a pass on a CPU, where every token costs; with the one before it, 16 (see padded_length)
CONTEXT_TOKENS = 8  # decided tokens before a draft that are tokenised with it
MAX_LETTERS = 8  # a drafted token has at most about this many


class DecodingSequence:
    """One answer being generated, token by accepted token.

    `prompt` are the tokens between the image and the answer. `window` is how many tokens to draft a pass (0: none), and
    `max_window` how many while all are accepted (None: four times as many). `exact_logits` recomputes in float64 the
    logits [V] after prompt and answer; None where ties need no such care.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        question: Question,
        model_wh: Size,
        style: str,
        prompt: list[int],
        proposals: tuple[Proposal, ...],
        *,
        window: int = CPU_WINDOW,
        max_window: int | None = None,
        limit: int = 3072,
        exact_logits: Callable[[list[int]], torch.Tensor] | None = None,
        second_opinion: DenseOpinion | None = None,
    ) -> None:
        import xgrammar

        self.vocabulary, self.question, self.style, self.limit = vocabulary, question, style, limit
        self.drafter, self.second_opinion = Drafter(question, style, proposals), second_opinion
        self._matcher = xgrammar.GrammarMatcher(vocabulary.grammar(question, model_wh, style))
        self._legal = xgrammar.allocate_token_bitmask(1, vocabulary.size)
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")  # a character may span tokens
        self._prompt, self._exact_logits = list(prompt), exact_logits
        self._pending, self._draft = list(prompt), []  # decided but not in the KV cache yet; guessed to follow
        self.tokens: list[int] = []
        self.steps: list[TokenStep] = []
        self._pieces: list[str] = []
        self.text, self.done, self.stopped, self.passes = "", False, False, 0
        self._repeating = False
        self._least, self._window, self._most = window, window, max_window or 4 * window

    def next_tokens(self) -> list[int]:
        """Tokens to run: those decided but not run yet, then the draft."""
        room = max(0, self.limit - len(self.tokens) - 1)
        self._draft = self._draft_tokens()[: min(self._window, room)] if self._least else []
        return [*self._pending, *self._draft]

    def _draft_tokens(self) -> list[int]:
        """The rest of the answer as the drafter expects it, or else the text that the grammar forces, in tokens."""
        draft = self.drafter.draft(self.text) or self._matcher.find_jump_forward_string()
        if not draft:
            return []
        encode, context = self.vocabulary.tokenizer.encode, self.tokens[-CONTEXT_TOKENS:]
        draft = draft[: MAX_LETTERS * self._window]
        # Token boundaries depend on the text before ("]," may be one token). So the draft is tokenised behind the last
        # decided tokens, if these come out as they were decided.
        before = b"".join(self.vocabulary.bytes[t] for t in context).decode("utf-8", "replace")
        both = encode(before + draft, add_special_tokens=False)
        if both[: len(context)] == context:
            return both[len(context) :]
        return encode(draft, add_special_tokens=False)

    def accept(self, logits: torch.Tensor) -> int:
        """Decide tokens from the logits [tokens run, V] of a pass, in place; returns how many of the tokens run stand."""
        import torch

        with torch.inference_mode():
            return self._accept(logits)

    def _accept(self, logits: torch.Tensor) -> int:
        self.passes += 1
        # Row i of what remains follows the i-th drafted token (row 0 the last pending one): it decides the token after.
        logits = logits[len(self._pending) - 1 :].cpu()
        # Before the mask: the model's free choice after each drafted token, and log sum exp of all its logits.
        guesses, log_total, decided = logits.argmax(-1).tolist(), logits.logsumexp(-1), len(self.tokens)
        standing = len(self._pending)
        for i, row in enumerate(logits):
            token = self._choose(row)
            if self.done:
                break
            self._pending = [token]
            # Rows after a rejected draft, or after the last of all, follow a text that is not the answer's.
            if i == len(self._draft) or token != self._draft[i]:
                break
            standing += 1
        self._record_steps(logits[: len(self.tokens) - decided], log_total, self.tokens[decided:])
        if not self.done:
            self._correct_drafter(i, guesses)
            # i drafted tokens were accepted: twice as many are worth the next try.
            self._window = min(max(self._least, 2 * i), self._most)
        return standing

    def _correct_drafter(self, accepted: int, guesses: list[int]) -> None:
        """Show the drafter what the model would have written in place of each drafted token, after the accepted ones.

        The guesses behind a rejected token hold for the drafted text only, as in Jacobi decoding (Santilli et al. 2023,
        arXiv 2305.10427). They are good enough for the next draft, which is verified again.
        """
        drafted = [self.vocabulary.bytes[t].decode("utf-8", "replace") for t in self._draft]
        guessed = [self.vocabulary.bytes[t].decode("utf-8", "replace") for t in guesses[: len(self._draft)]]
        self.drafter.learn(drafted, drafted[: accepted + 1] + guessed[accepted + 1 :])

    def _choose(self, logits: torch.Tensor) -> int:
        """The most probable legal token by logits [V], which are masked in place; it joins the answer, or ends it."""
        self._matcher.fill_next_token_bitmask(self._legal)
        self._mask(logits)
        (first, second), (token, _) = (t.tolist() for t in logits.topk(2))
        if self._exact_logits and first - second < TIE:
            self._mask(logits.copy_(self._exact_logits([*self._prompt, *self.tokens])))
            token = int(logits.argmax(-1))
        if token == self.vocabulary.end or len(self.tokens) >= self.limit:
            self.done, self.stopped = True, token != self.vocabulary.end
        else:
            self._append(token)
        return token

    def _mask(self, logits: torch.Tensor) -> None:
        """Set the logits [V] of illegal tokens to minus infinity."""
        import xgrammar

        xgrammar.apply_token_bitmask_inplace(logits[None], self._legal)
        if self._repeating:
            self.vocabulary.close_list(logits)

    def _append(self, token: int) -> None:
        self._matcher.accept_token(token)
        piece = self._utf8.decode(self.vocabulary.bytes[token])
        self._pieces.append(piece)
        self.tokens.append(token)
        self.text += piece
        if "]" in piece or '"' in piece:
            self._repeating = repeats(self.text)

    def _record_steps(self, legal_logits: torch.Tensor, log_total: torch.Tensor, tokens: list[int]) -> None:
        """Steps for the last n tokens, from their masked logits [n, V] and the log sum exp of the unmasked ones."""
        log_legal = legal_logits.logsumexp(-1)
        log_p = legal_logits - log_legal[:, None]  # softmax over the legal tokens alone
        legal_mass = (log_legal - log_total[: len(log_legal)]).exp()  # their share under the unconstrained softmax
        continues = log_p[:, self.vocabulary.continuing].exp().sum(-1)
        probability = self.vocabulary.confidence(log_p, tokens)
        pieces = self._pieces[len(self.steps) :]
        self.steps += map(TokenStep, pieces, probability, legal_mass.tolist(), continues.tolist())

    @property
    def partial(self) -> PartialAnswer:
        """The answer so far, parsed."""
        return read_partial(self.question, self.text, self.style)

    def decoded(self) -> Decoded:
        """The answer so far, with its tokens' probabilities."""
        finished = self.done and not self.stopped
        return Decoded(self.text, tuple(self.steps), finished, tuple(self.tokens), self.passes, self.second_opinion)
