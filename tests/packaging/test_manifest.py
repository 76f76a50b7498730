"""The manifest is valid and everything that it names exists."""

from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManifest

import napari_iafpn
from napari_iafpn.plugin.samples import SAMPLES, SLIDE, STACK

FILE = Path(napari_iafpn.__file__).parent / "napari.yaml"
MANIFEST = PluginManifest.from_file(FILE)
COMMANDS = {command.id: command.python_name for command in MANIFEST.contributions.commands or []}


def resolve(python_name: str) -> object:
    module, name = python_name.split(":")
    return getattr(import_module(module), name)


def test_napari_finds_the_manifest() -> None:
    (entry,) = {e.value for e in entry_points(group="napari.manifest", name="napari-iafpn")}
    assert entry == "napari_iafpn:napari.yaml"
    assert PluginManifest.from_distribution("napari-iafpn").display_name == MANIFEST.display_name


def test_the_link_at_the_top_is_the_manifest() -> None:
    assert (FILE.parents[2] / "napari.yaml").read_text() == FILE.read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_exists(command: str) -> None:
    python_name = COMMANDS[command]
    assert python_name is not None
    assert callable(resolve(python_name))


def test_every_contribution_names_a_command() -> None:
    contributions = MANIFEST.contributions
    named = [
        *(contributions.widgets or []),
        *(contributions.sample_data or []),
        *(contributions.writers or []),
    ]
    assert named
    assert {contribution.command for contribution in named} <= set(COMMANDS)


def test_the_menu_has_all_samples_under_their_titles() -> None:
    menu = {sample.key: sample.display_name for sample in MANIFEST.contributions.sample_data or []}
    planes = {key: sample.title for key, sample in SAMPLES.items()}
    assert menu == {**planes, "brain": STACK, "slide": SLIDE}


@pytest.mark.parametrize("key", SAMPLES)
def test_a_sample_opens_as_an_image_layer(key: str) -> None:
    open_sample = resolve(f"napari_iafpn.plugin.samples:open_{key}")
    ((data, options, kind),) = open_sample()
    assert kind == "image"
    assert options == {"name": SAMPLES[key].title, "rgb": data.ndim == 3}
    assert data.dtype == np.uint8
