"""A built wheel works on its own, away from the source tree."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import tifffile

SOURCE = Path(__file__).parents[2]
MEGABYTE = 2**20


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", folder, SOURCE)
    run(sys.executable, *build, cwd=folder)
    (path,) = folder.glob("napari_iafpn-*.whl")
    return path


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel; the dependencies are borrowed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    scheme = {"base": str(folder), "platbase": str(folder)}
    bin_folder = Path(sysconfig.get_path("scripts", "venv", scheme))
    pip = ("-m", "pip", "--python", bin_folder / "python", "install", "--no-deps", "--quiet")
    run(sys.executable, *pip, wheel, cwd=folder)
    site = Path(sysconfig.get_path("purelib", "venv", scheme))
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "borrowed.pth").write_text("\n".join(sorted(borrowed)), encoding="utf-8")
    return bin_folder


def test_the_wheel_carries_what_the_package_needs(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        size = sum(item.file_size for item in archive.infolist() if "/weights/" in item.filename)
    package = SOURCE / "src" / "napari_iafpn"
    data = [
        package / "napari.yaml",
        package / "py.typed",
        *(package / "plugin" / "sample_images").iterdir(),
        *(package / "networks" / "weights").iterdir(),
    ]
    assert {str(path.relative_to(package.parent).as_posix()) for path in data} <= names
    assert "napari_iafpn/networks/weights/default.safetensors" in names
    assert size <= 20 * MEGABYTE
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_its_page_links_from_anywhere(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("dist-info/METADATA"))
        page = archive.read(name).decode()
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert len(links) > 20
    assert all(link.startswith("https://") for link in links)
    assert "](https://raw.githubusercontent.com/" in page


def test_the_installed_wheel_segments(programs: Path, tmp_path: Path) -> None:
    where = run(
        programs / "python", "-c", "import napari_iafpn; print(napari_iafpn.__file__)", cwd=tmp_path
    )
    assert SOURCE not in Path(where.strip()).parents

    assert "default" in run(programs / "napari-iafpn", "models", cwd=tmp_path)

    rows, cols = np.ogrid[:200, :240]
    disk = (rows - 100) ** 2 + (cols - 120) ** 2 < 40**2
    tifffile.imwrite(tmp_path / "disk.tif", (disk * 180 + 20).astype(np.uint8))
    arguments = ("disk.tif", "--click", "100,120", "--output", "mask.tif")
    run(programs / "napari-iafpn", "segment", *arguments, cwd=tmp_path)
    mask = tifffile.imread(tmp_path / "mask.tif") > 0
    assert (mask & disk).sum() / (mask | disk).sum() > 0.8
