"""Start the review app: settings -> parts -> serve. The only place where everything meets."""

from __future__ import annotations

import logging
import os
import sys

from pdc.errors import PdcError
from pdc.settings import Settings

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

SERVER_TAKES = 8  # questions at once; a model in this process takes one


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        serve(Settings.from_env())
    except PdcError as error:
        print(f"pdc: {error}", file=sys.stderr)
        return 1
    return 0


def serve(settings: Settings) -> None:
    import uvicorn

    app, warm_up, stop = build(settings)
    warm_up()
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning")
    stop()


def build(settings):
    """The ASGI app, what loads its model meanwhile, and what ends its work. On a Space every visitor has a room of their own,
    and nobody trains."""
    from pdc import golden
    from pdc.access import Access
    from pdc.adapters import Adapters
    from pdc.effort import efforts
    from pdc.history import History
    from pdc.images import ImageFiles
    from pdc.lookahead import LookAhead
    from pdc.parts import open_store, serving
    from pdc.parts import predictor as predictor_of
    from pdc.predictors.queue import Priority, Queue
    from pdc.qwen import labels_of
    from pdc.review import ReviewService
    from pdc.server import build_server
    from pdc.starters import first_question
    from pdc.train_config import TrainConfig
    from pdc.training import ProcessTrainer
    from pdc.ui.app import build_ui, gradio_options
    from pdc.ui.history_tab import HistoryTab
    from pdc.ui.review_tab import ReviewTab
    from pdc.ui.study_tab import StudyTab
    from pdc.ui.training_tab import TrainingTab
    from pdc.worklist import Worklist

    visitors = bool(os.environ.get("SPACE_ID"))
    store = open_store(settings)
    wanted = serving(settings, store)
    if trouble := wanted.trouble():
        logging.error("%s", trouble)
    predictor = predictor_of(settings, store, wanted)
    files = ImageFiles(settings.images)
    queue = Queue(predictor, at_once=SERVER_TAKES if settings.server_url else 1)
    service = ReviewService(
        store, files, queue.at(Priority.SCREEN), settings.max_megapixels, serving=wanted.now, later=queue.at(Priority.NEXT),
        blind=settings.blind, private=visitors, trouble=wanted.trouble,
    )  # fmt: skip
    ahead = LookAhead(service)
    access = Access(store, settings.home, login=settings.needs_login, visitors=visitors)
    adapters = Adapters(store, settings.model, settings.home, golden.probe(predictor, wanted.instead))
    review = ReviewTab(service, Worklist(service), ahead, first_question(labels_of(settings.model)))
    history = HistoryTab(History(service, wanted, adapters.there), review)
    tabs = {"Review": review, "History": history, "Reading study": StudyTab(service)}
    if not visitors:
        worked = lambda: efforts(store.reviews(), store.predictions())  # noqa: E731
        tabs["Training"] = TrainingTab(ProcessTrainer(settings), adapters, TrainConfig.for_model(settings.model), worked)
    blocks = build_ui(tabs)
    app = build_server(
        service, access, blocks, ahead=ahead, max_upload_mb=settings.max_upload_mb, ready=lambda: predictor.loaded,
        gradio_options=gradio_options(),
    )
    return app, predictor.warm_up, ahead.stop


if __name__ == "__main__":
    sys.exit(main())
