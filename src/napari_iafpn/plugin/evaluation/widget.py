"""The dock widget "Evaluate clicks"."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image, Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog

from napari_iafpn.plugin.common.panel import DockPanel
from napari_iafpn.plugin.docking import BackgroundTasks, Bridge, is_closing
from napari_iafpn.plugin.evaluation.controller import EvaluationController, Exhibit
from napari_iafpn.plugin.evaluation.request import FolderSource, LayerPairs, Request, Source
from napari_iafpn.plugin.evaluation.results_view import ResultsView
from napari_iafpn.plugin.evaluation.runner import Runner
from napari_iafpn.plugin.evaluation.scene import ObjectViewer
from napari_iafpn.plugin.evaluation.setup_view import EvaluationSetup
from napari_iafpn.plugin.evaluation.views import RunView
from napari_iafpn.plugin.layers import default_image, full_resolution, layer_id, spatial_shape
from napari_iafpn.plugin.mask_preview import PREVIEW_NAME
from napari_iafpn.plugin.messages import Message
from napari_iafpn.plugin.user_paths import UserPaths

if TYPE_CHECKING:
    import napari.viewer
    from napari.utils.theme import Theme

# Worker processes are killed, so only an import of torch can take longer.
CLOSE_SECONDS = 5.0
REDRAW_MS = 500
WELCOME = (
    "Choose an image and the labels with its true objects, then Start: a simulated user clicks on "
    "the objects and counts the clicks."
)


class EvaluateClicks(DockPanel):
    """Count how many clicks a model needs on the user's own objects, or two models.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    models : sequence of str, optional
        The models on offer, the first one chosen. Default: the shipped ones, and those that
        "Train on your masks" made.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, *, models: Sequence[str] | None = None
    ) -> None:
        super().__init__(viewer)
        self._bridge = Bridge()
        self._runner = Runner(self._bridge.reported.emit)
        self.controller = EvaluationController(
            self._runner, BackgroundTasks("napari-iafpn-exhibit")
        )
        self.scene = ObjectViewer(self.viewer)
        self.setup = EvaluationSetup(
            UserPaths.of_user().models_on_offer() if models is None else models
        )
        self.run = RunView()
        self.results = ResultsView()
        for part in (self.setup, self.run.native, self.run.bar):
            self.body.parts.addWidget(part)
        self.body.parts.addWidget(self.results, 1)
        self.body.parts.addStretch()
        self.outer.addWidget(self.status)
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._connect()
        self.status.show_message(Message(WELCOME))
        self._show()
        self.reset_choices()
        self.watch()

    def reset_choices(self, *_: object) -> None:
        """Offer the layers that there are; napari calls this when they change."""
        own = self.scene.layers
        layers = [a for a in self.viewer.layers if a not in own and a.name != PREVIEW_NAME]
        images = [layer for layer in layers if isinstance(layer, Image)]
        labels = [layer for layer in layers if isinstance(layer, Labels)]
        image = self._named(self.setup.image, images) or default_image(self.viewer.layers)
        chosen = self._named(self.setup.labels, labels) or _labels_of(image, labels)
        self.setup.set_layers(
            [layer.name for layer in images],
            image and image.name,
            [layer.name for layer in labels],
            chosen and chosen.name,
        )

    def start(self) -> None:
        """Begin with what is chosen."""
        try:
            request = Request(
                self._source(),
                self.setup.models,
                self.setup.preset.value,
                self.setup.zoomed.value,
                self.setup.limit,
            )
        except ValueError as error:
            self.status.show_message(Message(str(error), error=True))
            return
        self.controller.start(request)

    def _connect(self) -> None:
        self._bridge.reported.connect(self.controller.receive)
        self.controller.said.connect(self.status.show_message)
        self.controller.changed.connect(self._show)
        self.controller.exhibited.connect(self._exhibit)
        self.run.start_button.changed.connect(self.start)
        self.run.cancel_button.changed.connect(self.controller.cancel)
        self.results.worst.chosen.connect(self.controller.show)
        self.results.model.changed.connect(self._draw)
        self.results.save_button.changed.connect(self._save)
        self._redraw.timeout.connect(self._draw)

    # The widget comes and goes

    def leave(self) -> None:
        """Stop, and take what is shown out of the window; merely hidden, it goes on."""
        self._redraw.stop()
        self._runner.close(CLOSE_SECONDS)
        self.controller.abandon()
        if not is_closing(self):
            self.scene.remove()

    # What the user chooses

    def _source(self) -> Source:
        folder = self.setup.folder
        if folder is not None:
            return FolderSource(folder)
        image = self._named(self.setup.image, self.viewer.layers)
        labels = self._named(self.setup.labels, self.viewer.layers)
        if image is None:
            raise ValueError("There is no image layer; open an image first.")
        if labels is None:
            raise ValueError(
                "There is no labels layer; open or paint the true objects of the image first."
            )
        array = labels.data[0] if labels.multiscale else labels.data
        return LayerPairs(
            layer_id(image),
            image.name,
            layer_id(labels),
            labels.name,
            full_resolution(image),
            array,
            image.rgb,
        )

    def _named(self, name: str | None, layers: Sequence[Image | Labels]) -> Image | Labels | None:
        return next((layer for layer in layers if layer.name == name), None)

    def _save(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Save the report in a folder")
        if folder:
            self.controller.save(Path(folder))

    # What there is to show

    def _show(self) -> None:
        controller, progress = self.controller, self.controller.progress
        done, total = (
            (0, 0) if progress is None or controller.saving else (progress.done, progress.total)
        )
        self.run.show_state(
            busy=controller.busy, can_cancel=controller.can_cancel, done=done, total=total
        )
        self.status.spinner.set_busy(controller.busy)
        self.results.save_button.enabled = controller.can_save
        if not controller.busy or controller.scores is None:
            self._redraw.stop()
            self._draw()
        elif not self._redraw.isActive():
            self._redraw.start()

    def _draw(self, *_: object) -> None:
        self.results.show_scores(self.controller.scores)

    def _exhibit(self, exhibit: Exhibit) -> None:
        try:
            self.scene.show(exhibit)
        except ValueError as error:
            self.status.show_message(Message(str(error), error=True))

    def on_theme(self, theme: Theme) -> None:
        """Draw the curve in the colour of text."""
        self.results.curve.set_ink(theme.text.as_hex())
        self._draw()


def _labels_of(image: Image | None, labels: Sequence[Labels]) -> Labels | None:
    """Return labels of the image's size, else any."""
    if image is not None:
        for layer in labels:
            if not layer.multiscale and tuple(layer.data.shape) == spatial_shape(image):
                return layer
    return next(iter(labels), None)
