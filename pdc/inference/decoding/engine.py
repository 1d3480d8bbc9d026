"""The answer decoder: sees an image once, then answers questions about it, several at a time if asked to.

The grammar is made from the task, the asked labels and the size at which the model sees the image, so an unreadable
answer cannot occur and "none" can. Every step keeps the probability of the chosen token among the legal ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pdc.domain.values import Question
from pdc.inference.decoding.grammar import Vocabulary
from pdc.inference.decoding.image_cache import EncodedImage, ImageCache
from pdc.inference.decoding.sequence import ALONE, DecodingSequence
from pdc.inference.types import Decoded

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.qwen import Qwen

MAX_NEW_TOKENS = 3072
MEMORY_BYTES = 256 * 2**20
TOGETHER = 64  # drafted tokens a pass on a GPU: to about a hundred a pass costs what one token costs (tests/bench/paper.py)
# In 4 bit a GPU reads few tokens straight from the packed weights; for more bitsandbytes unpacks them all, every pass.
FUSED, FUSED_OLD = 28, 6  # Ampere and newer; older (no bfloat16 matrix units)


class Decoder:
    """Answers with one model. Not thread-safe: callers serialise. `window=0` decides one token a pass."""

    def __init__(self, qwen: Qwen, *, memory_bytes: int = MEMORY_BYTES, window: int | None = None) -> None:
        self.qwen, self.memory = qwen, ImageCache(memory_bytes)
        self.window, self.most = (window, None) if window is not None else _window(qwen)
        self.words = Vocabulary(qwen.tokenizer, qwen.base.config.get_text_config().vocab_size)
        self._serving: tuple[Any, ...] = ()  # not loaded yet
        self._language: Any = None
        self._sight: Any = None

    def see(self, image: PilImage) -> EncodedImage:
        """The image as this model with this adapter sees it: from memory, or looked at now."""
        self._follow_adapter()
        key = (*_fingerprint(image), self.qwen.name, *self._serving)
        if (seen := self.memory.get(key)) is None:
            seen = self._look(image)
            self.memory.put(key, seen)
        return seen

    def _follow_adapter(self) -> None:
        from pdc.inference.decoding.backends import select_backend, select_vision_tower

        serving = self.qwen.adapter, self.qwen.changes
        if serving != self._serving:
            self._language, self._sight, self._serving = select_backend(self.qwen.base), select_vision_tower(self.qwen), serving
            self.memory.clear()

    def _look(self, image: PilImage) -> EncodedImage:
        import torch

        from pdc.inference.dense_head import proposals

        pixels = self.qwen.pixels(image)
        ids = self.qwen.before_answer(None, pixels["image_grid_thw"])
        with torch.inference_mode():
            features = self._sight(pixels)
            positions, offset = self.qwen.positions(ids, pixels["image_grid_thw"])
            embedded = self._language.embed(ids)
            embedded[torch.tensor(ids) == self.qwen.base.config.image_token_id] = features.to(embedded.dtype)
            kept = self._language.read(embedded, positions)
        wh = self.qwen.frame(*image.size).model_wh
        found = proposals(self.qwen.head, features, wh) if self.qwen.head else ()
        return EncodedImage(kept, offset, len(features), wh, found)

    def line(self, seen: EncodedImage, question: Question, limit: int = MAX_NEW_TOKENS) -> DecodingSequence:
        """An answer not yet begun, for `run`."""
        prompt = self.qwen.before_answer(question, None)
        style, drafts = self.qwen.prompt_style, seen.drafts(question)
        settle = partial(self._language.settle, seen.kept, seen.offset) if self._language.settles else None
        return DecodingSequence(
            self.words,
            question,
            seen.model_wh,
            style,
            prompt,
            drafts,
            window=self.window,
            most=self.most,
            limit=limit,
            settle=settle,
            second_opinion=seen.opinion(question, self.qwen.head.labels) if self.qwen.head else None,
        )

    def run(self, seen: Sequence[EncodedImage], lines: Sequence[DecodingSequence]) -> Iterator[None]:
        """Pass by pass until every line is done; stop iterating to cancel."""
        rows, offsets = self._language.rows([s.kept for s in seen]), [s.offset for s in seen]
        while not all(line.done for line in lines):
            tokens = [[] if line.done else line.next() for line in lines]
            logits = self._language.extend(tokens, offsets, rows)
            for b, line in enumerate(lines):
                if not line.done:
                    rows.move(b, line.take(logits[b]))
                    if line.done:
                        seen[b].remember(line.question, line.said.marks)
            yield

    def decode(
        self,
        image: PilImage,
        question: Question,
        *,
        max_new_tokens: int = MAX_NEW_TOKENS,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Decoded:
        """Greedy answer to one question about one upright RGB image of any size."""
        seen = self.see(image)
        line = self.line(seen, question, max_new_tokens)
        for _ in self.run([seen], [line]):
            if cancelled():
                break
        return line.decoded()

    def decode_many(self, asked: Sequence[tuple[PilImage, Question]], *, max_new_tokens: int = MAX_NEW_TOKENS) -> list[Decoded]:
        """Greedy answers to several questions, about one image or many, their passes shared."""
        seen = [self.see(image) for image, _ in asked]
        lines = [self.line(s, question, max_new_tokens) for s, (_, question) in zip(seen, asked, strict=True)]
        for _ in self.run(seen, lines):
            pass
        return [line.decoded() for line in lines]


def _window(qwen: Qwen) -> tuple[int, int | None]:
    """(tokens to draft a pass, at most while all agree; None for the usual) on the model's device in its precision."""
    if qwen.device == "cpu":
        return ALONE, None
    if not getattr(qwen.base, "is_loaded_in_4bit", False):
        return TOGETHER, None
    import torch

    few = FUSED if torch.cuda.get_device_capability() >= (8, 0) else FUSED_OLD
    return few, few


def _fingerprint(image: PilImage) -> tuple[str, tuple[int, int], bytes]:
    return image.mode, image.size, hashlib.blake2b(image.tobytes(), digest_size=16).digest()
