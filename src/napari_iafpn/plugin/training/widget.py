"""The dock widget "Train on your masks"."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QMessageBox

from napari_iafpn.plugin.common.panel import DockPanel
from napari_iafpn.plugin.docking import BackgroundTasks
from napari_iafpn.plugin.messages import Message, as_sentence
from napari_iafpn.plugin.training.controller import State, TrainingController, Wish
from napari_iafpn.plugin.training.job import Job
from napari_iafpn.plugin.training.offers import layer_pair, offered_pairs
from napari_iafpn.plugin.training.process import TrainingProcess
from napari_iafpn.plugin.training.progress_view import ButtonsView, ProgressView
from napari_iafpn.plugin.training.setup_view import TrainingSetup
from napari_iafpn.plugin.training.sources import LayersSource, Source
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.plugin.widget import ClickSegmentation

if TYPE_CHECKING:
    import napari.viewer
    from napari.utils.theme import Theme
    from qtpy.QtGui import QEnterEvent

PLUGIN, WIDGET = "napari-iafpn", "Click segmentation"


def use_model(viewer: napari.viewer.Viewer, model: Path) -> ClickSegmentation:
    """Choose ``model`` in the widget that is docked in ``viewer``; one is opened if need be."""
    window = viewer.window
    widget = next((w for w in _docked(window) if isinstance(w, ClickSegmentation)), None)
    if widget is None:
        _, widget = window.add_plugin_dock_widget(PLUGIN, WIDGET, tabify=True)
    widget.raise_dock()
    widget.use_model(model)
    return widget


def _docked(window: object) -> list[object]:
    if hasattr(window, "dock_widgets"):
        return list(window.dock_widgets.values())
    # before napari 0.6.2
    return [dock.inner_widget() for dock in window._dock_widgets.values()]  # type: ignore[attr-defined]


REDRAW_MS = 400
WELCOME = (
    "Annotate about twenty objects or more, then train: the model learns what your objects look "
    "like, and you see how many clicks that saves."
)


class TrainOnMasks(DockPanel):
    """Retrain a model on the user's own annotated images.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    paths : UserPaths, optional
        Where models and unfinished trainings lie. Default: among the user's data.
    """

    def __init__(self, viewer: napari.viewer.Viewer, *, paths: UserPaths | None = None) -> None:
        super().__init__(viewer)
        self.paths = UserPaths.of_user() if paths is None else paths
        self.controller = TrainingController(self.paths, BackgroundTasks("napari-iafpn-training"))
        self.process = TrainingProcess(self.controller.receive, self.controller.receive_end)
        self.controller.process = self.process
        models = self.paths.models_on_offer()
        self.setup = TrainingSetup(models, self.paths.models)
        self.progress = ProgressView()
        self.buttons = ButtonsView()
        self.body.parts.addWidget(self.setup)
        self.body.parts.addWidget(self.progress, 1)
        self.body.parts.addStretch()
        for part in (self.status, self.buttons):
            self.outer.addWidget(part)
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._connect()
        self.reset_choices()
        self._show()
        self._say(Message(WELCOME))
        self.watch()

    def reset_choices(self, *_: object) -> None:
        """Offer the layers and the unfinished trainings that there are."""
        self.setup.pairs.offer(offered_pairs(self.viewer.layers))
        jobs = self.paths.unfinished()
        self.setup.unfinished.offer([(job.name, str(job.folder)) for job in jobs])
        self._suggest_name()

    def start(self) -> None:
        """Begin with what is chosen."""
        options = self.setup.options
        try:
            wish = Wish(
                self._source(),
                options.output.path,
                options.base.model,
                options.minutes.value,
                options.level.value,
                options.device.value,
            )
        except ValueError as error:
            self._say(Message(as_sentence(str(error)), error=True))
            return
        self.controller.start(wish)

    def use_model(self) -> None:
        """Choose the new model in the widget Click segmentation."""
        if self.controller.model:
            use_model(self.viewer, Path(self.controller.model))

    def _connect(self) -> None:
        controller, buttons, setup = self.controller, self.buttons, self.setup
        controller.said.connect(self._say)
        controller.changed.connect(self._show)
        setup.changed.connect(self._suggest_name)
        setup.start_button.changed.connect(self.start)
        setup.unfinished.continued.connect(self._continue)
        setup.unfinished.deleted.connect(self._ask_delete)
        buttons.pause_button.changed.connect(lambda: controller.pause(on=not controller.paused))
        buttons.stop_button.changed.connect(controller.stop)
        buttons.use_button.changed.connect(self.use_model)
        buttons.continue_button.changed.connect(self._continue_shown)
        buttons.back_button.changed.connect(self._back)
        self._redraw.timeout.connect(self._draw)
        self.destroyed.connect(controller.close)

    # The widget comes and goes

    def enterEvent(self, event: QEnterEvent | None) -> None:  # noqa: N802
        """Offer layers by the names that they have now."""
        if event is not None:
            super().enterEvent(event)
        self.reset_choices()

    def enter(self) -> None:
        """Offer what there is."""
        self.reset_choices()

    def leave(self) -> None:
        """Save and end; merely hidden, a training goes on."""
        self._redraw.stop()
        self.controller.close()

    # What the user chooses

    def _source(self) -> Source:
        if not self.setup.wants_layers:
            return self.setup.folders.source
        chosen = self.setup.pairs.chosen()
        if not chosen:
            raise ValueError("choose at least one image with its labels")
        layers, dims = self.viewer.layers, self.viewer.dims
        return LayersSource(tuple(layer_pair(layers, dims, *ids) for ids in chosen))

    def _suggest_name(self, *_: object) -> None:
        if self.setup.wants_layers:
            name = next(iter(self.setup.pairs.chosen_names()), "")
        else:
            try:
                name = self.setup.folders.source.name
            except ValueError:
                name = ""
        self.setup.options.output.suggest(self.paths.free_name(name) if name else "")

    def _continue(self, folder: str) -> None:
        job = self._job(folder)
        if job is not None:
            self.controller.go_on_with(job)

    def _continue_shown(self) -> None:
        if self.controller.job is not None:
            self.controller.go_on_with(self.controller.job)

    def _back(self) -> None:
        self.controller.leave()
        base = self.setup.options.base
        chosen = base.model
        for model in (*self.paths.own_models(), chosen):
            base.choose(model)
        self.reset_choices()

    def _ask_delete(self, folder: str) -> None:
        job = self._job(folder)
        if job is None:
            return
        question = f"Delete the unfinished training of {job.name}? It cannot be continued then."
        answer = QMessageBox.question(self, "Delete the training", question)
        if answer == QMessageBox.StandardButton.Yes:
            self.controller.delete(job)
            self.reset_choices()

    def _job(self, folder: str) -> Job | None:
        found = {str(job.folder): job for job in self.paths.unfinished()}
        if folder not in found:
            self.reset_choices()
            self._say(Message("That training is no longer there.", error=True))
        return found.get(folder)

    # What there is to show

    def _show(self) -> None:
        controller = self.controller
        at_work = controller.state is not State.IDLE
        for part in (self.progress, self.buttons):
            part.setVisible(at_work)
            part.show_state(controller)
        self.setup.setVisible(not at_work)
        self.status.spinner.set_busy(controller.busy and not controller.paused)
        if not controller.busy:
            self._redraw.stop()
            self._draw()
        elif not self._redraw.isActive():
            self._redraw.start()

    def _draw(self) -> None:
        self.progress.show_story(self.controller.history)

    def _say(self, message: Message) -> None:
        self.status.show_message(message)
        ended = self.controller.history is not None and self.controller.history.end is not None
        if ended and message.text and not self.isVisible():
            (show_warning if message.error else show_info)(message.text)

    def on_theme(self, theme: Theme) -> None:
        """Draw the curves in the colour of text."""
        self.progress.curves.set_ink(theme.text.as_hex())
        self._draw()
