"""What the embedded model is asked while it is trained, and batches that a long run is sure to meet."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import torch

from finetune.data.drawings import Sample
from finetune.tiny import LABELS
from finetune.tiny.crops.batch import cut, described
from finetune.tiny.crops.pixels import ImageStore
from finetune.tiny.crops.views import View
from finetune.tiny.model import HIDDEN, Reader, build_model, load_tokenizer, number_ids
from finetune.tiny.prompts import ask, tokenize_answer
from finetune.tiny.reading_stage import (
    LINK_LAYER,
    POINTER_LAYER,
    READER_LAYER,
    WEIGHTS,
    AttentionSupervision,
    _losses,
    make_batch,
)
from finetune.tiny.speed import fast_language, fast_vision
from finetune.tiny.spellings import pluralise, respell, usual_spellings
from finetune.tiny.teacher import Distillation
from pdc.domain.label_changes import fold
from pdc.inference.dense_head import DenseHead
from pdc.settings import EMBEDDED_MODEL
from pdc.store.label_queries import vocabulary

NOTHING = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)


def crop(classes: list[int], source: str) -> View:
    boxes = np.array([[10 + 30 * i, 20, 35 + 30 * i, 60] for i in range(len(classes))], np.float32).reshape(-1, 4)
    return View(0, (0, 0, 140, 112), (False, False, False), (4, 5), boxes, np.array(classes, np.int64), source)


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(EMBEDDED_MODEL)


def test_the_rarest_kind_is_often_asked_for_alone():
    smear = crop([0, 0, 0, 2], "blood_cells")
    asked = Counter(ask(smear, np.random.default_rng(i)).labels for i in range(1000))
    assert 100 < asked["platelet",] < 350
    assert asked["red blood cell",] > 20 and sum(n for labels, n in asked.items() if len(labels) > 2) > 300


def test_a_label_spelled_as_a_user_would_is_answered_under_the_same_word_and_speaks_of_the_same_boxes(tokenizer):
    smear, spelled = crop([0, 1, 0, 2], "blood_cells"), set()
    dictionary = fold(LABELS, (), vocabulary())
    for i in range(400):
        written = tokenize_answer(tokenizer, smear, np.random.default_rng(i))
        text = tokenizer.decode(written.answer).removesuffix("<|im_end|>")
        words = tuple(entry["label"] for entry in json.loads(text))
        labels = ask(smear, np.random.default_rng(i)).labels
        assert tuple(dictionary.find(word).name for word in words) == labels
        assert f" {', '.join(words)}. Answer" in tokenizer.decode(written.after)
        meant = [LABELS.index(label) for label in labels]
        spoken = list(dict.fromkeys(k for k in written.about if k >= 0))
        has_marks = any("2d" in key for entry in json.loads(text) for key in entry)
        assert spoken == [k for c in meant for k in (0, 1, 2, 3) if smear.classes[k] == c and has_marks]
        spelled |= set(words) - set(LABELS)
    assert len(spelled) > 40 and "RBCS" in map(str.upper, spelled)
    assert any(word.isupper() for word in spelled) and any("ö" in word or "oe" in word for word in spelled)


def test_most_labels_are_asked_as_the_models_own_and_one_in_seven_is_not():
    rng = np.random.default_rng(0)
    asked = [word for _ in range(2000) for word in respell(LABELS, rng)]
    assert 0.11 < 1 - sum(word in LABELS for word in asked) / len(asked) < 0.16


def test_every_label_has_ten_usual_spellings_and_no_spelling_is_of_two():
    spellings = [usual_spellings(label, 10) for label in LABELS]
    assert all(len(set(words)) == 10 for words in spellings)
    assert len({w.lower() for s in spellings for w in s}) == len({(w.lower(), i) for i, s in enumerate(spellings) for w in s})


@pytest.mark.parametrize(
    ("word", "several"), [("polyp", "polyps"), ("RBC", "RBCs"), ("red cell", "red cells"), ("nuclei", "nuclei"), ("Kern", "Kern")]
)
def test_the_plural_is_made_where_an_s_makes_it(word: str, several: str):
    assert pluralise(word) == several


@pytest.mark.parametrize("crops", [[crop([], "blank"), crop([], "blank")], [crop([0, 0, 2], "blood_cells"), crop([], "blank")]])
def test_a_batch_can_be_learnt_from_whatever_is_in_it(tokenizer, crops):
    model, head, reader, hint = build_model(tokenizer, 0), DenseHead(HIDDEN, len(LABELS)), Reader(), Distillation(None)
    fast_vision(model.model.visual)
    fast_language(model.model.language_model)
    layers = model.model.language_model.layers
    taught = (
        AttentionSupervision(layers[LINK_LAYER]),
        AttentionSupervision(layers[POINTER_LAYER]),
        AttentionSupervision(layers[READER_LAYER]),
    )
    written = [tokenize_answer(tokenizer, s, np.random.default_rng(1)) for s in crops]
    batch = make_batch(crops, written, tokenizer)
    store = ImageStore({"x": [Sample(np.full((112, 140, 3), 90, np.uint8), *NOTHING, "x")]})
    shown = cut(store, described(crops, (1, 2)))
    losses = _losses(model, head, reader, hint, shown, batch, taught, number_ids(tokenizer), vision=True, joined=True)
    sum(WEIGHTS[k] * v for k, v in losses.items() if k in WEIGHTS).backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(torch.isfinite(v) for v in losses.values()) and all(torch.isfinite(g).all() for g in gradients)
    assert sum(float(g.abs().sum()) for g in gradients) > 0
