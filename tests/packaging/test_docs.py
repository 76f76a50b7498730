"""What the pages promise is there: files they link to, commands they name."""

import re
from pathlib import Path

import pytest

import napari_iafpn
from napari_iafpn.cli.app import app

SOURCE = Path(napari_iafpn.__file__).parents[2]
PAGES = [
    SOURCE / "README.md",
    *(SOURCE / "docs").glob("*.md"),
    *(SOURCE / "training").glob("*.md"),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_linked_files_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).is_file()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_commands_exist(page: Path) -> None:
    named = re.findall(r"(?:^ {4}|`)napari-iafpn (\w+)", page.read_text(encoding="utf-8"), re.M)
    commands = {
        command.callback.__name__ for command in app.registered_commands if command.callback
    }
    assert set(named) <= commands


def test_the_report_shows_no_images_of_the_sets() -> None:
    """Not all of their licences allow it."""
    report = SOURCE / "docs" / "evaluation-default" / "report.html"
    assert "image/jpeg" not in report.read_text(encoding="utf-8")
