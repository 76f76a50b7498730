"""What a maintainer runs once in a while works when it is needed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "recipe").mkdir()
    for name in ("scripts/release", "pyproject.toml", "recipe/recipe.yaml"):
        shutil.copy(SOURCE / name, tmp_path / name)
    changes = "# Changelog\n\n## 9.8.7 (not released yet)\n\n- Boxes.\n\n## 0.1.0 (2025-01-02)\n"
    (tmp_path / "CHANGELOG.md").write_text(changes)
    return tmp_path


def release(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "scripts" / "release"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_release_sets_the_version_and_dates_its_changes(copy: Path) -> None:
    before = (copy / "pyproject.toml").read_text()
    assert release(copy, "--check", "v9.8.7").returncode == 1
    assert release(copy, "9.8.7").returncode == 0
    assert release(copy, "--check", "v9.8.7").returncode == 0
    after = (copy / "pyproject.toml").read_text()
    assert 'version = "9.8.7"' in after
    assert len(after.splitlines()) == len(before.splitlines())
    assert '  version: "9.8.7"\n' in (copy / "recipe" / "recipe.yaml").read_text()
    changes = (copy / "CHANGELOG.md").read_text()
    assert "not released" not in changes
    assert "## 0.1.0 (2025-01-02)" in changes


@pytest.mark.parametrize("version", ["1.0", "next", "9.8.8"])
def test_what_is_no_release_changes_nothing(copy: Path, version: str) -> None:
    before = (copy / "pyproject.toml").read_text(), (copy / "CHANGELOG.md").read_text()
    refused = release(copy, version)
    assert refused.returncode == 1
    assert version in refused.stderr
    assert before == ((copy / "pyproject.toml").read_text(), (copy / "CHANGELOG.md").read_text())


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-qW", "--keep-going", "docs", str(tmp_path)]
    built = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    reference = (tmp_path / "api" / "inference.html").read_text(encoding="utf-8")
    assert 'id="napari_iafpn.Predictor.predict"' in reference


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("github-workflows", ".github/workflows/*.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
        ("dependabot", ".github/dependabot.yml"),
        ("citation-file-format", "CITATION.cff"),
    ],
)
def test_files_are_what_their_host_expects(schema: str, pattern: str) -> None:
    files = [str(path) for path in SOURCE.glob(pattern)]
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    checked = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
