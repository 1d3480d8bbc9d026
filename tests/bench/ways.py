"""The ways of getting one answer that the decoding benchmark compares."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL.Image import Image as PilImage

from pdc.domain.geometry import Size
from pdc.domain.values import Question
from pdc.inference.decoding import Decoder
from pdc.inference.decoding.grammar import Vocabulary, repeats
from pdc.inference.decoding.partial_answer import find_shapes
from pdc.inference.qwen import Qwen

# Of this process's own time on a CPU with one thread: what others do on the machine does not count. Set by the benchmark.
CLOCK: Callable[[], float] = time.perf_counter
LIMIT = 700  # tokens; a free answer may run away


@dataclass(frozen=True, slots=True)
class Timed:
    """One answer: its text and tokens, passes of the language model, seconds in all and until the first whole mark."""

    text: str
    tokens: tuple[int, ...]
    passes: int
    seconds: float
    first_mark: float | None


class Grammar:
    """A logits processor for `generate`: our grammar and our rule against runaway lists. Rolls back with its caller."""

    def __init__(self, vocabulary: Vocabulary, question: Question, model_wh: Size, style: str, prompt: int) -> None:
        import xgrammar

        self.vocabulary, self.prompt, self.said = vocabulary, prompt, []
        compiled = vocabulary.grammar(question, model_wh, style)
        self.matcher = xgrammar.GrammarMatcher(compiled)
        self.legal = xgrammar.allocate_token_bitmask(1, vocabulary.size)

    def __call__(self, ids: Any, logits: Any) -> Any:
        import xgrammar

        self._follow(ids[0, self.prompt :].tolist())
        logits = logits.float()
        if self.matcher.is_terminated():  # a drafted end of the turn: whatever follows is thrown away
            return logits
        self.matcher.fill_next_token_bitmask(self.legal)
        xgrammar.apply_token_bitmask_inplace(logits, self.legal)
        text = b"".join(self.vocabulary.bytes[t] for t in self.said).decode("utf-8", "replace")
        if repeats(text):
            self.vocabulary.close_list(logits[0])
        return logits

    def _follow(self, said: list[int]) -> None:
        same = next((i for i, (a, b) in enumerate(zip(said, self.said, strict=False)) if a != b), min(len(said), len(self.said)))
        if len(self.said) > same:
            self.matcher.rollback(len(self.said) - same)
        for i, token in enumerate(said[same:], start=same):
            if not self.matcher.accept_token(token):  # a drafted token that is not legal: it will be refused
                said = said[:i]
                break
        self.said = said


class Watch:
    """A streamer for `generate` that notes when the first mark is complete."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer, self.ids, self.prompt, self.at = tokenizer, [], True, None

    def put(self, value: Any) -> None:
        if self.prompt:
            self.prompt = False
            return
        self.ids += value.flatten().tolist()
        if self.at is None and find_shapes(self.tokenizer.decode(self.ids)):
            self.at = CLOCK()

    def end(self) -> None: ...


def counted(qwen: Qwen, ask: Callable[[], Any]) -> tuple[Any, int]:
    """(what `ask` gives, how often the language model's modules ran)."""
    runs = [0]

    def count(*_: Any) -> None:
        runs[0] += 1

    hook = qwen.base.model.language_model.register_forward_pre_hook(count)
    try:
        return ask(), runs[0]
    finally:
        hook.remove()


def generate(qwen: Qwen, vocabulary: Vocabulary, image: PilImage, question: Question, **options: Any) -> Timed:
    """transformers' `generate`, greedy, under the same grammar."""
    from transformers import LogitsProcessorList

    started, watch = CLOCK(), Watch(qwen.tokenizer)
    inputs = qwen.inputs(image, question)
    prompt = inputs["input_ids"].shape[1]
    rule = Grammar(vocabulary, question, qwen.frame(*image.size).model_wh, qwen.prompt_style, prompt)
    options = {**options, "logits_processor": LogitsProcessorList([rule]), "streamer": watch}
    ids, passes = counted(qwen, lambda: qwen.model.generate(**inputs, do_sample=False, max_new_tokens=LIMIT, **options))
    return _timed(qwen, ids[0, prompt:].tolist(), passes, started, watch)


def pipeline(pipe: Any, qwen: Qwen, image: PilImage, question: Question) -> Timed:
    """`pipeline("image-text-to-text")` as its documentation shows it: no grammar."""
    started, watch = CLOCK(), Watch(qwen.tokenizer)
    options = {"do_sample": False, "streamer": watch}
    chat = qwen.messages(qwen.resize(image), question)
    ask = lambda: pipe(text=chat, max_new_tokens=LIMIT, return_full_text=False, generate_kwargs=options)  # noqa: E731
    _, passes = counted(qwen, ask)
    return _timed(qwen, watch.ids, passes, started, watch)


def ours(decoder: Decoder, image: PilImage, question: Question, *, fresh: bool = True) -> Timed:
    if fresh:
        decoder.forget_images()
    started, first = CLOCK(), None
    encoded = decoder.encode(image)
    sequence = decoder.begin(encoded, question, LIMIT)
    for _ in decoder.run([encoded], [sequence]):
        if first is None and find_shapes(sequence.text):
            first = CLOCK() - started
    return Timed(sequence.text, tuple(sequence.tokens), sequence.passes + fresh, CLOCK() - started, first)


def _timed(qwen: Qwen, ids: Sequence[int], passes: int, started: float, watch: Watch) -> Timed:
    seconds = CLOCK() - started
    said = tuple(i for i in ids if i != qwen.tokenizer.eos_token_id)
    first = watch.at - started if watch.at else None
    return Timed(qwen.tokenizer.decode(said), said, passes, seconds, first)
