"""What the routes of the API stand on, and who asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as Folder
from typing import Annotated

from fastapi import Path, Query, Request

from pdc.adapters.registry import Adapters
from pdc.client.shapes import SHA
from pdc.domain.users.roles import Role
from pdc.domain.values import Question, Task
from pdc.images.thumbnails import Thumbnails
from pdc.jobs.desk import JobDesk
from pdc.review.examples import first_question
from pdc.review.labels import Labels
from pdc.review.questions import Questions, labels_of
from pdc.review.service import ReviewService
from pdc.review.worklist import Worklist
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.limits.turns import HeavyWork

Sha = Annotated[str, Path(description="SHA-256 of a stored image, in hex.", examples=[SHA])]
AskedTask = Annotated[Task | None, Query(description="What is asked. Without it and `label`: the image's own question.")]
AskedLabels = Annotated[list[str] | None, Query(alias="label", description="A label asked for; may be given several times.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
After = Annotated[str | None, Query(max_length=2000, description="`next` of the answer before; without it: from the beginning.")]


@dataclass(frozen=True)
class Behind:
    """What the composition root hands over. `first` is asked about
    an image that nobody has said anything about; `per_minute` requests are taken of a token, 0: any number."""

    adapters: Adapters | None = None
    role: Callable[[str], Role] = lambda user: Role.ADMIN
    first: Callable[[], Question] = first_question
    per_minute: int = 600


@dataclass(frozen=True)
class Parts:
    """What every group of routes is given; `jobs` is where they are asked for, and the folder of their files."""

    access: Access
    service: ReviewService
    heavy: HeavyWork
    behind: Behind = field(default_factory=Behind)
    jobs: tuple[JobDesk, Folder] | None = None

    @cached_property
    def images(self) -> Worklist:
        return Worklist(self.service)

    @cached_property
    def labels(self) -> Labels:
        return labels_of(self.service)

    @cached_property
    def questions(self) -> Questions:
        return Questions(self.service, self.behind.first)

    @cached_property
    def thumbnails(self) -> Thumbnails:
        return Thumbnails(self.service.files)

    def reader(self, request: Request) -> str:
        """Who asks."""
        return self.access.user(request) or LOCAL_USER

    def question(self, sha256: str, reader: str, task: Task | None, labels: list[str] | None) -> Question:
        """The image's own question, or what was named in its place, under today's names of the labels. BadQuestion where that
        cannot be asked; NotFound where this reader has no such image."""
        self.service.image(sha256, reader)
        own = self.questions.of(sha256, reader)
        if task is None and not labels:
            return own
        asked = self.labels.resolved(Question(task or own.task, tuple(labels or own.labels)))
        return own if asked.task is own.task and set(asked.labels) == set(own.labels) else asked
