"""What the embedded model is asked while it is trained, and batches that a long run is sure to meet."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from finetune.data.drawings import Sample
from finetune.tiny import LABELS
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
from finetune.tiny.teacher import DistillationHint
from pdc.inference.dense_head import DenseHead
from pdc.settings import EMBEDDED_MODEL


def crop(classes: list[int], source: str) -> Sample:
    boxes = np.array([[10 + 30 * i, 20, 35 + 30 * i, 60] for i in range(len(classes))], np.float32).reshape(-1, 4)
    return Sample(np.full((112, 140, 3), 90, np.uint8), boxes, np.array(classes, np.int64), source)


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(EMBEDDED_MODEL)


def test_the_rarest_kind_is_often_asked_for_alone():
    smear = crop([0, 0, 0, 2], "blood_cells")
    asked = Counter(ask(smear, np.random.default_rng(i)).labels for i in range(1000))
    assert 100 < asked["platelet",] < 350
    assert asked["red blood cell",] > 20 and sum(n for labels, n in asked.items() if len(labels) > 2) > 300


@pytest.mark.parametrize("crops", [[crop([], "blank"), crop([], "blank")], [crop([0, 0, 2], "blood_cells"), crop([], "blank")]])
def test_a_batch_can_be_learnt_from_whatever_is_in_it(tokenizer, crops):
    model, head, reader, hint = build_model(tokenizer, 0), DenseHead(HIDDEN, len(LABELS)), Reader(), DistillationHint(None)
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
    losses = _losses(model, head, reader, hint, crops, batch, taught, number_ids(tokenizer), vision=True, joined=True)
    sum(WEIGHTS[k] * v for k, v in losses.items() if k in WEIGHTS).backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(torch.isfinite(v) for v in losses.values()) and all(torch.isfinite(g).all() for g in gradients)
    assert sum(float(g.abs().sum()) for g in gradients) > 0
