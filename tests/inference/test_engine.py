"""The answer engine on the embedded model: whatever is drafted, shared or batched, every token is the greedy one."""

from __future__ import annotations

import random

import pytest
from bench.ways import generate

import pdc.inference.decoding.sequence
from pdc.domain.prompts import COMPACT, PAPER, parse
from pdc.domain.values import Question, Task
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.decoding import Decoder
from pdc.inference.decoding.backends import LanguageBackend, TransformersBackend
from pdc.inference.decoding.cpu_model import CpuLanguageModel, CpuVisionTower
from pdc.inference.decoding.grammar import repeats
from pdc.inference.decoding.image_cache import EncodedImage, ImageCache
from pdc.inference.decoding.kv_cache import KVCache, PackedKVCache
from pdc.inference.predictors.base import Answer
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.qwen import Qwen, load
from pdc.inference.types import Proposal
from pdc.settings import EMBEDDED_MODEL

LABELS = ("red blood cell", "platelet")
ADAPTER = str(sorted((EMBEDDED_MODEL / "adapters").iterdir())[-1])
SHORT = 40  # tokens: enough for several marks and the disagreements about them


@pytest.fixture(scope="module")
def qwen() -> Qwen:
    return load(str(EMBEDDED_MODEL))


@pytest.fixture(scope="module")
def exact() -> Qwen:
    """The embedded model with nothing in 4 bit or bf16: what transformers computes can be compared to the token."""
    return load(str(EMBEDDED_MODEL), quantization="fp32")


@pytest.mark.parametrize(("style", "adapter"), [(COMPACT, None), (COMPACT, ADAPTER), (PAPER, ADAPTER)])
@pytest.mark.parametrize("task", Task)
def test_drafted_answers_are_the_step_by_step_ones(qwen, smears, task: Task, style: str, adapter: str | None):
    qwen.use_adapter(adapter, adapter)
    qwen.prompt_style = style
    image, question = smears[0][0], Question(task, LABELS)
    step = Decoder(qwen, window=0).decode(image, question, max_new_tokens=SHORT)
    drafted = Decoder(qwen).decode(image, question, max_new_tokens=SHORT)
    assert drafted.tokens == step.tokens and drafted.finished == step.finished
    assert step.passes >= len(step.tokens) and drafted.passes < step.passes
    assert [s.probability for s in drafted.steps] == pytest.approx([s.probability for s in step.steps], abs=1e-3)


@pytest.mark.parametrize("adapter", [None, ADAPTER])
def test_the_answer_is_that_of_transformers_generate_under_the_same_grammar(exact, smears, adapter: str | None):
    exact.use_adapter(adapter, adapter)
    decoder, question = Decoder(exact), Question(Task.COUNT_AND_BOX, LABELS[:1])
    theirs = generate(exact, decoder.vocabulary, smears[1][0], question)
    ours = decoder.decode(smears[1][0], question)
    assert ours.tokens == theirs.tokens and ours.text == theirs.text
    assert ours.passes < theirs.passes / 2


def test_tokens_too_close_to_tell_are_settled_beyond_doubt(qwen, smears, monkeypatch):
    qwen.use_adapter(ADAPTER, ADAPTER)
    image, question = smears[0][0], Question(Task.BOUNDING, LABELS[:1])
    wanted = Decoder(qwen).decode(image, question, max_new_tokens=20)
    monkeypatch.setattr(pdc.inference.decoding.sequence, "TIE", 1e9)  # every token is
    settled = Decoder(qwen).decode(image, question, max_new_tokens=20)
    assert settled.tokens == wanted.tokens
    assert [s.probability for s in settled.steps] == pytest.approx([s.probability for s in wanted.steps], abs=1e-3)


@pytest.mark.parametrize("proposals", ["none", "nonsense", "too many"])
def test_no_draft_however_wrong_changes_the_answer(qwen, smears, proposals: str):
    qwen.use_adapter(None, None)
    rng, question = random.Random(3), Question(Task.COUNT_AND_BOX, LABELS)
    decoder = Decoder(qwen)
    encoded = decoder.encode(smears[2][0])
    wanted = decoder.decode(smears[2][0], question, max_new_tokens=SHORT).tokens
    made = {
        "none": (),
        "nonsense": tuple(_random_box(rng) for _ in range(40)),
        "too many": tuple(Proposal(p.label, p.numbers, 1.0) for p in encoded.proposals * 3),
    }[proposals]
    other = EncodedImage(encoded.prefix, encoded.offset, encoded.tokens, encoded.answer_wh, made)
    sequence = decoder.begin(other, question, SHORT)
    for _ in decoder.run([encoded], [sequence]):
        pass
    assert tuple(sequence.tokens) == wanted


