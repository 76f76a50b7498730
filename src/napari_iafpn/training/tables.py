"""What recipes add to plain tables: stages in epochs, and values from the command line."""

from __future__ import annotations

import tomllib
from typing import Any

from napari_iafpn.networks.tables import fits, read_table
from napari_iafpn.training.settings import StageConfig


def read_stage(values: Any, what: str) -> StageConfig:
    """Read a stage, whose length may be given as ``epochs`` of ``epoch_samples`` samples.

    The milestones are then epochs too.
    """
    if isinstance(values, dict) and {"epochs", "epoch_samples"} & set(values):
        values = _in_steps(dict(values), what)
    stage: StageConfig = read_table(StageConfig, values, what)
    return stage


def _in_steps(values: dict[str, Any], what: str) -> dict[str, Any]:
    if "steps" in values:
        raise ValueError(f"{what} has both steps and epochs; give one of them")
    epochs, samples = values.pop("epochs", None), values.pop("epoch_samples", None)
    for key, value in (("epochs", epochs), ("epoch_samples", samples)):
        if not fits(value, float) or value <= 0:
            raise ValueError(f"{what} needs {key} as a number above 0, got {value!r}")
    batch, accumulate = values.get("batch", StageConfig.batch), values.get("accumulate", 1)
    milestones = values.get("milestones", ())
    if not (fits([batch, accumulate], tuple[int, int]) and min(batch, accumulate) > 0):
        raise ValueError(
            f"batch and accumulate of {what} are {batch!r} and {accumulate!r}; "
            "give whole numbers from 1 on"
        )
    if not fits(milestones, tuple[float, ...]):
        raise ValueError(f"milestones of {what} are {milestones!r}; give a list of numbers")
    step_samples = batch * accumulate
    values["steps"] = max(1, round(epochs * samples / step_samples))
    values["milestones"] = [round(epoch * samples / step_samples) for epoch in milestones]
    return values


def override(values: dict[str, Any], assignments: list[str] | tuple[str, ...]) -> None:
    """Set ``key.key=value`` in nested plain values; a set of the mixture goes by its name.

    The value is TOML (``coarse.steps=10``, ``view.scale=[1.3, 8]``); what is no TOML is a text.
    """
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        *parents, key = (part.strip() for part in path.split("."))
        if not equals or not key:
            raise ValueError(f"got --set {assignment!r}; expected key=value, as coarse.steps=10")
        table: Any = values
        for parent in parents:
            table = _inside(table, parent, assignment)
        if not isinstance(table, dict):
            raise ValueError(f"--set {assignment!r} goes into {parents[-1]!r}, which is no table")
        table[key] = _toml_value(text.strip())


def _inside(table: Any, key: str, assignment: str) -> Any:
    if isinstance(table, list):
        named = [entry for entry in table if isinstance(entry, dict) and entry.get("name") == key]
        if not named:
            names = ", ".join(str(e.get("name")) for e in table if isinstance(e, dict))
            raise ValueError(f"--set {assignment!r}: there is no set {key!r}; sets are {names}")
        return named[0]
    if not isinstance(table, dict):
        raise ValueError(f"--set {assignment!r}: {key!r} is not inside a table of the recipe")
    return table.setdefault(key, {})


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
