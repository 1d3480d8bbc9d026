"""`python -m finetune tiny`, with the stage that needs a store: the adapter that ships, made as anybody would make one.

Its kind of object is one that the base never saw: rods, drawn, imported as reviews and folded in.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from finetune.tiny import command
from finetune.tiny.command import Plan, Stage

IMAGES, BATCH = 40, 8
READER = "drawn"
UNENDING = 1e6  # seconds: the steps end the training, so that it is the same on any machine


def build(plan: Plan) -> int:
    """Build and train the embedded model from scratch: the vision tower sees, the language model reads, both join."""
    return command.build(plan, {Stage.ADAPTER: _make})


def _make(plan: Plan, model: Path) -> None:
    made = make_adapter(model, plan.out, plan.adapter_name, plan.adapter_steps, plan.quantization, seed=plan.seed + 1)
    print(f"{made}: ready to ship; its numbers are in {plan.out / 'adapter.json'}")


def make_adapter(
    model: Path, out: Path, name: str, steps: int, quantization: str, *, images: int = IMAGES, **changes: object
) -> Path:
    """Train it on a finished model folder and put it into its adapters/, in place of those that were there.

    One thread and a number of steps: the same command gives the same adapter. Reviews and run stay in `out`/home, which is made
    anew; the comparison on the held-out images is also in `out`/adapter.json. `changes` are of the training's config.
    """
    from finetune.cli.fold import fold
    from finetune.data.drawings import write_rods
    from pdc import files
    from pdc.compose import images_of, open_store
    from pdc.domain.progress import unseen
    from pdc.formats.importing import import_file
    from pdc.settings import Settings
    from pdc.training.config import TrainConfig

    for folder in (model / "adapters", out / "home"):
        shutil.rmtree(folder, ignore_errors=True)
    settings = Settings(home=out / "home", model=str(model), quantization=quantization, device="cpu")
    store = open_store(settings)
    import_file(store, images_of(settings), write_rods(out / "rods", images), READER, complete=True)
    store.close()
    epochs = steps * BATCH / (images - round(images / 5))
    given = {"parent": None, "batch": BATCH, "epochs": epochs, "max_seconds": UNENDING, **changes}
    with _one_thread():
        fold(settings, lambda: TrainConfig.for_model(str(model), **settings.loading | given), name, None, unseen)
    run = settings.runs / name
    files.copy(run / "metrics.json", out / "adapter.json")
    return Path(shutil.copytree(run / "adapter", model / "adapters" / name))


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
