"""The composition root: settings -> store, predictor, services and the web app.

app.py and every command line take their parts from here, so that all serve the same adapter.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdc import __version__, files
from pdc.adapters.registry import Adapters
from pdc.adapters.routing import AdapterRouting
from pdc.domain.errors import BadSetting
from pdc.domain.users.roles import Action, Role, capped, demand, may
from pdc.inference.adapter_ref import AdapterRef, Wanted
from pdc.inference.answer_settings import looks_of
from pdc.inference.experts.registry import Experts
from pdc.inference.fingerprints import LIKENESS, fingerprint
from pdc.inference.memory import settle
from pdc.inference.openai.http import HttpClient
from pdc.inference.openai.remote import RemotePredictor
from pdc.inference.predictors.experts import ExpertPredictor
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.predictors.named import NamedPredictor
from pdc.inference.predictors.vote import MOST_LOOKS
from pdc.settings import EMBEDDED_MODEL, Settings
from pdc.store.audit.chain import RecordPlace
from pdc.store.audit.kinds import AuditKind
from pdc.store.store import Store

if TYPE_CHECKING:
    from fastapi import FastAPI

    from pdc.blobs.base import Blobs
    from pdc.domain.values import Question
    from pdc.images.intake import ImageFiles
    from pdc.jobs.desk import JobDesk
    from pdc.jobs.worker import Worker
    from pdc.review.agreement.reports import Reports
    from pdc.review.ahead.pool import AnswerPool
    from pdc.review.fitting.fitting import Fitting
    from pdc.review.limits.cleaning import Cleaning, Visits
    from pdc.review.limits.quotas import Limits
    from pdc.review.prefetch import Prefetcher
    from pdc.review.service import ReviewService
    from pdc.review.similar.cases import SimilarCases
    from pdc.review.similar.describing import Describer
    from pdc.web.api.parts import Behind
    from pdc.web.watching.routes import Watching

SECRET = ("home", *(f.name for f in fields(Settings) if f.metadata["secret"]))
_AS_IT_COMES = {f.metadata["variable"]: f.default for f in fields(Settings)}
VERSION = 12  # hex digits of the fingerprint by which answers tell a model's weights apart
SERVER_TAKES = 8  # questions at once; a model in this process takes one


def open_store(settings: Settings, *, bare: bool = False) -> Store:
    """The database of these settings, created (`bare`: without labels) or brought up to date."""
    with files.sentences(settings.home):
        settings.home.mkdir(parents=True, exist_ok=True)
    return Store.open(settings.url, bare=bare, record=record_place_of(settings))


def record_place_of(settings: Settings) -> RecordPlace:
    """Where the record's key and anchor lie: as these settings say, else beside the database, or in PDC_HOME."""
    beside = RecordPlace.beside(settings.url, settings.home)
    said = [Path(path).expanduser() if path else None for path in (settings.record_key, settings.record_anchor)]
    return RecordPlace(said[0] or beside.key, said[1] or beside.anchor)


def adapters_of(settings: Settings, store: Store) -> Adapters:
    """The registry of adapters of these settings."""
    return Adapters(store, settings.model, settings.home)


def routing_of(settings: Settings, store: Store) -> AdapterRouting:
    """Which adapter answers, by these settings and the registry."""
    adapters = adapters_of(settings, store)
    adapters.ensure_shipped()
    return AdapterRouting(settings.base, partial(_wanted, settings, adapters), experts_of(settings))


def experts_of(settings: Settings) -> Experts:
    """The experts that stand beside the model of these settings, also where a server answers for that."""
    return Experts(settings.model, settings.home) if settings.experts else Experts()


def predictor_of(settings: Settings, store: Store, wanted: AdapterRouting | None = None) -> NamedPredictor:
    """Who answers by these settings: a server, when one is named, or the model in this process; asked in its own words."""
    wanted = wanted or routing_of(settings, store)
    inside = remote_predictor(settings, wanted) if settings.server_url else local_predictor(settings, store, wanted)
    return NamedPredictor(ExpertPredictor(inside, wanted.experts, wanted, settings.base), store.dictionary)


def remote_predictor(settings: Settings, wanted: AdapterRouting) -> RemotePredictor:
    """The model behind the server that these settings name."""
    wire = HttpClient(settings.server_url, settings.server_key, settings.server_seconds)
    return RemotePredictor(
        wire,
        settings.model,
        settings.base,
        wanted,
        model=settings.server_model,
        most=settings.max_pixels,
        style=settings.loading["answer_style"],
    )


