"""Which studies there are: for each, the arms that `study.py` plays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from finetune.data.dataset import Row
from finetune.experiments.study import Arm, StudyTraining
from pdc.domain.errors import BadSetting
from pdc.domain.prompts import as_task, words
from pdc.domain.values import Question, Task
from pdc.inference.adapter_ref import AdapterRef
from pdc.training.config import TrainConfig

RANKS = (4, 8, 16, 32)
SHARES = (0.125, 0.25, 0.5, 1.0)  # of the training images
WEIGHTS = (0.2, 1.0)  # of the preference beside the likelihood of the correction
PHRASINGS = {
    "as trained": "{task} {labels}. Answer in JSON.",
    "polite": "Could you please {task} {labels} in this image? Answer in JSON.",
    "as a question": "Which {labels} are there? {task} them. Answer in JSON.",
    "for a clinician": "You are reading a medical image. {task} {labels} that you can see, and miss none. Answer in JSON.",
    "terse": "{labels}: JSON.",
    "without the format": "{task} {labels}.",
    "labels in capitals": "{task} {LABELS}. Answer in JSON.",
    "misspelt": "{task} {labels}, pleese. Anwser in JSON.",
}


@dataclass(frozen=True, slots=True)
class Setup:
    """Images to train on and others to measure on, boxed; how to train; what serves; and drawings of what was known."""

    train: Sequence[Row]
    held_out: Sequence[Row]
    config: TrainConfig
    adapter: AdapterRef = AdapterRef()
    known: Sequence[Row] = ()


def asked(rows: Sequence[Row], task: Task) -> list[Row]:
    """The same images and truth, asked for `task`."""
    return [replace(r, question=Question(task, r.question.labels), findings=as_task(r.findings, r.question, task)) for r in rows]


def base(s: Setup) -> list[Arm]:
    """The untuned base beside what tuning makes of it, task by task."""
    sides = {"untuned": None, "tuned": StudyTraining("tuned", s.config, s.train)}
    return [Arm(f"{name}: {task}", asked(s.held_out, task), side) for task in Task for name, side in sides.items()]


def tasks(s: Setup) -> list[Arm]:
    """One task learnt alone against all five together, each by itself: no list that all share."""
    config = replace(s.config, one_list=False)
    together = StudyTraining("all-five", config, s.train)
    alone = {t: StudyTraining(f"only-{t}", replace(config, tasks={t: 1.0}), s.train) for t in Task}
    return [
        Arm(f"{task}: {name}", asked(s.held_out, task), side)
        for task in Task
        for name, side in (("alone", alone[task]), ("with the others", together))
    ]


def rank(s: Setup) -> list[Arm]:
    """The rank of the LoRA matrices, at a scale of twice the rank."""
    return [
        Arm(f"rank {r}", s.held_out, StudyTraining(f"rank-{r}", replace(s.config, rank=r, alpha=2 * r), s.train)) for r in RANKS
    ]


def wording(s: Setup) -> list[Arm]:
    """The same question put in other words than it was trained with."""
    return [Arm(name, s.held_out, s.adapter, partial(_put, text)) for name, text in PHRASINGS.items()]


def _put(template: str, question: Question, style: str) -> str:
    usual = words(question, style)
    labels = ", ".join(question.labels)
    return template.format(task=usual[: usual.index(labels)].strip(), labels=labels, LABELS=labels.upper())


def modality(s: Setup) -> list[Arm]:
    """A kind of image never trained on: none, then more and more of its images; and what is left of the kinds known before."""
    arms = [Arm("0 images", s.held_out), *([Arm("known kinds after 0", s.known)] if s.known else [])]
    for n in sorted({max(1, round(share * len(s.train))) for share in SHARES}):
        training = StudyTraining(f"images-{n}", s.config, s.train[:n])
        arms.append(Arm(f"{n} images", s.held_out, training))
        arms += [Arm(f"known kinds after {n}", s.known, training)] if s.known else []
    return arms


def preference(s: Setup) -> list[Arm]:
    """From one adapter, in the same time: learning the corrections, and preferring them to what it had said."""
    start = StudyTraining("start", s.config, s.train[: max(1, len(s.train) // 2)])
    on = replace(s.config, lr=s.config.lr / 2)
    arms = [Arm("start", s.held_out, start), Arm("corrections alone", s.held_out, StudyTraining("sft", on, s.train, start))]
    for weight in WEIGHTS:
        training = StudyTraining(f"dpo-{weight}", replace(on, preference=weight), s.train, start)
        arms.append(Arm(f"and preferred, weight {weight}", s.held_out, training))
    return arms


STUDIES: dict[str, Callable[[Setup], list[Arm]]] = {
    "base": base,
    "tasks": tasks,
    "rank": rank,
    "wording": wording,
    "modality": modality,
    "preference": preference,
}


def arms_of(name: str, setup: Setup) -> list[Arm]:
    """The arms of the study of that name. BadSetting when it needs images to train on and there are none."""
    if name != "wording" and not setup.train:
        raise BadSetting("There is no image left to train on; hold out fewer, or give more.")
    return STUDIES[name](setup)
