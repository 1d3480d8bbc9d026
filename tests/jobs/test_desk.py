"""Who may start, see, cancel and retry which job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import ready_url_of

from pdc.domain.errors import BadSetting, Forbidden, NotFound
from pdc.domain.users.roles import Action, Role
from pdc.jobs.desk import JobDesk
from pdc.jobs.kinds import Kind, Kinds
from pdc.store import Store
from pdc.store.jobs.records import Wanted

ROLES = {"rita": Role.READER, "rob": Role.READER, "tom": Role.TRAINER}


def refuse_empty(asked):
    if not asked.get("run"):
        raise BadSetting("Name a run.")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[JobDesk]:
    store, nothing = Store.open(ready_url_of(tmp_path)), lambda asked, report, cancelled: None
    kinds = Kinds.of(
        [
            Kind("export", nothing, alone=lambda asked: f"export by {asked['by']}", settings=("format",)),
            Kind("train", nothing, takes=Action.TRAIN, check=refuse_empty),
        ]
    )
    yield JobDesk(store, kinds, lambda user: ROLES[str(user)])
    store.close()


def test_a_reader_sees_and_cancels_their_own_jobs_and_a_trainer_everybodys(desk: JobDesk):
    hers, his = desk.start("export", {}, "rita"), desk.start("export", {}, "rob")
    assert [j.id for j in desk.listed("rita", Wanted())] == [hers.id]
    assert [j.id for j in desk.listed("tom", Wanted())] == [his.id, hers.id]
    for act in (desk.job, desk.cancel, desk.retry):
        with pytest.raises(NotFound, match="no job"):
            act(his.id, "rita")
    assert desk.cancel(hers.id, "tom").cancelled_by == "tom"


def test_a_kind_that_takes_a_role_takes_it_at_the_start_and_at_a_retry(desk: JobDesk):
    with pytest.raises(Forbidden, match="takes the role trainer"):
        desk.start("train", {"run": "one"}, "rita")
    job = desk.start("train", {"run": "one"}, "tom")
    desk.cancel(job.id, "tom")
    assert desk.retry(job.id, "tom").parent == job.id


def test_what_cannot_be_done_is_refused_before_it_is_queued(desk: JobDesk):
    with pytest.raises(BadSetting, match="Name a run"):
        desk.start("train", {}, "tom")
    with pytest.raises(NotFound, match="choose one of export, train"):
        desk.start("bake", {}, "tom")
    assert desk.listed("tom", Wanted()) == []


def test_each_reader_has_one_export_at_a_time(desk: JobDesk):
    desk.start("export", {}, "rita")
    desk.start("export", {}, "rob")
    with pytest.raises(BadSetting, match="does that already"):
        desk.start("export", {}, "rita")


def test_a_setting_that_a_kind_does_not_have_is_refused_by_its_name(desk: JobDesk):
    with pytest.raises(BadSetting, match="no setting 'fromat' here; use format"):
        desk.start("export", {"fromat": "yolo"}, "rita")
    assert desk.start("export", {"format": "yolo"}, "rita").asked == {"format": "yolo"}
