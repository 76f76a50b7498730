"""The stateless predictor: pixels, clicks and previous mask to a prediction."""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry import Box, network_size
from napari_iafpn.images import Plane
from napari_iafpn.inference.device import (
    PRECISIONS,
    choose_device,
    choose_precision,
    is_out_of_memory,
    kind_of,
)
from napari_iafpn.inference.interaction import (
    Execution,
    bare_features,
    interact,
    interact_each,
)
from napari_iafpn.inference.policy import PLUGIN, Policy
from napari_iafpn.inference.prediction import Prediction
from napari_iafpn.networks import find_model, load_cascade
from napari_iafpn.networks.onnx_engine import is_installed, load_onnx_cascade
from napari_iafpn.networks.step import CascadeStep
from napari_iafpn.networks.tables import check_choice
from napari_iafpn.prompts import Prompt, Prompts

T = TypeVar("T")

NO_MEMORY = (
    "there is not enough memory to predict this mask, not even at half resolution; zoom in on the "
    "object, or close images or other programs, then try again"
)


class Predictor:
    """Run a cascade on one click sequence at a time; nothing is remembered between calls.

    Same input, same output, bit for bit, on one device with one number of threads.

    Parameters
    ----------
    cascade : Cascade
        Of any engine. It is left as it is: torch predicts with a copy, see ``networks.folding``.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    precision : str
        ``auto`` (fp32, see ``choose_precision``), ``fp32``, ``bf16`` or ``fp16``.
    policy : Policy
        How it looks at the image.
    """

    def __init__(
        self,
        cascade: CascadeStep,
        device: str = "auto",
        precision: str = "auto",
        policy: Policy = PLUGIN,
    ) -> None:
        self.policy = policy
        self.device = choose_device(device)
        self.precision = choose_precision(precision)
        self.notes: tuple[str, ...] = ()
        self.cascade = cascade.prepared(self.device)

    @classmethod
    def load(
        cls,
        model: str | Path = "default",
        device: str = "auto",
        precision: str = "auto",
        engine: str = "auto",
    ) -> Predictor:
        """Load a shipped model by name, or any model from its file.

        ``engine`` is ``torch``, ``onnx`` (ONNX Runtime, on the CPU, in fp32), or ``auto``: where it
        is installed and can be used, ONNX Runtime, else torch. What stood in the way of ONNX
        Runtime is in ``notes``, also of each prediction.
        """
        path = find_model(model)
        notes: tuple[str, ...] = ()
        if _takes_onnx(engine, choose_device(device), choose_precision(precision)):
            try:
                return cls(load_onnx_cascade(path), "cpu", precision)
            except RuntimeError as error:
                notes = (str(error),)
        predictor = cls(load_cascade(path), device, precision)
        predictor.notes = notes
        return predictor

    @property
    def engine(self) -> str:
        """What computes the networks: ``torch`` or ``onnx``."""
        return self.cascade.engine

    def using(self, policy: Policy) -> Predictor:
        """Return a predictor with the same networks that looks at the image in another way."""
        other = copy.copy(self)
        other.policy = policy
        return other

    def predict(
        self,
        plane: Plane | NDArray[Any],
        clicks: Iterable[Prompt],
        previous: Prediction | NDArray[Any] | None = None,
        *,
        view: Box | None = None,
    ) -> Prediction:
        """Segment the object that the prompts mean.

        Parameters
        ----------
        plane : Plane or (H, W) or (H, W, 3 or 4) array
        clicks : iterable of Prompt
            Clicks, boxes and strokes in the image frame and inside the view, in their order.
        previous : Prediction or (H, W) array, optional
            The object so far, bool or probability; what lies outside the view is left out.
        view : Box, optional
            What the coarse level looks at. Default: the whole plane.

        Raises
        ------
        ValueError
            Where a click, the view or the previous mask does not fit the image.
        MemoryError
            Where memory runs out even for smaller networks, and on the CPU.
        """
        start = time.perf_counter()
        given = _checked(plane, clicks, previous, view)
        found, execution = self._attempt(
            lambda execution: interact(self.cascade, *given, execution, self.policy)
        )
        return replace(
            found,
            seconds=time.perf_counter() - start,
            device=execution.device,
            notes=self.notes + _note(self.device, execution),
        )

    def predict_each(
        self,
        plane: Plane,
        batch: Sequence[Iterable[Prompt]],
        views: Sequence[Box],
        sizes: tuple[int, int] | None = None,
    ) -> list[Prediction]:
        """Segment several objects, each from its first prompts and in its own view.

        Views of one shape are predicted together. Quicker than `predict` with smaller ``sizes``,
        the long sides of the two levels' inputs; default: the checkpoint's.

        Raises
        ------
        ValueError
            Where a prompt or a view does not fit the image.
        MemoryError
            Where memory runs out even for smaller networks, and on the CPU.
        """
        given = [_checked(plane, p, None, v) for p, v in zip(batch, views, strict=True)]
        wanted = sizes or (self.cascade.config.coarse_size, self.cascade.config.fine_size)
        groups = defaultdict(list)
        for number, (_, _, _, view) in enumerate(given):
            groups[network_size(view.shape, wanted[0])].append(number)
        found: dict[int, Prediction] = {}
        for numbers in groups.values():
            prompts, seen = [given[n][1] for n in numbers], [given[n][3] for n in numbers]

            def run(
                execution: Execution,
                prompts: list[Prompts] = prompts,
                seen: list[Box] = seen,
            ) -> list[Prediction]:
                return interact_each(self.cascade, plane, prompts, seen, wanted, execution)

            predictions, _ = self._attempt(run)
            found.update(zip(numbers, predictions, strict=True))
        return [found[number] for number in range(len(given))]

    def features(self, plane: Plane, box: Box, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return (C, h / 4, w / 4), what the coarse level sees without prompts in a box.

        ``size`` (h, w) is that of the network's input, in multiples of 32.
        """
        pixels = plane.read(box, size)
        return self._attempt(lambda execution: bare_features(self.cascade, pixels, execution))[0]

    def _attempt(self, run: Callable[[Execution], T]) -> tuple[T, Execution]:
        """Run the networks as wanted, or in a way that takes less memory where it runs out."""
        attempts = _attempts(self.device, PRECISIONS[self.precision])
        for execution in attempts:
            try:
                self.cascade.move(execution.device)
                with self.cascade.predicting():
                    return run(execution), execution
            except (MemoryError, RuntimeError, OSError) as error:
                if not is_out_of_memory(error):
                    raise
                if execution is attempts[-1]:
                    raise MemoryError(NO_MEMORY) from error
            self.cascade.forget(self.device)
        raise AssertionError("the last attempt returns or raises")


def _takes_onnx(engine: str, device: str, precision: str) -> bool:
    check_choice("engine", engine, ("auto", "torch", "onnx"))
    can = device == "cpu" and precision == "fp32"
    if engine == "onnx" and not (can and is_installed()):
        raise ValueError(
            "the engine onnx is not available here: it runs on the CPU in fp32 and needs "
            "pip install 'napari-iafpn[fast]'; leave it out, or choose torch"
        )
    return engine != "torch" and can and is_installed()


def _attempts(device: str, autocast: str | None) -> list[Execution]:
    """Return the ways to run, the best first: as wanted, half as large, on the CPU."""
    attempts = [Execution(device, autocast), Execution(device, autocast, shrink=2)]
    return attempts if device == "cpu" else [*attempts, Execution("cpu")]


def _note(home: str, execution: Execution) -> tuple[str, ...]:
    memory = f"{kind_of(home).upper()} memory ran out; this mask was computed"
    if execution.device != home:
        return (f"{memory} on the CPU.",)
    return (f"{memory} at half resolution.",) if execution.shrink > 1 else ()


def _checked(
    plane: Plane | NDArray[Any],
    clicks: Iterable[Prompt],
    previous: Prediction | NDArray[Any] | None,
    view: Box | None,
) -> tuple[Plane, Prompts, Prediction | None, Box]:
    """Check what the caller gave and bring it into one form."""
    plane = plane if isinstance(plane, Plane) else Plane(plane)
    whole = Box.whole(plane.shape)
    view = view or whole
    if not whole.encloses(view):
        raise ValueError(
            f"the view {view} reaches outside the image of {plane.shape[0]} x "
            f"{plane.shape[1]}; choose a view inside it"
        )
    prompts = Prompts.of(clicks)
    for prompt in prompts:
        prompt.check_inside(plane.shape)
        if prompt.within(view) != prompt:
            raise ValueError(
                f"{prompt.kind} {prompt} is outside the view {view}; choose a view that contains "
                "all prompts"
            )
    if isinstance(previous, Prediction):
        _check_shape(previous, plane.shape)
    elif previous is not None:
        previous = Prediction.from_array(previous, plane.shape)
    return plane, prompts, previous, view


def _check_shape(previous: Prediction, shape: tuple[int, int]) -> None:
    if previous.shape != shape:
        raise ValueError(
            f"the previous prediction is of an image of shape {previous.shape}, this one has "
            f"{shape}; give a prediction of the same image"
        )