def local_predictor(settings: Settings, store: Store, wanted: AdapterRouting | None = None) -> LocalPredictor:
    """The model of these settings with whatever adapter they want at each question; loads at the first one."""
    return LocalPredictor(partial(_load, settings), wanted or routing_of(settings, store), folder=settings.model)


def _load(settings: Settings):
    from pdc.inference.qwen import load

    return load(settings.model, **settings.loading)


def _wanted(settings: Settings, adapters: Adapters) -> Wanted:
    """`active` follows the registry, so a promotion serves the next question; else what the setting names, or nothing."""
    if settings.adapter == "none":
        return AdapterRef()
    return adapters.route() if settings.adapter == "active" else AdapterRef(settings.adapter, settings.adapter)


def build(settings: Settings) -> tuple[FastAPI, Callable[[Callable[[str], None]], object], Callable[[], object]]:
    """The web app of these settings, what loads its model meanwhile and says so, and what ends its work in the background.

    On a Space every visitor sees only their own images, and nobody trains.
    """
    from pdc.jobs.known import folder_of
    from pdc.review.counting.sessions import CountSessions
    from pdc.review.limits.cleaning import Visits
    from pdc.review.limits.keeping import kept
    from pdc.review.prefetch import Prefetcher
    from pdc.store.engines.sqlite import trouble as sqlite_trouble
    from pdc.web.app import Offer, build_server
    from pdc.web.auth import Access
    from pdc.web.space.hugging_face import Provider
    from pdc.web.ui.app import build_ui, gradio_options

    visitors = settings.space
    store = open_store(settings)
    files.sweep(settings.home)
    routing = routing_of(settings, store)
    for trouble in filter(None, (routing.trouble(), sqlite_trouble(settings.url))):
        logging.error("%s", trouble)
    model = predictor_of(settings, store, routing)
    service = _service(settings, store, model, routing, private=visitors)
    service.files.sweep()
    store.record_event(AuditKind.STARTED, "PDC", **behaviour_of(settings))
    prefetcher, reports = Prefetcher(service), _reports(settings, service)
    pool = pool_of(settings, service, model, routing)
    desk, worker = jobs_of(settings, service, routing)
    access = Access(store, settings.home, login=settings.needs_login, visitors=visitors, idle=60 * settings.idle_minutes)
    visits = Visits(settings.home / "visits")
    cleaning = cleaning_of(settings, service, visits) if visitors else None
    access.seen = visits.note
    watching = watching_of(settings, service, model, routing, pool)
    app = build_server(
        service,
        access,
        build_ui(
            tabs_of(settings, service, prefetcher, model, routing, reports, desk),
            service.allowed,
            {"Training": Action.TRAIN} if visitors else {},
        ),
        prefetcher=prefetcher,
        pool=pool,
        offer=Offer(settings.offer_training, partial(reviews_to_train_on, settings, service)),
        reports=reports,
        similar=_similar(settings, service, model),
        fitting=_fitting(settings, service, routing.experts),
        counts=CountSessions(store, settings.home, service),
        jobs=(desk, folder_of(settings)),
        max_upload_mb=settings.max_upload_mb,
        timing=settings.timing,
        watching=watching,
        gradio_options=gradio_options(),
        provider=Provider.from_env() if visitors else None,
        kept=kept(settings.visitor_days, lasts=settings.lasts),
        behind=behind_api(settings, store, model, routing),
    )

    background = [work for work in (pool, cleaning, worker) if work]

    def warm_up(say: Callable[[str], None]) -> None:
        model.warm_up(say)
        for work in background:
            work.start()
        settle()
        store.sum_up()  # after an upgrade this takes a while; nobody waits for it

    def stop() -> None:
        """Everything is told at once: what is being done has the same few seconds to end."""
        with ThreadPoolExecutor() as together:
            list(together.map(lambda work: work.stop(), (*background, prefetcher)))

    app.state.life = watching.life
    return app, warm_up, stop


def watching_of(
    settings: Settings, service: ReviewService, model: NamedPredictor, routing: AdapterRouting, pool: AnswerPool | None
) -> Watching:
    """What whoever runs PDC sees of this process."""
    from pdc.review.ahead.pool import PoolState
    from pdc.web.watching.gauges import Gauges, Sources
    from pdc.web.watching.life import Life
    from pdc.web.watching.metrics import Metrics
    from pdc.web.watching.readiness import Again, Readiness
    from pdc.web.watching.routes import Watching

    loaded, store, disk = (lambda: model.loaded), service.store, service.limits.disk
    at_last = Again(loaded, model.warm_up) if settings.server_url else loaded
    checks = {"database": store.answers, "migrations": store.is_current, "model": at_last, "disk": lambda: not disk.is_low()}
    metrics, life = Metrics(), Life(settings.stop_seconds)
    service.saved = metrics.saved
    service.requests.done = lambda wanted_by, outcome, seconds: metrics.predicted(wanted_by.name.lower(), outcome, seconds)
    serving = lambda: [Path(name).name for a in routing().able if (name := a.named)]  # noqa: E731
    now = (lambda: pool.now) if pool else PoolState
    sources = Sources(store, disk, service.requests, loaded, now, serving, store.count_jobs, settings.base)
    metrics.now(Gauges(sources, lambda: life.running))
    return Watching(metrics, life, Readiness(checks), loaded, settings.metrics_token)


