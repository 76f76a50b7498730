"""The dock widget "Click segmentation"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QPushButton

from napari_iafpn.plugin.annotate.classes import Classes
from napari_iafpn.plugin.annotate.export import export
from napari_iafpn.plugin.annotate.guide import (
    cause_of,
    counts_of,
    next_step,
    situation_of,
    title_of,
)
from napari_iafpn.plugin.annotate.object_view import ObjectView
from napari_iafpn.plugin.annotate.objects_table import ObjectsPresenter
from napari_iafpn.plugin.annotate.objects_view import ObjectsView
from napari_iafpn.plugin.annotate.settings_view import DisplayView, NumberingView, StackView
from napari_iafpn.plugin.annotate.tools_view import CLICKS, PAINTING, ToolsView
from napari_iafpn.plugin.annotator import Annotator
from napari_iafpn.plugin.common.panel import DockPanel, panels_of
from napari_iafpn.plugin.common.parts import Choice, Fold, ModelRow, sentence_label
from napari_iafpn.plugin.docking import Bridge, is_closing
from napari_iafpn.plugin.find.messages import SearchReport
from napari_iafpn.plugin.find.wiring import Finding
from napari_iafpn.plugin.layers import default_image, layer_id, sliders_of
from napari_iafpn.plugin.learning.learning import Learning
from napari_iafpn.plugin.messages import MaskReady, Message, ModelFailed, ModelReady, Report
from napari_iafpn.plugin.sessions.sessions import Sessions
from napari_iafpn.plugin.shortcuts import HelpSheet
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.plugin.worker import PredictionWorker, load_predictor

if TYPE_CHECKING:
    import napari.viewer
    from napari.utils.theme import Theme

    from napari_iafpn.inference import Predictor

# A prediction in progress ends within about this.
CLOSE_SECONDS = 2.0


class ClickSegmentation(DockPanel):
    """Click on objects of an image and get their masks.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    load : callable
        Makes the predictor of a model's name or file; called in the worker thread.
    models : sequence of str, optional
        The models on offer, the first one chosen. Default: the shipped ones, and those that
        "Train on your masks" made.
    paths : UserPaths, optional
        Where sessions are kept. Default: among the user's data.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        *,
        load: Callable[[str], Predictor] = load_predictor,
        models: Sequence[str] | None = None,
        paths: UserPaths | None = None,
    ) -> None:
        super().__init__(viewer)
        paths = paths or UserPaths.of_user()
        if models is None:
            models = paths.models_on_offer()
        self._model = models[0] if models else ""
        self._working_model: str | None = None
        self._bridge = Bridge()
        self._worker = PredictionWorker(self._bridge.reported.emit, load)
        self.annotator = Annotator(
            self.viewer, self._worker.submit, self._worker.stop, self._model, paths.labels
        )
        self.sessions = Sessions(self.annotator, paths.sessions)
        self.finding = Finding(self.annotator, self._worker)
        self.learning = Learning(self.annotator, self.finding.review, paths, self.use_model)
        self.guide = sentence_label()
        self.image = Choice("The image to click on", self)
        self.tools = ToolsView()
        self.object = ObjectView()
        self.objects = ObjectsView()
        self.stack, self.numbering, self.display = StackView(), NumberingView(), DisplayView()
        self.classes = Classes(self.annotator, self.sessions, self.numbering, self.objects)
        self.model = ModelRow(models)
        self.annotating = QCheckBox("Annotate")
        self.annotating.setChecked(True)
        self.annotating.setToolTip("Off: mouse and keys on the canvas are napari's again")
        self._help_button = QPushButton("?")
        self._help_button.setFixedWidth(26)
        self._help = HelpSheet(self)
        self.folds = {
            name: Fold(title, part)
            for name, title, part in (
                ("Stack", "Propagate to other planes", self.stack),
                ("Numbering", "Numbering and classes", self.numbering),
                ("Display", "Display", self.display),
                ("Model", "Model", self.model),
            )
        }
        self._lay_out()
        self._table = ObjectsPresenter(self.annotator, self.objects)
        self._connect()
        self._show()
        self.watch()

    def reset_choices(self, *_: object) -> None:
        """Offer the layers that there are; napari calls this when they change, closed or not."""
        annotator = self.annotator
        if not annotator.is_open:
            return
        if annotator.image is None and (image := default_image(annotator.viewer.layers)):
            annotator.set_image(image)
            return
        images = [layer.name for layer in annotator.viewer.layers if isinstance(layer, Image)]
        self.image.offer([(a, a) for a in images], annotator.image and annotator.image.name)
        self.image.setVisible(len(images) > 1)
        self.display.channels.setEnabled(len(images) > 1)
        self.objects.set_labels(
            [layer.name for layer in annotator.book.fitting(annotator.image)],
            annotator.labels and annotator.labels.name,
        )
        self._show()

    def use_model(self, model: str | Path) -> None:
        """Choose a model, by the name of a shipped one or by its file."""
        self._choose_model(str(model))

    def propagate(self, *_: object) -> None:
        """Take the object to other planes, as far as is chosen."""
        self.annotator.controller.propagate(self.stack.value)

    def show_help(self, *_: object) -> None:
        """Show all keys."""
        self._help.open_at(self)

    def _lay_out(self) -> None:
        self.guide.setMinimumHeight(2 * self.guide.fontMetrics().lineSpacing())
        self.outer.insertWidget(0, self.guide)
        parts = self.body.parts
        parts.addWidget(self.sessions.view)
        parts.addWidget(self.image)
        parts.addWidget(self.tools)
        parts.addWidget(self.object)
        parts.addWidget(self.finding.view)
        parts.addWidget(self.objects, 1)
        parts.addWidget(self.learning.view)
        for fold in self.folds.values():
            parts.addWidget(fold)
        self.outer.addWidget(self.status)
        self.status.foot.addWidget(self.annotating)
        self.status.foot.addWidget(self._help_button)

    def _connect(self) -> None:
        annotator, controller = self.annotator, self.annotator.controller
        self._bridge.reported.connect(self._receive)
        controller.said.connect(self._say)
        controller.changed.connect(self._show)
        annotator.choices_changed.connect(self.reset_choices)
        annotator.layer_tool.changed.connect(self._show)
        annotator.propagate_wanted.connect(self.propagate)
        annotator.tool_wanted.connect(self._toggle_tool)
        annotator.help_wanted.connect(self.show_help)
        self.image.chosen.connect(lambda name: annotator.set_image(self._layer(name)))
        self.tools.chosen.connect(self._take_tool)
        self.tools.threshold_changed.connect(controller.set_threshold)
        self.tools.size_changed.connect(self._size_brush)
        for button, act in (
            (self.object.keep_button, controller.commit),
            (self.object.undo_button, controller.undo),
            (self.object.redo_button, controller.redo),
            (self.object.split_button, controller.split),
            (self.object.discard_button, controller.clear),
            (self._help_button, self.show_help),
        ):
            button.clicked.connect(lambda _, act=act: act())
        self.objects.labels_chosen.connect(lambda name: annotator.set_labels(self._layer(name)))
        self.objects.export_wanted.connect(self._export)
        self.stack.wanted.connect(controller.propagate)
        self.display.preview.toggled.connect(annotator.pointer.look_ahead)
        self.display.outline.toggled.connect(annotator.outline_mask)
        self.display.roi.toggled.connect(annotator.outline_roi)
        self.display.one_button.toggled.connect(annotator.pointer.use_one_button)
        self.display.channels.toggled.connect(annotator.see_channels)
        self.model.chosen.connect(self._choose_model)
        self.annotating.toggled.connect(self._listen)
        self.sessions.said.connect(self._say)
        self.finding.review.said.connect(self._say)
        self.learning.said.connect(self._say)
        self.finding.review.changed.connect(self._show)

    def on_theme(self, theme: Theme) -> None:
        """Colour the tools."""
        self.tools.colour(theme.text.as_hex(), theme.current.as_hex())

    def _export(self) -> None:
        """Save the chosen labels, unless an object of them is lifted out to be edited."""
        labels = self.annotator.labels
        edited = [now.edited for now in self.annotator.controller.document.objects.values()]
        own = [each for each in edited if each and labels and each.labels == layer_id(labels)]
        if own:
            sentence = (
                f"Object {own[0].label} is being edited; keep or discard it before you export."
            )
            self._say(Message(sentence, error=True))
        else:
            self._say(export(self, labels))

    # The widget comes and goes

    def enter(self) -> None:
        """Take clicks, unless another panel of this kind does."""
        first = next((a for a in panels_of(self, ClickSegmentation) if a.annotator.is_open), None)
        if first is not None:
            # One click must not make two masks. Docks are not taken away while they come.
            QTimer.singleShot(0, lambda: self._give_way(first))
            return
        self.annotator.open()
        self.finding.open()
        self.sessions.open()
        self._listen(self.annotating.isChecked())
        self.annotator.controller.use_model(self._model)
        self.learning.wake()

    def _give_way(self, first: ClickSegmentation) -> None:
        """Leave the viewer to the widget that was there before."""
        self.viewer.window.remove_dock_widget(self)
        first.raise_dock()
        first._say(Message("Click segmentation is open in this window already."))

    def rest(self) -> None:
        """Leave mouse and keys to napari, and let nothing go on unseen."""
        with ExitStack() as last_first:  # all of it, also where a part fails
            last_first.callback(self._worker.close, CLOSE_SECONDS)
            last_first.callback(self.sessions.keeper.flush)
            last_first.callback(self.annotator.controller.cancel)
            last_first.callback(self.finding.review.stop)
            last_first.callback(self.learning.rest)
            last_first.callback(self._listen, False)

    def leave(self) -> None:
        """Finish everything."""
        with ExitStack() as last_first:
            last_first.callback(self.sessions.close)
            last_first.callback(self.annotator.close, window_closes=is_closing(self))
            last_first.callback(self.finding.close)
            last_first.callback(self.learning.close)
            last_first.callback(self.rest)

    def _listen(self, on: bool) -> None:
        if not on:
            self._take_tool(CLICKS)
        self.annotator.listen(on=on)
        self._show()

    # What the user chooses

    def _take_tool(self, tool: str) -> None:
        self.annotator.take_tool(tool)
        self.tools.show_tool(tool)
        layer = self.annotator.preview.layer
        if tool in PAINTING and layer is not None:
            layer.brush_size = self.tools.brush.value()
            layer.events.brush_size.connect(self._show_size)  # the keys of napari change it too
        self._show()

    def _toggle_tool(self, tool: str) -> None:
        self._take_tool(CLICKS if self.tools.tool == tool else tool)

    def _size_brush(self, size: int) -> None:
        layer = self.annotator.preview.layer
        if layer is not None:
            layer.brush_size = size

    def _show_size(self, _event: Any = None) -> None:
        layer = self.annotator.preview.layer
        if layer is not None:
            self.tools.show_size(layer.brush_size)

    def _layer(self, name: str) -> Any:
        """Return the layer of a name on offer, None for a new one."""
        return next((a for a in self.annotator.viewer.layers if a.name == name), None)

    def _choose_model(self, model: str, *, preload: bool = True) -> None:
        self._model = model
        self.display.measure_again()
        models = self.model.models
        self.model.offer(models if model in models else (*models, model), model)
        self.annotator.controller.use_model(model, preload=preload)

    # What there is to show

    def _receive(self, report: Report | SearchReport) -> None:
        if isinstance(report, SearchReport):
            self.finding.review.receive(report)
            return
        self.annotator.controller.receive(report)
        if isinstance(report, MaskReady):
            self.display.note_seconds(report.prediction.seconds)
        elif isinstance(report, ModelReady):
            self._working_model = report.model
        elif isinstance(report, ModelFailed) and report.model == self._model:
            self._drop_model(report.model)

    def _drop_model(self, model: str) -> None:
        """Go back to the model before; it is still loaded."""
        if self._working_model is not None and self._working_model != model:
            self.model.offer([m for m in self.model.models if m != model], None)
            self._choose_model(self._working_model, preload=False)

    def _show(self) -> None:
        annotator, controller = self.annotator, self.annotator.controller
        now = controller.current
        listening = self.annotating.isChecked()
        self.guide.setText(next_step(situation_of(annotator, self.tools.tool, listening=listening)))
        self.object.show_object(
            title_of(annotator),
            counts_of(annotator),
            touched=now is not None and not now.is_untouched,
            edited=now is not None and now.edited is not None,
        )
        threshold = 0.5 if now is None else now.threshold
        self.tools.show_threshold(threshold, enabled=now is not None and len(now.clicks) > 0)
        self.object.show_history(undo=controller.can_undo, redo=controller.can_redo)
        sliders = sliders_of(annotator.image, controller.plane)
        self.stack.offer(sliders)
        self.folds["Stack"].setVisible(bool(sliders))
        self.status.spinner.set_busy(controller.busy or self.finding.review.is_searching)

    def _say(self, message: Message) -> None:
        self.status.show_message(message, lambda: cause_of(self.annotator))
        if message.important:
            (show_warning if message.error else show_info)(message.text)
