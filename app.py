"""Start the review app: settings -> parts -> serve. The only place where everything meets."""

from __future__ import annotations

import logging
import os
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


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

    from pdc.access import Access
    from pdc.adapters import Adapters
    from pdc.images import ImageFiles
    from pdc.parts import local_predictor, open_store
    from pdc.review import ReviewService
    from pdc.runs import TrainConfig
    from pdc.server import build_server
    from pdc.training import ProcessTrainer
    from pdc.ui.app import build_ui, gradio_options
    from pdc.ui.review_tab import ReviewTab
    from pdc.ui.training_tab import TrainingTab

    store = open_store(settings)
    predictor = local_predictor(settings, store)
    service = ReviewService(store, ImageFiles(settings.images), predictor, settings.max_megapixels)
    access = Access(store, settings.home, login=settings.needs_login, visitors=bool(os.environ.get("SPACE_ID")))
    training = TrainingTab(ProcessTrainer(settings), Adapters(store, settings.model), TrainConfig.for_model(settings.model))
    blocks = build_ui({"Review": ReviewTab(service), "Training": training})
    app = build_server(
        service, access, blocks, max_upload_mb=settings.max_upload_mb, ready=lambda: predictor.loaded,
        gradio_options=gradio_options(),
    )
    predictor.warm_up()
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning")


if __name__ == "__main__":
    sys.exit(main())