def behind_api(settings: Settings, store: Store, model: NamedPredictor, routing: AdapterRouting) -> Behind:
    """What the API needs beside the service."""
    from pdc.web.api.parts import Behind

    adapters = registry_of(settings, store, model, routing)
    return Behind(
        adapters, partial(role_of, settings, store), partial(first_question_of, settings, routing, store), settings.api_per_minute
    )


def registry_of(settings: Settings, store: Store, model: NamedPredictor, routing: AdapterRouting) -> Adapters:
    """The registry whose adapters are tried before they may serve."""
    from pdc.adapters import golden_images

    return Adapters(store, settings.model, settings.home, golden_images.probe(model, routing.instead))


def jobs_of(
    settings: Settings, service: ReviewService, routing: AdapterRouting, said: str | None = None
) -> tuple[JobDesk, Worker | None]:
    """Where jobs are asked for, and what does those that `said` names: `all`, `none`, or kinds with commas; None: as these
    settings say."""
    from pdc.jobs.desk import JobDesk
    from pdc.jobs.known import kinds_of
    from pdc.jobs.worker import Worker
    from pdc.web.data_routes import export_of

    store, first = service.store, partial(first_question_of, settings, routing, service.store)
    at_once = SERVER_TAKES if settings.server_url else 1
    kinds = kinds_of(settings, service, first, partial(export_of, service), at_once)
    said = said or settings.jobs
    names = None if said == "all" else tuple(filter(None, map(str.strip, said.split(","))))
    worker = None if said == "none" else Worker(store, kinds, names)
    return JobDesk(store, kinds, partial(role_of, settings, store), worker.wake if worker else lambda: None), worker


def worker_of(settings: Settings, said: str) -> Worker:
    """A worker beside the app. BadSetting where `said` names no kind."""
    service, routing = _bare_service(settings)
    worker = jobs_of(settings, service, routing, said)[1]
    if worker is None:
        raise BadSetting("Name the kinds of jobs to do, or leave --kinds out for all of them.")
    return worker


def desk_of(settings: Settings) -> JobDesk:
    """Where whoever has this machine asks for jobs, which others do; no login says what they may, so they may everything."""
    from pdc.jobs.desk import JobDesk

    service, routing = _bare_service(settings)
    return JobDesk(service.store, jobs_of(settings, service, routing, "none")[0].kinds)


def _bare_service(settings: Settings) -> tuple[ReviewService, AdapterRouting]:
    """A service without a page, with a model of its own that loads at the first question."""
    store = open_store(settings)
    routing = routing_of(settings, store)
    return _service(settings, store, predictor_of(settings, store, routing), routing, private=settings.space), routing


def behaviour_of(settings: Settings) -> dict[str, Any]:
    """What decides how PDC behaves, for the record: its version, the model with the fingerprint of its weights, and every
    setting that is not as it comes, but for those that may hold a secret."""
    said = {f.metadata["variable"]: str(getattr(settings, f.name)) for f in fields(settings) if f.name not in SECRET}
    changed = {name: value for name, value in said.items() if value != str(_AS_IT_COMES[name])}
    print_of = None if settings.server_url else fingerprint(settings.model)
    return {"version": __version__, "model": settings.base, "weights": print_of and print_of[:VERSION], "settings": changed}


def pool_of(settings: Settings, service: ReviewService, model: NamedPredictor, routing: AdapterRouting) -> AnswerPool | None:
    """What answers every image while nobody needs the machine; None where that is off, or where visitors come with images of
    their own. It waits for the model to be loaded, and while an adapter is trained."""
    from pdc.review.ahead.pool import AnswerPool
    from pdc.training.process import ProcessTrainer

    if service.private or not settings.answer_pool:
        return None
    trainer, first = ProcessTrainer(settings), partial(first_question_of, settings, routing, service.store)
    return AnswerPool(service, first, lambda: model.loaded and trainer.running() is None)


