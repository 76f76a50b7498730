"""The conda package needs what the wheel needs."""

import tomllib
from pathlib import Path

import yaml

SOURCE = Path(__file__).parents[2]
NAMES = {"dask[array]": "dask", "matplotlib": "matplotlib-base", "torch": "pytorch"}
"""Packages that conda-forge calls otherwise."""


def as_conda(requirement: str) -> str:
    name, bound = requirement.split(">=")
    return f"{NAMES.get(name, name)} >={bound}"


def test_version_and_requirements_are_those_of_the_wheel() -> None:
    everything = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))
    project = everything["project"]
    recipe = yaml.safe_load((SOURCE / "recipe" / "recipe.yaml").read_text(encoding="utf-8"))
    assert recipe["context"]["version"] == project["version"]
    assert recipe["about"]["summary"] == project["description"]
    python = f"python {project['requires-python']}"
    requirements = recipe["requirements"]
    assert requirements["run"] == [python, *map(as_conda, project["dependencies"])]
    tools = map(as_conda, everything["build-system"]["requires"])
    assert requirements["host"] == [python, "pip", *tools]
    (script,) = (f"{name} = {path}" for name, path in project["scripts"].items())
    assert recipe["build"]["python"]["entry_points"] == [script]
