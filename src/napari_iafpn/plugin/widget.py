"""The dock widget "Click segmentation"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container
from napari.layers import Image
from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget
from superqt import QCollapsible

from napari_iafpn.plugin.annotator import Annotator
from napari_iafpn.plugin.commit_view import COLOURS, CommitView, class_names
from napari_iafpn.plugin.docking import Bridge, DockWatch, is_closing, other_of
from napari_iafpn.plugin.editor import CommitAs
from napari_iafpn.plugin.find.messages import SearchReport
from napari_iafpn.plugin.find.wiring import Finding
from napari_iafpn.plugin.help_view import HelpSheet
from napari_iafpn.plugin.layers import default_image
from napari_iafpn.plugin.messages import Message, ModelFailed, ModelReady, Report
from napari_iafpn.plugin.objects_table import ObjectsTable
from napari_iafpn.plugin.objects_view import ObjectsView
from napari_iafpn.plugin.propagate_view import PropagateView
from napari_iafpn.plugin.sessions.sessions import Sessions
from napari_iafpn.plugin.training.places import Places
from napari_iafpn.plugin.views import (
    CLICKS,
    ObjectView,
    SourcesView,
    StatusView,
)
from napari_iafpn.plugin.worker import PredictionWorker, load_predictor

if TYPE_CHECKING:
    import napari.viewer

    from napari_iafpn.inference import Predictor

# A prediction in progress ends within about this.
CLOSE_SECONDS = 2.0
WELCOME = "Open an image (File > Open Sample has some), then click on an object."


def _folded(title: str, part: QWidget) -> QCollapsible:
    """Put a part of the widget behind a title that unfolds it."""
    folded = QCollapsible(title)
    folded.setStyleSheet("QPushButton:checked { background-color: transparent; }")
    folded.setContent(part)
    folded.collapse(animate=False)
    return folded


class ClickSegmentation(Container):
    """Click on objects of an image and get their masks.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    load : callable
        Makes the predictor of a model's name or file; called in the worker thread.
    models : sequence of str, optional
        The models on offer, the first one chosen. Default: the shipped ones, and those that
        "Train on your masks" made.
    places : Places, optional
        Where sessions are kept. Default: among the user's data.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        *,
        load: Callable[[str], Predictor] = load_predictor,
        models: Sequence[str] | None = None,
        places: Places | None = None,
    ) -> None:
        places = places or Places.of_user()
        if models is None:
            models = places.models_on_offer()
        self._model = models[0] if models else ""
        self._working_model: str | None = None
        # napari hands plugins a proxy, whose layers are never identical to the viewer's.
        viewer = getattr(viewer, "__wrapped__", viewer)
        self._bridge = Bridge()
        self._worker = PredictionWorker(self._bridge.reported.emit, load)
        self.annotator = Annotator(
            viewer, self._worker.submit, self._worker.stop, self._model, places.labels
        )
        self.sessions = Sessions(self.annotator, places.sessions)
        self.finding = Finding(self.annotator, self._worker)
        self.sources = SourcesView(models)
        self.object = ObjectView()
        self.propagation = PropagateView()
        self.commit = CommitView()
        self.objects = ObjectsView()
        self.status = StatusView()
        super().__init__(widgets=[self.sources, self.object], labels=False)
        layout = self.native.layout()
        layout.insertWidget(0, self.sessions.view)
        folded = _folded("Objects", self.objects)
        commit = _folded("Commit", self.commit.native)
        for part in (self.finding.view, self.propagation, commit, folded, self.status):
            layout.addWidget(part)
        self._help = HelpSheet(self.native)
        self._table = ObjectsTable(self.annotator, self.objects, folded.isExpanded)
        folded.toggled.connect(lambda _: self._table.refresh())
        self._connect()
        self._say(Message(WELCOME))
        self._show()
        self._watch = DockWatch(self.native, self._open, self._hide_or_close, self._close)

    def reset_choices(self, *_: object) -> None:
        """Offer the layers that there are; napari calls this when they change, closed or not."""
        annotator = self.annotator
        if not annotator.is_open:
            return
        if annotator.image is None and (image := default_image(annotator.viewer.layers)):
            annotator.set_image(image)
            return
        images = [layer.name for layer in annotator.viewer.layers if isinstance(layer, Image)]
        self.sources.set_images(images, annotator.image and annotator.image.name)
        self.sources.set_labels(
            [layer.name for layer in annotator.book.fitting(annotator.image)],
            annotator.labels and annotator.labels.name,
        )

    def use_model(self, model: str | Path) -> None:
        """Choose a model, by the name of a shipped one or by its file."""
        self._choose_model(str(model))

    def propagate(self, *_: object) -> None:
        """Take the object to other planes, as far as is chosen."""
        self.annotator.controller.propagate(self.propagation.value)

    def show_help(self, *_: object) -> None:
        """Show all keys."""
        self._help.open_at(self.native)

    def _connect(self) -> None:
        annotator, controller = self.annotator, self.annotator.controller
        self._bridge.reported.connect(self._receive)
        controller.said.connect(self._say)
        controller.changed.connect(self._show)
        annotator.choices_changed.connect(self.reset_choices)
        self.sources.image_chosen.connect(self._choose_image)
        self.sources.channels_chosen.connect(annotator.see_channels)
        self.sources.labels_chosen.connect(self._choose_labels)
        self.sources.model_chosen.connect(self._choose_model)
        self.object.annotating_changed.connect(self._listen)
        self.object.threshold_changed.connect(controller.set_threshold)
        self.object.roi_shown_changed.connect(annotator.outline_roi)
        self.object.outline.changed.connect(annotator.outline_mask)
        self.object.one_button.changed.connect(annotator.pointer.use_one_button)
        self.object.look_ahead.changed.connect(annotator.pointer.look_ahead)
        self.object.undo_button.changed.connect(controller.undo)
        self.object.redo_button.changed.connect(controller.redo)
        self.object.clear_button.changed.connect(controller.clear)
        self.object.split_button.changed.connect(controller.split)
        self.object.help_button.changed.connect(self.show_help)
        self.object.commit_button.changed.connect(controller.commit)
        self.object.tool_chosen.connect(self._take_tool)
        self.propagation.wanted.connect(controller.propagate)
        annotator.propagate_wanted.connect(self.propagate)
        annotator.tool_wanted.connect(self._toggle_tool)
        annotator.help_wanted.connect(self.show_help)
        self.commit.chosen.connect(self._commit_as)
        self.commit.class_made.connect(self._make_class)
        self.sessions.said.connect(self._say)
        self.finding.review.said.connect(self._say)
        self.finding.review.changed.connect(self._show)
        self.sessions.resumed.connect(self._show_classes)

    # The widget comes and goes

    def _open(self) -> None:
        first = other_of(self)
        if first is not None and first.annotator.is_open:
            # One click must not make two masks. Docks are not taken away while they come.
            QTimer.singleShot(0, lambda: self._give_way(first))
            return
        self.annotator.open()
        self.finding.open()
        self.sessions.open()
        self._listen(self.object.annotating.value)
        self.annotator.controller.use_model(self._model)

    def _give_way(self, first: ClickSegmentation) -> None:
        """Leave the viewer to the widget that was there before."""
        self.annotator.viewer.window.remove_dock_widget(self.native)
        dock = first.native.parent()
        dock.show()
        dock.raise_()
        first._say(Message("Click segmentation is open in this window already; here it is."))

    def _hide_or_close(self) -> None:
        # napari goes without taking its docks apart.
        self._close() if is_closing(self.native) else self._hide()

    def _hide(self) -> None:
        with ExitStack() as last_first:  # all of it, also where a part fails
            last_first.callback(self._worker.close, CLOSE_SECONDS)
            last_first.callback(self.sessions.keeper.flush)
            last_first.callback(self.annotator.controller.cancel)
            last_first.callback(self.finding.review.stop)
            last_first.callback(self._listen, False)

    def _close(self) -> None:
        with ExitStack() as last_first:
            last_first.callback(self.sessions.close)
            closes = is_closing(self.native)
            last_first.callback(self.annotator.close, window_closes=closes)
            last_first.callback(self.finding.close)
            last_first.callback(self._hide)

    def _listen(self, on: bool) -> None:
        if not on:
            self._take_tool(CLICKS)
        self.annotator.listen(on=on)

    def _take_tool(self, tool: str) -> None:
        self.annotator.take_tool(tool)
        self.object.show_tool(tool)

    # What the user chooses

    def _choose_image(self, name: str) -> None:
        self.annotator.set_image(self._layer(name))

    def _choose_labels(self, name: str) -> None:
        self.annotator.set_labels(self._layer(name))

    def _layer(self, name: str) -> Any:
        """Return the layer of a name on offer, None for a new one."""
        return next((a for a in self.annotator.viewer.layers if a.name == name), None)

    def _choose_model(self, model: str, *, preload: bool = True) -> None:
        self._model = model
        models = self.sources.models
        self.sources.set_models(models if model in models else (*models, model), model)
        self.annotator.controller.use_model(model, preload=preload)

    def _toggle_tool(self, tool: str) -> None:
        self._take_tool(CLICKS if self.object.tool.value == tool else tool)

    def _commit_as(self, wish: CommitAs) -> None:
        self.annotator.controller.set_commit_as(wish)
        self._show()

    def _make_class(self, name: str) -> None:
        categories = self.annotator.categories
        number = max(categories, default=0) + 1
        categories[number] = {"name": name, "colour": COLOURS[(number - 1) % len(COLOURS)]}
        self.sessions.keeper.note_categories(categories)
        self._show_classes(number)

    def _show_classes(self, chosen: int = 0) -> None:
        self.commit.offer_classes(class_names(self.annotator.categories), chosen)
        self._commit_as(self.commit.value)

    # What there is to show

    def _receive(self, report: Report | SearchReport) -> None:
        if isinstance(report, SearchReport):
            self.finding.review.receive(report)
            return
        self.annotator.controller.receive(report)
        if isinstance(report, ModelReady):
            self._working_model = report.model
        elif isinstance(report, ModelFailed) and report.model == self._model:
            self._drop_model(report.model)

    def _drop_model(self, model: str) -> None:
        """Go back to the model before; it is still loaded."""
        if self._working_model is not None and self._working_model != model:
            self.sources.set_models([m for m in self.sources.models if m != model], None)
            self._choose_model(self._working_model, preload=False)

    def _show(self) -> None:
        controller = self.annotator.controller
        current = controller.current
        if current is None:
            self.object.show_object(
                "Nothing to click on here", 0.5, touched=False, clicks=False, edited=False
            )
        else:
            edited = current.edited is not None
            verb = "Editing object" if edited else "Object"
            self.object.show_object(
                f"<b>{verb} {self.annotator.next_label()}</b>: {current.clicks.counted}",
                current.threshold,
                touched=not current.is_untouched,
                clicks=len(current.clicks) > 0,
                edited=edited,
            )
        self.propagation.offer(self.annotator.sliders)
        self.object.show_history(undo=controller.can_undo, redo=controller.can_redo)
        self.status.spinner.set_busy(controller.busy or self.finding.review.is_searching)

    def _say(self, message: Message) -> None:
        self.status.show_message(message)
        if message.important:
            (show_warning if message.error else show_info)(message.text)