def unhurried_looks(settings: Settings, model: NamedPredictor, question: Question) -> int:
    """How many looks an answer takes that nobody waits for: all, where that was measured to gain on one of its labels."""
    gains = looks_of(settings.model)
    return MOST_LOOKS if gains.intersection(model.put(question).labels) else settings.looks


def _service(settings: Settings, store: Store, model: NamedPredictor, routing: AdapterRouting, *, private: bool) -> ReviewService:
    from pdc.images.burned_in.door import text_rule_of
    from pdc.review.service import ReviewService

    service = ReviewService(
        store,
        images_of(settings),
        model,
        settings.max_megapixels,
        serving=lambda question: routing.now(model.put(question)),
        at_once=SERVER_TAKES if settings.server_url else 1,
        blind=settings.blind,
        private=private,
        trouble=routing.trouble,
        versions=versions_of(settings),
        adjudicators=settings.adjudicator_names,
        looks=settings.looks,
        unhurried=partial(unhurried_looks, settings, model),
        allowed=lambda user, action: demand(role_of(settings, store, user), action, space=settings.space),
        text_rule=text_rule_of(settings.burned_in, settings.burned_in_any),
        numbered=settings.names == "number",
    )
    service.limits = limits_of(settings, store, service.files)
    return service


def images_of(settings: Settings) -> ImageFiles:
    """The files of images, where these settings keep them. BadSetting where that place cannot be used."""
    from pdc.blobs.opening import open_blobs
    from pdc.images.intake import ImageFiles

    if not settings.images_at:
        return ImageFiles(settings.images)
    beside = settings.home / "cache"
    images, small = (open_blobs(settings.images_at, name, beside, settings.image_cache_mb) for name in ("images", "thumbnails"))
    return ImageFiles(settings.images, images, small)


def images_elsewhere(settings: Settings) -> Blobs | None:
    """What keeps the images outside PDC_HOME; None where they lie in it."""
    return images_of(settings).blobs if settings.images_at else None


def limits_of(settings: Settings, store: Store, images: ImageFiles) -> Limits:
    """What the disk, and on a public Space the quotas of visitors, stand in the way of."""
    from pdc.review.limits.disk import Disk
    from pdc.review.limits.quotas import Limits, Most, Quotas

    disk = Disk(settings.home, settings.least_free_mb)
    if not settings.space:
        return Limits(disk)
    most = Most(settings.visitor_images, settings.visitor_mb, settings.visitor_questions)
    return Limits(disk, Quotas(store, images, most, exempt=lambda user: role_of(settings, store, user) is not Role.READER))


def cleaning_of(settings: Settings, service: ReviewService, visits: Visits) -> Cleaning:
    """What removes the images of a Space's visitors who do not come back; never those of somebody with a role."""
    from pdc.images.thumbnails import Thumbnails
    from pdc.review.limits.cleaning import Cleaning

    store, thumbnails = service.store, Thumbnails(service.files)
    stays = lambda name: role_of(settings, store, name) is not Role.READER  # noqa: E731
    return Cleaning(store, service.files, thumbnails, visits, settings.visitor_days, stays)


def _fitting(settings: Settings, service: ReviewService, experts: Experts) -> Fitting:
    """Fits boxes by what the model's folder says and by its experts, whoever answers."""
    from pdc.inference.fitting.fitter import Fitter
    from pdc.inference.fitting.rules import read_rules
    from pdc.review.fitting.fitting import Fitting
    from pdc.review.fitting.learnt import LearntRules

    rules = read_rules(settings.model)

    def word(label: str) -> str:
        """The model's word for a label."""
        return service.store.dictionary().taught((label,), rules.keys()).get(label) or label

    return Fitting(service, Fitter(rules, experts, word, LearntRules(service.store, service.files, experts).rule))


def _reports(settings: Settings, service: ReviewService) -> Reports | None:
    """How far readers agree; None where every visitor works alone. Without a login there is one user, who sees everything."""
    from pdc.review.agreement.reports import Reports

    sees_all = (lambda user: user in service.reads.adjudicators) if settings.needs_login else (lambda user: True)
    return None if service.private else Reports(service.reads, sees_all)


def _similar(settings: Settings, service: ReviewService, model: NamedPredictor) -> SimilarCases:
    """The reviewed cases like an image; from now on every answered one is described."""
    from pdc.review.similar.cases import SimilarCases

    describer = describer_of(settings, service.store, model)
    service.answered = describer.add
    return SimilarCases(service, describer, measured=(Path(settings.model) / LIKENESS).is_file())


