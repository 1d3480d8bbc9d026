"""All kinds of jobs that PDC knows, put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pdc.domain.users.roles import Action
from pdc.domain.values import Question
from pdc.jobs.exporting import Exported, Exporting
from pdc.jobs.importing import Importing
from pdc.jobs.kinds import Kind, Kinds
from pdc.jobs.launching.choosing import launcher_of
from pdc.jobs.predicting import SETTINGS, Predicting
from pdc.jobs.training import Evaluating, Training
from pdc.review.service import ReviewService
from pdc.settings import Settings
from pdc.training.process import environment

PREDICT = "predict"


def kinds_of(
    settings: Settings, service: ReviewService, first: Callable[[], Question], exported: Exported, at_once: int
) -> Kinds:
    """Those of these settings. `first`: the question that is asked about images where a job names none; `at_once`: how many the
    model takes at a time. Where every visitor has a room of their own, only those that take a role."""
    launcher, folder = launcher_of(settings.launcher, settings.ray_gpus), folder_of(settings)
    predicting = Predicting(service, first, launcher, folder, environment(settings), at_once)
    kinds = [
        Kind(
            PREDICT, predicting, takes=Action.ANSWER_ALL, alone=lambda asked: PREDICT, check=predicting.check, settings=SETTINGS
        ),
        Exporting(service.store, exported, folder).kind,
        Importing(service, settings.home / "incoming").kind,
        Training(settings, launcher).kind,
        Evaluating(settings, launcher, folder).kind,
    ]
    return Kinds.of(kind for kind in kinds if kind.takes or not service.private)


def folder_of(settings: Settings) -> Path:
    """Where jobs leave their files, a folder each."""
    return settings.home.resolve() / "jobs"