def _random_box(rng: random.Random) -> Proposal:
    x, y = rng.randrange(200), rng.randrange(200)
    return Proposal(rng.choice(LABELS), (x, y, x + rng.randrange(70), y + rng.randrange(70)), rng.random())


def test_questions_answered_together_get_the_answers_they_get_alone(qwen, smears):
    qwen.use_adapter(ADAPTER, ADAPTER)
    asked = [
        (smears[0][0], Question(Task.COUNT_AND_BOX, LABELS)),
        (smears[1][0], Question(Task.COUNTING, LABELS[:1])),
        (smears[0][0], Question(Task.POINTING, LABELS[:1])),
        (smears[2][0].resize((320, 200)), Question(Task.BOUNDING, LABELS)),
    ]
    together = Decoder(qwen).decode_many(asked, max_new_tokens=SHORT)
    alone = [Decoder(qwen).decode(image, question, max_new_tokens=SHORT) for image, question in asked]
    assert [d.tokens for d in together] == [d.tokens for d in alone]


def test_the_copy_in_float32_computes_what_the_modules_compute(exact):
    import torch

    exact.use_adapter(ADAPTER, ADAPTER)
    first, second, third = [[5, 9], [40, 41]], [[300, 12, 13], [42]], [[], [7, 8]]
    logits = []
    for way in (TransformersBackend(exact.base), CpuLanguageModel(exact.base)):
        language, rows = LanguageBackend(exact.base, way), _empty(way, 2)
        parts = []
        for ids, kept in ((first, (2, 1)), (second, (3, 0)), (third, (0, 2))):  # the second row takes some back
            parts += language.extend(ids, [0, 3], rows)
            for b, n in enumerate(kept):
                rows.advance(b, n)
        assert rows.lengths == [5, 3] and [len(part) for part in parts] == [2, 2, 3, 1, 0, 2]
        logits.append(torch.cat(parts))
    assert torch.allclose(*logits, atol=1e-4)


@pytest.mark.parametrize("windows", [False, True])
def test_the_copied_tower_sees_what_the_modules_see(exact, smears, monkeypatch, windows: bool):
    import torch

    exact.use_adapter(None, None)
    if windows:  # as in the larger models, where only some blocks look at the whole image
        monkeypatch.setattr(exact.base.model.visual, "fullatt_block_indexes", [2, 5])
        monkeypatch.setattr(exact.base.model.visual.config, "fullatt_block_indexes", [2, 5])
    pixels = exact.pixels(smears[2][0].resize((500, 300)))
    with torch.inference_mode():
        assert torch.allclose(CpuVisionTower(exact.base.model.visual)(pixels), exact.features(pixels), atol=1e-4)


def _empty(way: TransformersBackend | CpuLanguageModel, n: int) -> KVCache | PackedKVCache:
    return KVCache(n, 6) if isinstance(way, TransformersBackend) else PackedKVCache([KVCache(1, 6) for _ in range(n)])


def test_rows_grow_as_long_as_the_answer(exact):
    import torch

    exact.use_adapter(None, None)
    language, ids = LanguageBackend(exact.base, CpuLanguageModel(exact.base)), list(range(300, 1000))
    whole = language.extend([ids], [0], PackedKVCache([KVCache(1, 6)]))
    rows, parts = PackedKVCache([KVCache(1, 6)]), []
    for start in range(0, 700, 100):
        parts += language.extend([ids[start : start + 100]], [0], rows)
        rows.advance(0, 100)
    assert torch.allclose(whole[0], torch.cat(parts), atol=1e-3)


def test_a_second_question_does_not_look_at_the_image_again(qwen, smears, monkeypatch):
    qwen.use_adapter(None, None)
    looks, look = [], qwen.pixels
    monkeypatch.setattr(qwen, "pixels", lambda image: looks.append(1) or look(image))
    decoder, image = Decoder(qwen), smears[0][0]
    first = decoder.decode(image, Question(Task.BOUNDING, LABELS[:1]))
    again = decoder.decode(image.copy(), Question(Task.BOUNDING, LABELS[:1]))
    assert len(looks) == 1 and again.tokens == first.tokens and again.passes < first.passes
    decoder.decode(image, Question(Task.COUNTING, LABELS[:1]))
    assert len(looks) == 1
    decoder.decode(smears[1][0], Question(Task.COUNTING, LABELS[:1]))
    assert len(looks) == 2