def describer_of(settings: Settings, store: Store, model: NamedPredictor) -> Describer:
    """What keeps how images look to the model of these settings."""
    from pdc.review.similar.describing import Describer

    weights = next(filter(None, versions_of(settings)), settings.base)
    return Describer(store, images_of(settings), model.describe, weights)


def versions_of(settings: Settings) -> tuple[str | None, ...]:
    """Which of the model's weights gave the stored answers that will do: the present ones. Answers from before that was
    noted will do too, but for the embedded model's, whose weights have been replaced since. Empty, so that any will do, where
    the weights are not here."""
    present = None if settings.server_url else fingerprint(settings.model)
    if present is None:
        return ()
    return (present[:VERSION],) if settings.base == EMBEDDED_MODEL.name else (present[:VERSION], None)


def tabs_of(
    settings: Settings,
    service: ReviewService,
    prefetcher: Prefetcher,
    model: NamedPredictor,
    routing: AdapterRouting,
    reports: Reports | None,
    desk: JobDesk,
) -> dict[str, Any]:
    """The tabs by their names."""
    from pdc.jobs.training import JobTrainer
    from pdc.review.counting.desk import FieldDesk
    from pdc.review.counting.measures.twice import ReadTwice
    from pdc.review.counting.sessions import CountSessions
    from pdc.review.history import History
    from pdc.review.learnt.reviews import LearntReviews
    from pdc.review.questions import labels_of
    from pdc.review.worklist import Worklist
    from pdc.training.config import TrainConfig
    from pdc.training.fresh import fresh
    from pdc.training.readers import offered
    from pdc.web.ui.agreement.tab import AgreementTab
    from pdc.web.ui.counting.tab import CountTab
    from pdc.web.ui.data_tab import DataTab
    from pdc.web.ui.history_tab import HistoryTab
    from pdc.web.ui.labels_tab import LabelsTab
    from pdc.web.ui.record.panel import RecordPanel
    from pdc.web.ui.review_tab import ReviewTab
    from pdc.web.ui.study_tab import StudyTab
    from pdc.web.ui.training.suspicions import SuspicionPanel
    from pdc.web.ui.training.tab import TrainingTab

    store = service.store
    adapters = registry_of(settings, store, model, routing)
    first = partial(first_question_of, settings, routing, store)
    ready = lambda: bool(settings.server_url) or model.loaded  # noqa: E731
    counts = CountSessions(store, settings.home, service)
    review = ReviewTab(service, Worklist(service), prefetcher, first, ready, FieldDesk(counts))
    history = HistoryTab(History(service, routing, adapters.usable, adapters.outdated), review, RecordPanel(service))
    tabs: dict[str, Any] = {"Review": review, "Count": CountTab(counts, review), "History": history}
    tabs["Labels"] = LabelsTab(labels_of(service))
    tabs |= {"Reading study": StudyTab(service)} if service.blind else {}
    tabs |= ({"Agreement": AgreementTab(reports, ReadTwice(counts, reports))} if reports else {}) | {"Data": DataTab()}
    worked = LearntReviews(store).edits
    suspected = SuspicionPanel(adapters, partial(offered, store), review)
    config, role = TrainConfig.for_model(settings.model, **settings.loading), partial(role_of, settings, store)
    new = partial(fresh, store, settings.runs, config)
    tabs["Training"] = TrainingTab(JobTrainer(settings, desk), adapters, config, worked, suspected, role, new)
    return tabs


def reviews_to_train_on(settings: Settings, service: ReviewService, user: str) -> int:
    """How many new reviews a training is offered for; 0 where there are too few, or where the user may not train."""
    from pdc.training.fresh import count_new

    if service.private or not settings.offer_training or not may(role_of(settings, service.store, user), Action.TRAIN):
        return 0
    new = count_new(service.store, settings.runs)
    return new if new >= settings.offer_training else 0


def role_of(settings: Settings, store: Store, name: str) -> Role:
    """What a user may do; whoever needs no login has the machine, and with it every right, but on a public Space."""
    if not settings.needs_login and not settings.space:
        return capped(Role.ADMIN, name)
    user = store.user(name)
    return capped(user.role if user else Role.READER, name)


def first_question_of(settings: Settings, routing: AdapterRouting, store: Store) -> Question:
    """What a first visit asks, under today's names: everything that whoever answers about the base model's labels was taught.
    An adapter that was corrected on none of them is left out: it would answer about the others too."""
    from pdc.inference.answer_settings import labels_of, taught
    from pdc.review.examples import first_question

    base = labels_of(settings.model)
    answering = routing().about(first_question(base).labels)
    first = first_question(taught(settings.model, *(a.folder for a in answering)) or base)
    return replace(first, labels=store.dictionary().offered(first.labels) or first.labels)
