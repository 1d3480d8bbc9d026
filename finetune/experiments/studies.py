"""Which studies there are: for each, the arms that `study.py` plays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from finetune.data.dataset import Row
from finetune.data.wordings import put
from finetune.experiments.study import Arm, StudyTraining
from pdc.domain.errors import BadSetting
from pdc.domain.prompts import as_task
from pdc.domain.values import Question, Task
from pdc.inference.adapter_ref import AdapterRef, Wanted
from pdc.training.config import MOST_WORDINGS, TrainConfig

RANKS = (4, 8, 16, 32)
SHARES = (0.125, 0.25, 0.5, 1.0)  # of the training images
WEIGHTS = (0.2, 1.0)  # of the preference beside the likelihood of the correction
BALANCES = (0.0, 0.5, 1.0)  # powers of the labels' inverse frequency
COUNT_WEIGHTS = (1.0, 10.0, 100.0)  # of the stated counts in the loss
PARTS = (1, 2, 4)  # into which a step is cut
PHRASINGS = {
    "as trained": "{task} {labels}. {form}",
    "polite": "Could you please {task} {labels} in this image? {form}",
    "as a question": "Which {labels} are there? {task} them. {form}",
    "for a clinician": "You are reading a medical image. {task} {labels} that you can see, and miss none. {form}",
    "terse": "{labels}: JSON.",
    "without the format": "{task} {labels}.",
    "labels in capitals": "{task} {LABELS}. {form}",
    "misspelt": "{task} {labels}, pleese. Anwser in JSON.",
}


@dataclass(frozen=True, slots=True)
class Setup:
    """Images to train on and others to measure on, boxed; how to train; what serves; and drawings of what was known."""

    train: Sequence[Row]
    held_out: Sequence[Row]
    config: TrainConfig
    adapter: Wanted = AdapterRef()
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
    return [Arm(name, s.held_out, s.adapter, partial(put, text)) for name, text in PHRASINGS.items()]


def wordings(s: Setup) -> list[Arm]:
    """Trained in one wording and in all that there are, then asked in words of which only the first was in training."""
    trained = {n: StudyTraining(f"wordings-{n}", replace(s.config, wordings=n), s.train) for n in (1, MOST_WORDINGS)}
    return [
        Arm(f"{name}, {n} in training", s.held_out, training, partial(put, PHRASINGS[name]))
        for name in ("as trained", "for a clinician", "as a question", "terse")
        for n, training in trained.items()
    ]


def vision(s: Setup) -> list[Arm]:
    """The vision encoder frozen, or trained too."""
    arms = {"frozen encoder": False, "trained encoder": True}
    return [
        Arm(name, s.held_out, StudyTraining(f"vision-{on}", replace(s.config, vision=on), s.train)) for name, on in arms.items()
    ]


def balance(s: Setup) -> list[Arm]:
    """How much more rare labels weigh in the loss."""
    if len({label for row in s.train for label in row.question.labels}) < 2:
        raise BadSetting("Labels can only be balanced where there are several; give images of two labels or more.")
    return [
        Arm(f"balance {p}", s.held_out, StudyTraining(f"balance-{p}", replace(s.config, label_balance=p), s.train))
        for p in BALANCES
    ]


def counts(s: Setup) -> list[Arm]:
    """A count alone: stated as a number, with more and more weight in the loss, or the number of the boxes of the same adapter.
    All five tasks are learnt, each by itself."""
    config = replace(s.config, one_list=False, count_by_marks=False)
    trained = {w: StudyTraining(f"counts-{w}", replace(config, count_weight=w), s.train) for w in COUNT_WEIGHTS}
    return [
        Arm(f"weight {w:g}: {name}", asked(s.held_out, task), training)
        for w, training in trained.items()
        for name, task in (("stated", Task.COUNTING), ("by marks", Task.COUNT_AND_BOX))
    ]


def accumulate(s: Setup) -> list[Arm]:
    """The same steps, each in one part or cut into several; and steps as small as the smallest part."""
    whole = replace(s.config, batch=-(-s.config.batch // max(PARTS)) * max(PARTS))
    cut = [(f"{whole.batch} in {n}", replace(whole, accumulate=n)) for n in PARTS]
    arms = [*cut, (f"{whole.batch // max(PARTS)} in 1", replace(whole, batch=whole.batch // max(PARTS)))]
    return [Arm(name, s.held_out, StudyTraining(name.replace(" ", "-"), config, s.train)) for name, config in arms]


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
    "wordings": wordings,
    "vision": vision,
    "balance": balance,
    "counts": counts,
    "accumulate": accumulate,
}


def arms_of(name: str, setup: Setup) -> list[Arm]:
    """The arms of the study of that name. BadSetting when it needs images to train on and there are none."""
    if name != "wording" and not setup.train:
        raise BadSetting("There is no image left to train on; hold out fewer, or give more.")
    return STUDIES[name](setup)
