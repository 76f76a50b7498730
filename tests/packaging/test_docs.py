"""What the pages promise is there: files they link to, commands they name."""

import ast
import re
from pathlib import Path

import pytest

from napari_iafpn.cli.app import app

SOURCE = Path(__file__).parents[2]
PAGES = [
    SOURCE / "README.md",
    *(SOURCE / "docs").glob("*.md"),
    *(SOURCE / "training").glob("*.md"),
]
PAGES_OF_THE_WINDOW = [
    "first_minute.md",
    "tutorials.md",
    "usage.md",
    "finding.md",
    "learning.md",
    "sessions.md",
    "export.md",
    "train_on_your_data.md",
    "troubleshooting.md",
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


WORDS_OF_OTHERS = {
    "Install",
    "Render Images Asynchronously",
    "Simple Segmentation",
    "Security > Report a vulnerability",
}


def test_named_buttons_exist() -> None:
    """The few words that stand in single asterisks, with a capital, are texts of the window."""
    package = SOURCE / "src" / "napari_iafpn"
    constants = [
        node.value
        for path in (package / "plugin").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    texts = "\n".join([*constants, (package / "napari.yaml").read_text(encoding="utf-8")])
    pages = [SOURCE / "README.md", *(SOURCE / "docs" / name for name in PAGES_OF_THE_WINDOW)]
    named = {
        " ".join(name.split())
        for page in pages
        for name in re.findall(r"(?<![*\w])\*([A-Z][^*]+?)…?\*(?![*\w])", page.read_text("utf-8"))
        if "_" not in name and len(name.split()) <= 5 and not name.startswith("Objects of")
    }
    assert len(named) > 30
    assert {name for name in named - WORDS_OF_OTHERS if name not in texts} == set()
