"""The decoding engine: encodes an image once, then answers questions about it, several in one batch if asked to.

Decoding is greedy and constrained: a grammar of the task, the labels and the image's size allows only valid JSON, "none"
included. It is speculative: each forward pass checks a draft of the tokens to come. Drafts save passes and change no token.

    encode   image -> vision tower -> language model -> KV cache of the prefix      once per image, kept in the image cache
    begin    question -> prompt, grammar, drafter                                   once per question
    run      draft -> one forward pass -> accepted tokens                           until every answer is complete
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from pdc.domain.values import Question
from pdc.inference.decoding.grammar import Vocabulary
from pdc.inference.decoding.image_cache import EncodedImage, ImageCache, VisualFeatures, proposals_in
from pdc.inference.decoding.sequence import CPU_WINDOW, DecodingSequence
from pdc.inference.lora_loading import KEPT_ADAPTERS
from pdc.inference.types import Decoded, Proposal

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.qwen import Qwen

MAX_NEW_TOKENS = 3072
CACHE_BYTES = 256 * 2**20  # of encoded images; an eighth of it for their features
BACKENDS = KEPT_ADAPTERS + 1  # the base's too: on a CPU each is a float32 copy of the weights
# Decoding is bound by reading the weights, not by arithmetic: a GPU runs about a hundred tokens in the time of one
# (tests/bench/paper.py). So drafts may be long.
GPU_WINDOW = 64
# In 4 bit that holds for few tokens only. bitsandbytes multiplies those with the packed weights directly; for more it
# dequantises every weight matrix first, in every pass.
NF4_WINDOW, NF4_WINDOW_OLD = 28, 6  # Ampere and newer; older (no bfloat16 matrix units)


class Decoder:
    """Greedy, constrained, speculative decoding with one model. Not thread-safe: callers serialise.

    `window` is the number of drafted tokens a pass; None chooses it for the device, 0 decodes one token a pass. `limit` is
    the longest answer, in tokens.
    """

    def __init__(
        self, qwen: Qwen, *, cache_bytes: int = CACHE_BYTES, window: int | None = None, limit: int = MAX_NEW_TOKENS
    ) -> None:
        self.qwen, self.limit = qwen, limit
        self.image_cache: ImageCache[EncodedImage] = ImageCache(cache_bytes)
        self.feature_cache: ImageCache[VisualFeatures] = ImageCache(cache_bytes // 8)
        self.window, self.max_window = (window, None) if window is not None else _draft_window(qwen)
        self.vocabulary = Vocabulary(qwen.tokenizer, qwen.base.config.get_text_config().vocab_size)
        self._language: Any = None
        self._language_of = lru_cache(maxsize=BACKENDS)(self._select_language)
        self._vision_of = lru_cache(maxsize=BACKENDS)(self._select_vision)

    def encode(self, image: PilImage) -> EncodedImage:
        """The image as this model with this adapter encodes it: out of the cache, or computed now."""
        image_key, weights = (_fingerprint(image), self.qwen.frame(*image.size)), self.qwen.weights
        self._language = self._language_of(weights)
        if (encoded := self.image_cache.get((image_key, weights))) is None:
            encoded = self._encode(image, self._features(image, (image_key, self.qwen.vision_weights)))
            self.image_cache.put((image_key, weights), encoded)
        return encoded

    def see(self, image: PilImage) -> VisualFeatures:
        """The image as the vision tower and the dense head see it: out of the cache, or computed now."""
        return self._features(image, ((_fingerprint(image), self.qwen.frame(*image.size)), self.qwen.vision_weights))

    def proposals(self, image: PilImage) -> tuple[Proposal, ...]:
        """What the dense head sees in the image, in pixels in which the model answers; the language model is not asked."""
        return proposals_in(self.qwen.frame(*image.size), self.see(image).proposals)

    def forget_images(self) -> None:
        """Encode every image anew from now on."""
        self.image_cache.clear()
        self.feature_cache.clear()

    def _select_language(self, weights: Hashable) -> Any:
        """The backend for the adapter that serves now, which `weights` tells from others."""
        from pdc.inference.decoding.backends import select_backend

        return select_backend(self.qwen.base)

    def _select_vision(self, weights: Hashable) -> Any:
        """As `_select_language`, the vision tower."""
        from pdc.inference.decoding.backends import select_vision_tower

        return select_vision_tower(self.qwen)

    def _features(self, image: PilImage, key: tuple[Hashable, Hashable]) -> VisualFeatures:
        """What the vision tower and the dense head see: out of the cache, or computed now."""
        import torch

        from pdc.inference.dense_head import proposals

        if (seen := self.feature_cache.get(key)) is None:
            pixels = self.qwen.pixels(image)
            with torch.inference_mode():
                features = self._vision_of(self.qwen.vision_weights)(pixels)
            wh = self.qwen.frame(*image.size).model_wh
            proposed = proposals(self.qwen.head, features, wh) if self.qwen.head else ()
            seen = VisualFeatures(features, pixels["image_grid_thw"], proposed)
            self.feature_cache.put(key, seen)
        return seen

    def _encode(self, image: PilImage, seen: VisualFeatures) -> EncodedImage:
        """The language model's prefill of system line and image."""
        import torch

        ids = self.qwen.before_answer(None, seen.grid)
        with torch.inference_mode():
            positions, offset = self.qwen.positions(ids, seen.grid)
            embedded = self._language.embed(ids)
            # The prompt holds one <|image_pad|> per visual token: its embedding is replaced by the visual feature.
            embedded[torch.tensor(ids) == self.qwen.base.config.image_token_id] = seen.features.to(embedded.dtype)
            prefix = self._language.prefill(embedded, positions)
        frame = self.qwen.frame(*image.size)
        proposed, like = proposals_in(frame, seen.proposals), self.qwen.likeness(seen.features)
        return EncodedImage(prefix, offset, len(seen.features), frame.answer_wh, proposed, likeness=like)

    def begin(self, encoded: EncodedImage, question: Question, limit: int | None = None) -> DecodingSequence:
        """An answer with no token yet, for `run`; `limit` (None: the usual) is its longest length in tokens."""
        prompt = self.qwen.before_answer(question, None)
        style, drafts = self.qwen.prompt_style, encoded.drafts(question)
        exact = partial(self._language.exact_logits, encoded.prefix, encoded.offset) if self._language.breaks_ties else None
        return DecodingSequence(
            self.vocabulary,
            question,
            encoded.answer_wh,
            style,
            prompt,
            drafts,
            window=self.window,
            max_window=self.max_window,
            limit=self.limit if limit is None else limit,
            exact_logits=exact,
            second_opinion=encoded.opinion(question, self.qwen.head.labels) if self.qwen.head else None,
        )

    def run(self, encoded: Sequence[EncodedImage], sequences: Sequence[DecodingSequence]) -> Iterator[None]:
        """One forward pass an iteration until every sequence is done; stop iterating to cancel.

        A pass runs, per sequence, its decided tokens that are not in the cache yet and its draft. The cache then advances
        over the accepted tokens only: keys and values of rejected ones are overwritten by the next pass.
        """
        cache, offsets = self._language.cache([e.prefix for e in encoded]), [e.offset for e in encoded]
        while not all(sequence.done for sequence in sequences):
            tokens = [[] if sequence.done else sequence.next_tokens() for sequence in sequences]
            logits = self._language.extend(tokens, offsets, cache)
            for row, sequence in enumerate(sequences):
                if not sequence.done:
                    cache.advance(row, sequence.accept(logits[row]))
                    if sequence.done:
                        encoded[row].remember(sequence.question, sequence.partial.marks)
            yield

    def decode(
        self,
        image: PilImage,
        question: Question,
        *,
        max_new_tokens: int | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Decoded:
        """Greedy answer to one question about one upright RGB image of any size."""
        encoded = self.encode(image)
        sequence = self.begin(encoded, question, max_new_tokens)
        for _ in self.run([encoded], [sequence]):
            if cancelled():
                break
        return sequence.decoded()

    def decode_many(self, questions: Sequence[tuple[PilImage, Question]], *, max_new_tokens: int | None = None) -> list[Decoded]:
        """Greedy answers to several questions, about one image or many, in one batch."""
        encoded = [self.encode(image) for image, _ in questions]
        sequences = [self.begin(e, question, max_new_tokens) for e, (_, question) in zip(encoded, questions, strict=True)]
        for _ in self.run(encoded, sequences):
            pass
        return [sequence.decoded() for sequence in sequences]


def _draft_window(qwen: Qwen) -> tuple[int, int | None]:
    """(drafted tokens a pass, at most while all are accepted; None: the usual) for the model's device and precision."""
    if qwen.device == "cpu":
        return CPU_WINDOW, None
    if not getattr(qwen.base, "is_loaded_in_4bit", False):
        return GPU_WINDOW, None
    import torch

    few = NF4_WINDOW if torch.cuda.get_device_capability() >= (8, 0) else NF4_WINDOW_OLD
    return few, few


def _fingerprint(image: PilImage) -> tuple[str, tuple[int, int], bytes]:
    """Mode, size and a hash of the pixels: equal images share a cache entry, whichever file they came from."""
    return image.mode, image.size, hashlib.blake2b(image.tobytes(), digest_size=16).digest()
