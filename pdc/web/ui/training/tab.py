"""The training tab: one sentence on how things stand and what to do about it; all else under Details. Handlers are plain
methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from pdc.adapters.registry import Adapters
from pdc.domain.errors import BadSetting, PdcError
from pdc.domain.message import Message, joined
from pdc.domain.users.roles import Action, Role, demand
from pdc.inference.adapter_folder import has_vision
from pdc.store.records import EditCount
from pdc.training.config import TrainConfig
from pdc.training.fresh import Fresh
from pdc.training.process import Trainer
from pdc.web.ui.screen import show_errors, user_of
from pdc.web.ui.scripts import on_load
from pdc.web.ui.training.charts import Charts
from pdc.web.ui.training.headline import Headline
from pdc.web.ui.training.registry import RegistryPanel
from pdc.web.ui.training.runs import RunPanel, seconds_of
from pdc.web.ui.training.standing import IN_USE, OLD_STAYS, Can, Standing, standing
from pdc.web.ui.training.suspicions import SuspicionPanel
from pdc.web.ui.words import word

SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_BETWEEN_PLOTS = 30.0
JOBS = '<div class="pdc-jobs-host"></div>'
SERVES = "{name} serves from the next question on."


class TrainingTab:
    """Builds the tab and holds its handlers; knows a trainer and the registry, and nothing of models, SQL or files. `fresh` says
    what there is to learn from."""

    def __init__(
        self,
        trainer: Trainer,
        adapters: Adapters,
        defaults: TrainConfig,
        efforts: Callable[[], Sequence[EditCount]] = tuple,
        suspicions: SuspicionPanel | None = None,
        role: Callable[[str], Role] = lambda user: Role.ADMIN,
        fresh: Callable[[], Fresh] = Fresh,
    ) -> None:
        self.role, self.fresh = role, fresh
        self.suspicions = suspicions or SuspicionPanel(adapters)
        self.suspicions.role = role
        self.trainer, self.adapters, self.defaults = trainer, adapters, defaults
        self.headline, self.charts = Headline(adapters), Charts(adapters, efforts)
        self.runs = RunPanel(trainer, defaults, self.suspicions)

    def build(self, demo: gr.Blocks) -> None:
        """Add the components to the surrounding Blocks and wire them."""
        self.headline.build()
        with gr.Accordion(word("Details"), open=False) as self.details:
            self.runs.build(demo)
            self.registry = RegistryPanel(self.adapters, self.suspicions, self.runs.source)
            self.registry.build()
            with gr.Row():
                self.charts.build()
            gr.HTML(html_template=JOBS, js_on_load=on_load("mountJobs"), apply_default_css=False, padding=False)
        self.seen = gr.State(None)
        self.everything = [self.seen, *self.headline.outputs, *self.runs.outputs, *self.registry.outputs]
        self._wire(demo)

    def _wire(self, demo: gr.Blocks) -> None:
        hidden: dict[str, Any] = {"show_progress": "hidden"}
        runs, registry, buttons = self.runs, self.registry, self.headline.buttons
        demo.load(show_errors(self.look), None, self.everything, **hidden)
        gr.Timer(SECONDS_BETWEEN_LOOKS).tick(show_errors(self.look_again), [self.seen], self.everything, **hidden)
        demo.load(self.charts.show, None, self.charts.outputs, **hidden)
        gr.Timer(SECONDS_BETWEEN_PLOTS).tick(self.charts.show, None, self.charts.outputs, **hidden)
        about = [registry.against, registry.sets, registry.pictures]
        registry.chosen.change(show_errors(registry.about), [registry.chosen], about, **hidden)
        for can, handler in ((Can.TRAIN, self.train), (Can.STOP, self.stop), (Can.USE, self.use), (Can.KEEP, self.keep)):
            buttons[can].click(show_errors(handler), None, self.everything, **hidden)
        buttons[Can.WHY].click(lambda: gr.update(open=True), None, self.details, **hidden)
        runs.start_button.click(show_errors(self.start), runs.asked, self.everything, **hidden)
        runs.longer_button.click(show_errors(self.train_longer), [runs.minutes], self.everything, **hidden)
        decision = [registry.chosen, registry.reason, registry.force]
        registry.promote_button.click(show_errors(self.promote), decision, self.everything, **hidden)
        registry.back_button.click(show_errors(self.rollback), [registry.served, registry.reason], self.everything, **hidden)

    def opens(self, tab: gr.Tab, bar: gr.Tabs) -> None:
        """Wire what leads to the review tab; and look anew whenever somebody comes back from there."""
        tab.select(show_errors(self.look), None, self.everything, show_progress="hidden")
        self.suspicions.opens(bar)

    # Handlers ---------------------------------------------------------------------------------------------------

    def train(self, request: gr.Request | None = None) -> tuple[Any, ...]:
        """As the model's defaults say, with all reviews."""
        demand(self.role(user_of(request)), Action.TRAIN)
        self.trainer.start(user_of(request))
        return self.look(request)

    def start(
        self, minutes: float, source: str, vision: bool, left_out: Sequence[str] | None = None, request: gr.Request | None = None
    ) -> tuple[Any, ...]:
        demand(self.role(user_of(request)), Action.TRAIN)
        parent, without = None if source == "none" else source, {"without_readers": left_out} if left_out else {}
        self.trainer.start(user_of(request), max_seconds=seconds_of(minutes), parent=parent, vision=bool(vision), **without)
        return self.look(request)

    def train_longer(self, minutes: float, request: gr.Request | None = None) -> tuple[Any, ...]:
        """Go on from the adapter of the newest run, whose time ended before its plan did."""
        demand(self.role(user_of(request)), Action.TRAIN)
        name = self.runs.unfinished()
        vision = has_vision(self.adapters.get(name).path)
        self.trainer.start(user_of(request), max_seconds=seconds_of(minutes), parent=name, vision=vision)
        return self.look(request)

    def stop(self, request: gr.Request | None = None) -> tuple[Any, ...]:
        demand(self.role(user_of(request)), Action.TRAIN)
        name = self.trainer.running()
        if name is None:
            raise BadSetting("Nothing is training, so there is nothing to stop.")
        self.trainer.stop(name, user_of(request))
        return self.look(request)

    def use(self, request: gr.Request | None = None) -> tuple[Any, ...]:
        """Let the adapter that waits for a decision serve, for the reason that the sentence gives."""
        now = self.standing()
        self._promote(now.about, str(now.sentence), False, request)
        return self._look(joined([IN_USE, *self.adapters.takeovers(now.about or "")]), request)

    def keep(self, request: gr.Request | None = None) -> tuple[Any, ...]:
        """Go on with what serves."""
        demand(self.role(user_of(request)), Action.PROMOTE)
        if waiting := self.adapters.waiting():
            self.adapters.keep_old(waiting.name, by=user_of(request))
        return self._look(OLD_STAYS, request)

    def promote(self, name: str | None, reason: str, force: bool, request: gr.Request | None = None) -> tuple[Any, ...]:
        self._promote(name, reason.strip() or ("" if force else "no reason given"), bool(force), request)
        told = [Message(SERVES, name=name), *self.adapters.takeovers(name or ""), *self.adapters.notes(name or "")]
        return self._look(joined(told), request)

    def rollback(self, name: str | None, reason: str, request: gr.Request | None = None) -> tuple[Any, ...]:
        demand(self.role(user_of(request)), Action.PROMOTE)
        undone = self.adapters.promotion(name)
        self.adapters.rollback(name, by=user_of(request), reason=reason.strip() or "rolled back")
        return self._look(self.adapters.handed_back(undone), request)

    def look(self, request: gr.Request | None = None) -> tuple[Any, ...]:
        """Everything the tab shows, read anew."""
        return self._look(None, request)

    def look_again(self, seen: Any, request: gr.Request | None = None) -> tuple[Any, ...]:
        """Nothing, unless something has happened since."""
        return self.look(request) if self.mark() != seen else (gr.skip(),) * len(self.everything)

    # Words and values -------------------------------------------------------------------------------------------

    def standing(self) -> Standing:
        """How things stand now."""
        name = self.trainer.latest()
        waiting = self.adapters.waiting()
        progress = self.trainer.progress(name) if name else None
        return standing(progress, self.fresh(), self.defaults.max_seconds, waiting, self._against(waiting))

    def mark(self) -> list[Any]:
        """Changes whenever the tab has something new to show."""
        name = self.trainer.latest()
        progress = self.trainer.progress(name) if name else None
        run = [name, len(self.trainer.log(name)), str(progress.status), progress.stopping] if name and progress else []
        return [*run, *([a.name, str(a.status)] for a in self.adapters.all())]

    def _look(self, said: Message | None, request: gr.Request | None) -> tuple[Any, ...]:
        """Everything; `said` is told in place of the sentence, until something else happens."""
        now = Standing(said) if said else self.standing()
        headline = self.headline.show(now, self.role(user_of(request)))
        return (self.mark(), *headline, *self.runs.show(), *self.registry.show())

    def _promote(self, name: str | None, reason: str, force: bool, request: gr.Request | None) -> None:
        if not name:
            raise BadSetting("Choose the adapter that should serve.")
        demand(self.role(user_of(request)), Action.FORCE if force else Action.PROMOTE)
        self.adapters.promote(name, by=user_of(request), reason=reason, force=force)

    def _against(self, waiting: Any) -> Sequence[str]:
        """What speaks against it, without asking the model; a damaged one says so itself."""
        try:
            return self.adapters.objections(waiting) if waiting else ()
        except PdcError as damaged:
            return [damaged.message]
