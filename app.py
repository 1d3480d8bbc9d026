"""Start the review app: settings -> parts -> serve. The only place where everything meets."""

from __future__ import annotations

import logging
import os
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


SERVER_TAKES = 8  # questions at once; a model in this process takes one


def main() -> int:
    from pdc.errors import PdcError
    from pdc.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        serve(Settings.from_env())
    except PdcError as error:
        print(f"pdc: {error}", file=sys.stderr)
        return 1
    return 0


def serve(settings) -> None:
    import uvicorn

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

    store = open_store(settings)
    wanted = serving(settings, store)
    predictor = predictor_of(settings, store, wanted)
    files = ImageFiles(settings.images)
    queue = Queue(predictor, at_once=SERVER_TAKES if settings.server_url else 1)
    service = ReviewService(
        store, files, queue.at(Priority.SCREEN), settings.max_megapixels, serving=wanted.now, later=queue.at(Priority.NEXT),
        blind=settings.blind,
    )  # fmt: skip
    ahead = LookAhead(service)
    access = Access(store, settings.home, login=settings.needs_login, visitors=bool(os.environ.get("SPACE_ID")))
    adapters = Adapters(store, settings.model, golden.probe(predictor, wanted.instead))
    worked = lambda: efforts(store.reviews(), store.predictions())  # noqa: E731
    training = TrainingTab(ProcessTrainer(settings), adapters, TrainConfig.for_model(settings.model), worked)
    review = ReviewTab(service, Worklist(service), ahead, first_question(labels_of(settings.model)))
    history = HistoryTab(History(service, wanted, store.adapters), review)
    blocks = build_ui({"Review": review, "History": history, "Reading study": StudyTab(service), "Training": training})
    app = build_server(
        service, access, blocks, ahead=ahead, max_upload_mb=settings.max_upload_mb, ready=lambda: predictor.loaded,
        gradio_options=gradio_options(),
    )
    predictor.warm_up()
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning")
    ahead.stop()


if __name__ == "__main__":
    sys.exit(main())