def test_what_one_adapter_saw_is_not_shown_to_another(qwen, smears):
    qwen.use_adapter(None, None)
    decoder, question = Decoder(qwen), Question(Task.COUNTING, LABELS[:1])
    decoder.decode(smears[0][0], question)
    qwen.use_adapter(ADAPTER, ADAPTER)
    adapted = decoder.decode(smears[0][0], question)
    assert [s.probability for s in adapted.steps] == [s.probability for s in Decoder(qwen).decode(smears[0][0], question).steps]


def test_memory_keeps_what_was_used_last_within_its_bytes(qwen, smears):
    encoded = Decoder(qwen).encode(smears[0][0])
    memory = ImageCache(2 * encoded.nbytes)
    for key in "ab":
        memory.put(key, encoded)
    assert memory.get("a") is encoded
    memory.put("c", encoded)
    assert memory.get("b") is None and memory.get("a") and memory.get("c") and memory.used == 2 * encoded.nbytes
    small = ImageCache(encoded.nbytes - 1)
    small.put("a", encoded)
    assert small.get("a") is None and small.used == 0


def test_a_runaway_list_is_stopped_where_it_repeats_itself():
    assert repeats('[{"label":"a","bbox_2d":[[1,2,3,4],[5,6,7,8],[1,2,3,4]')
    assert not repeats('[{"label":"a","bbox_2d":[[1,2,3,4]]},{"label":"b","bbox_2d":[[1,2,3,4]')
    assert not repeats('[{"label":"a [1,2]","point_2d":[[1,2]')
    assert repeats('```json\n[{"point_2d": [1, 2], "label": "a"}, {"point_2d": [1, 2]')


def test_a_label_of_any_script_is_said_whole(qwen, smears):
    qwen.use_adapter(None, None)
    question = Question(Task.COUNTING, ("lymphocyte à noyau 細胞",))
    decoded = Decoder(qwen).decode(smears[0][0], question)
    assert decoded.text == "".join(s.text for s in decoded.steps)
    assert list(parse(question, decoded.text).stated) == list(question.labels)


def test_marks_stream_as_they_are_complete_and_the_answer_comes_last(embedded, smears):
    image, question = smears[3][0], Question(Task.COUNT_AND_BOX, LABELS)
    *parts, answer = embedded.stream(image, question)
    counts = [len(p.findings.marks) for p in parts]
    assert isinstance(answer, Answer) and counts and counts[0] < len(answer.findings.marks) and counts == sorted(counts)
    shown = [m.shape for m in parts[-1].findings.marks]
    assert shown == [m.shape for m in answer.findings.marks][: len(shown)]
    assert answer.raw == embedded.predict(image, question).raw


def test_a_cancelled_answer_stops_within_one_pass_and_frees_the_model(qwen, smears):
    passes, predictor = [], LocalPredictor(lambda: qwen, lambda: AdapterRef())
    predictor.load()
    extend = LanguageBackend.extend

    def counted(self, *rest):
        passes.append(1)
        return extend(self, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LanguageBackend, "extend", counted)
        got = list(predictor.stream(smears[4][0], Question(Task.COUNT_AND_BOX, LABELS), lambda: len(passes) >= 2))
    assert len(passes) == 2 and not any(isinstance(part, Answer) for part in got)
    assert predictor.predict(smears[4][0], Question(Task.COUNTING, LABELS[:1])).findings is not None


def test_several_questions_at_once_through_the_predictor(embedded, smears):
    asked = [(smears[i][0], Question(Task.COUNTING, LABELS[:1])) for i in range(2)]
    assert [a.findings for a in embedded.predict_many(asked)] == [embedded.predict(*one).findings for one in asked]


def test_the_papers_style_streams_too(qwen, smears):
    predictor = LocalPredictor(lambda: qwen, lambda: AdapterRef())
    predictor.load()
    qwen.prompt_style = PAPER
    decoded = Decoder(qwen).decode(smears[0][0], Question(Task.BOUNDING, LABELS[:1]), max_new_tokens=SHORT)
    assert decoded.text.startswith('```json\n[{"bbox_2d": [')
