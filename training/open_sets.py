"""Make the open sets of the default model from their public repositories.

    python training/open_sets.py DATA [--sets NAME ...] [--clones FOLDER]

Each set becomes DATA/NAME with images/*.webp, labels/*.png and META.txt; of the augmented copies of
an image one is kept. Needs git, and for book_spines pycocotools (extra ``formats``).

Licences are as the repositories state them; nobody else has confirmed them. That of the photographs
of animals_openimages (CC BY 2.0) is not stated there: it is inferred from their file names, which
are those of Open Images.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import binary_fill_holes
from skimage.measure import label
from skimage.segmentation import relabel_sequential

SIDE = 800
"""Longest side of an image in pixels; larger ones are reduced."""
MIN_POINTS = 5
"""Outlines with fewer are boxes or carelessly made: images with such a one are left out."""

ROBOFLOW = "CC BY 4.0, stated in the Roboflow export (README.dataset.txt or _annotations.coco.json)"
MIT = "MIT (LICENSE of the repository)"

Labels = NDArray[np.integer]
"""Shape (H, W): 0, or the id of the object on top."""
Polygon = NDArray[np.float64]
"""Shape (points, 2): x and y in pixels."""
Example = tuple[Image.Image, Labels]


@dataclass(frozen=True)
class Clone:
    """A repository at a commit."""

    folder: Path
    commit: str

    @classmethod
    def of(cls, repository: str, commit: str, folder: Path) -> Clone:
        """Return FOLDER/OWNER+NAME, which is cloned where it does not exist."""
        target = folder / repository.replace("/", "+")
        if not target.is_dir():
            options = ("--quiet", "--filter=blob:none", "--no-checkout")
            failed = f"{repository} cannot be cloned"
            address = f"https://github.com/{repository}"
            git("clone", *options, address, str(target), failed=failed)
            git("-C", str(target), "checkout", "--quiet", commit, failed=failed)
        return cls(target, commit)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """All paths, sorted."""
        listing = self._git("ls-tree", "-r", "-z", "--full-tree", "--name-only", self.commit)
        return tuple(listing.decode(errors="replace").split("\0"))

    def like(self, pattern: str) -> list[str]:
        """Return the paths of a pattern, whose * stands within one folder."""
        paths = (path for path in self.files if path.count("/") == pattern.count("/"))
        return [path for path in paths if fnmatchcase(path, pattern)]

    def read(self, path: str) -> bytes:
        """Return the content of a file."""
        return self._git("show", f"{self.commit}:{path}")

    def image(self, path: str) -> Image.Image:
        """Return an image as it is stored."""
        return Image.open(io.BytesIO(self.read(path)))

    def picture(self, path: str) -> Image.Image:
        """Return an image in RGB."""
        return self.image(path).convert("RGB")

    def _git(self, *arguments: str) -> bytes:
        failed = f"{self.folder} cannot be read at commit {self.commit}"
        return git("-C", str(self.folder), *arguments, failed=failed)


def git(*arguments: str, failed: str) -> bytes:
    """Run git without questions to the user, and return what it writes."""
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, env=environment)
    except FileNotFoundError:
        raise SystemExit("git is missing; install it to get the repositories") from None
    if done.returncode:
        raise SystemExit(f"{failed}: {' '.join(done.stderr.decode(errors='replace').split())}")
    return done.stdout


def coco(clone: Clone, path: str, *, images: str = "", names: str = "") -> Iterator[Example]:
    """Read COCO polygons, of images beside the JSON files or in one folder."""
    annotations: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(clone.like(path), key=lambda file: "test/" in file):
        content = json.loads(clone.read(file))
        folder = PurePosixPath(images or PurePosixPath(file).parent)
        of_image: dict[int, list[dict[str, Any]]] = {}
        for annotation in content["annotations"]:
            of_image.setdefault(annotation["image_id"], []).append(annotation)
        for entry in content["images"]:
            picture_path = str(folder / PurePosixPath(entry["file_name"]).name)
            if entry["id"] in of_image and re.search(names, picture_path):
                annotations.setdefault(picture_path, of_image[entry["id"]])
    annotations = {file: found for file, found in annotations.items() if file in clone.files}
    for file in shuffled(one_variant(annotations, ".rf.")):
        largest_first = sorted(annotations[file], key=lambda found: -float(found["area"]))
        objects = [polygons(found["segmentation"]) for found in largest_first]
        if all(objects):
            picture = clone.picture(file)
            yield picture, drawn(picture.size, objects)


def polygons(segmentation: Any) -> list[Polygon]:
    """Return the polygons of a COCO annotation, none where it has another form or few points."""
    if not isinstance(segmentation, list) or sum(map(len, segmentation)) < 2 * MIN_POINTS:
        return []
    return [np.array(ring, float).reshape(-1, 2) for ring in segmentation if len(ring) >= 6]


def yolo(clone: Clone, path: str, *, densest: bool = False) -> Iterator[Example]:
    """Read images/NAME.jpg with YOLO polygons in labels/NAME.txt, or their densest parts."""
    paths = one_variant(clone.like(path), ".rf.")
    for file in paths if densest else shuffled(paths):
        text = clone.read(file.replace("images/", "labels/").replace(".jpg", ".txt")).decode()
        lines = [line.split()[1:] for line in text.splitlines() if line.strip()]
        if not lines or min(map(len, lines)) < 2 * MIN_POINTS:
            continue
        picture = clone.picture(file)
        outlines = [np.array(line, float).reshape(-1, 2) * picture.size for line in lines]
        labels = drawn(picture.size, [[outline] for outline in outlines])
        if densest:
            window, size = np.array([700, 600]), np.array(picture.size)
            centres = np.array([outline.mean(0) for outline in outlines])
            near = (np.abs(centres[:, None] - centres).max(2) < 300).sum(1)
            start = np.clip(centres[near.argmax()] - window / 2, 0, np.maximum(0, size - window))
            yield cropped(picture, labels, start, start.astype(int) + window)
        else:
            yield picture, labels


def ballscrews(clone: Clone, path: str) -> Iterator[Example]:
    """Read labelme polygons, and cut out a part with the largest damage anywhere in it."""
    for file in shuffled(clone.like(path)):
        shapes = [
            np.array(shape["points"], float) for shape in json.loads(clone.read(file))["shapes"]
        ]
        outlines = [shape for shape in shapes if len(shape) > 2]
        largest = max(outlines, key=lambda outline: float(np.prod(np.ptp(outline, axis=0) + 1)))
        extent = np.ptp(largest, axis=0).max()
        picture_path = f"data/{PurePosixPath(file).stem}.jpg"
        if extent < 50 or picture_path not in clone.files:
            continue
        picture = clone.picture(picture_path)
        labels = drawn(picture.size, [[outline] for outline in outlines])
        half = max(480, min(1200, 4 * extent)) / 2
        generator = random.Random(file)
        shift = np.array([generator.uniform(-0.5, 0.5) for _ in range(2)]) * half * 0.6
        centre = (largest.max(0) + largest.min(0)) / 2 + shift
        yield cropped(picture, labels, centre - half, centre + half)


def coffee(clone: Clone, path: str, *, lesions: bool) -> Iterator[Example]:
    """Read the leaf of every fourth image, or the lesions of the others."""
    for number, file in enumerate(shuffled(clone.like(path))):
        if (number % 4 > 0) != lesions:
            continue
        mask = clone.picture(file.replace("images/", "annotations/").replace(".jpg", "_mask.png"))
        picture = clone.picture(file).resize(mask.size, Image.Resampling.LANCZOS)
        colours = np.array(mask)  # leaves are green, lesions red, all else black
        if lesions:
            pieces = label(colours[..., 0] > 128)
            yield picture, without_small(pieces, max(60, pieces.size // 20000))
        else:
            yield picture, binary_fill_holes(colours.max(2) > 90).astype(np.int32)


def chloroplasts(clone: Clone, path: str) -> Iterator[Example]:
    """Read the quarters of every third section."""
    for file in clone.like(path)[::3]:
        picture = clone.picture(file)
        labels = np.array(clone.image(file.replace("_Images", "_Labels")))
        size = np.array(picture.size)
        for row, column in np.ndindex(2, 2):
            corner = np.array((column, row))
            part, ids = cropped(picture, labels, corner * size // 2, (corner + 1) * size // 2)
            yield part, without_small(ids, 40)


def ecoli(clone: Clone, path: str) -> Iterator[Example]:
    """Read bright field images, and labels under other names."""
    for file in clone.like(path):
        mask = file.replace("brightfield", "binary").replace(".tif", "_Probabilities_filtered.tif")
        values = np.array(clone.image(file))
        low, high = np.percentile(values, [0.1, 99.9])
        gray = (np.clip((values - low) / (high - low + 1e-9), 0, 1) * 255).astype(np.uint8)
        yield Image.fromarray(gray), np.array(clone.image(mask))


def run_lengths(clone: Clone, path: str) -> Iterator[Example]:
    """Read COCO run lengths, of each image in a file of its own."""
    try:
        from pycocotools.mask import decode
    except ModuleNotFoundError:
        raise SystemExit("book_spines needs pycocotools; run: pip install pycocotools") from None
    for file in one_variant(clone.like(path), "_rf_"):
        picture = clone.picture(file.replace(".json", ".jpg"))
        labels = np.zeros(picture.size[::-1], np.int32)
        found = json.loads(clone.read(file))["annotations"]
        for number, annotation in enumerate(sorted(found, key=lambda one: -one["area"]), 1):
            labels[decode(annotation["segmentation"]) > 0] = number
        yield picture, labels


def one_variant(paths: Iterable[str], mark: str) -> list[str]:
    """Return the first of the augmented copies of each image, whose common name the mark ends."""
    first: dict[str, str] = {}
    for path in paths:
        first.setdefault(PurePosixPath(path).name.split(mark)[0], path)
    return list(first.values())


def shuffled(paths: list[str]) -> list[str]:
    """Return the paths in an order that is the same each time."""
    order = list(paths)
    random.Random(0).shuffle(order)
    return order


def drawn(size: tuple[int, int], objects: Sequence[Sequence[Polygon]]) -> Labels:
    """Return labels of objects of one or more polygons, later ones on top."""
    canvas = Image.new("I", size, 0)
    draw = ImageDraw.Draw(canvas)
    for number, rings in enumerate(objects, 1):
        for ring in rings:
            draw.polygon(ring.ravel().tolist(), fill=number)
    return np.array(canvas)


def cropped(picture: Image.Image, labels: Labels, start: Polygon, end: Polygon) -> Example:
    """Return the part between two points that lies inside the image."""
    left, top = np.maximum(0, start).astype(int).tolist()
    right, bottom = np.minimum(picture.size, end).astype(int).tolist()
    return picture.crop((left, top, right, bottom)), labels[top:bottom, left:right]


def without_small(labels: Labels, least: int) -> Labels:
    """Return labels without objects of fewer pixels."""
    return np.where(np.bincount(labels.ravel())[labels] < least, 0, labels)


def reduced(picture: Image.Image, labels: Labels) -> Example:
    """Return an image of at most ``SIDE`` pixels, its labels with the ids 1, 2 ..."""
    scale = SIDE / max(picture.size)
    if scale < 1:
        size = (round(picture.width * scale), round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        canvas = Image.fromarray(labels.astype(np.int32))
        labels = np.array(canvas.resize(size, Image.Resampling.NEAREST))
    labels = relabel_sequential(labels)[0]
    return picture, labels.astype(np.uint8 if labels.max() < 256 else np.uint16)


@dataclass(frozen=True)
class Source:
    """A set, and where it comes from."""

    name: str
    origin: str
    """OWNER/NAME@COMMIT on GitHub."""
    path: str
    """The files that the reader begins with."""
    reader: Callable[[Clone, str], Iterator[Example]]
    shown: str
    caveats: str
    licence: str
    limit: int | None = None
    """Images at most."""

    def write(self, data: Path, clones: Path) -> str:
        """Write the set and return its size in words."""
        repository, commit = self.origin.split("@")
        images, labels = (data / self.name / part for part in ("images", "labels"))
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(exist_ok=True)
        examples = self.reader(Clone.of(repository, commit, clones), self.path)
        small = (reduced(*example) for example in examples)
        counts: list[int] = []
        for picture, ids in islice((one for one in small if one[1].any()), self.limit):
            stem = f"{self.name}_{len(counts):04d}"
            picture.save(images / f"{stem}.webp", quality=92, method=3)
            Image.fromarray(ids).save(labels / f"{stem}.png", optimize=True)
            counts.append(int(ids.max()))
        about = (
            f"repository: https://github.com/{repository}\ncommit: {commit}\npath: {self.path}\n"
            f"licence: {self.licence}\nshown: {self.shown}\n"
            f"images: {len(counts)}\nobjects: {sum(counts)}\ncaveats: {self.caveats}\n"
        )
        (data / self.name / "META.txt").write_text(about, encoding="utf-8")
        return f"{self.name}: {len(counts)} images, {sum(counts)} objects"


COFFEE = "esgario/lara2018@a6c38b693094c2c4da4b82029fc8be7058506a16"
COCO = "*/_annotations.coco.json"
SOURCES = (
    Source(
        "embryos",
        "risingmin/embryo_model_train@b78a6c5f03c41a25b12598faac89f01e0ae203d5",
        f"data/{COCO}",
        coco,
        "dark-field micrographs of insect (Drosophila-like) embryos that touch",
        "nobody but the uploader can be seen as author, not verified further; some frames show "
        "the same scene moved or brightened",
        ROBOFLOW,
    ),
    Source(
        "chloroplast_em",
        "ajbrookhouse/WSU_PlantBio_ML@45f72c37bcfe553048f92391e2c8689198bd2af7",
        "ExampleData/Seperated_Images/*.tif",
        chloroplasts,
        "block-face electron micrographs of plant leaf tissue, each chloroplast",
        "sections of one volume, so they resemble each other; only chloroplasts are labelled",
        MIT,
    ),
    Source(
        "ecoli_brightfield",
        "Jhsmit/ColiCoords@6c59e5cc827955321dbc705373ac534589783907",
        "test/test_data/*/brightfield/*.tif",
        ecoli,
        "bright field micrographs of E. coli",
        "masks are filtered ilastik output of the authors; cells that touch or lie on the border "
        "are not labelled; few cells an image",
        MIT,
    ),
    Source(
        "animals_openimages",
        "KomaHomu/Applying-Mask-RCNN-in-endangered-animals-detection"
        "@609dc5553c744a77dca2dfd3eb433cb4ad02042d",
        f"dataset/{COCO}",
        partial(coco, names=r"/(?=\d*[a-f])[0-9a-f]{16}_jpg"),
        "photographs of animals: bear, deer, elephant, otter, monkey, tiger, turtle",
        "only files whose name is an Open Images id are kept (the others are from COCO and the "
        "web); authors of the photographs not listed; some animals of a group missing",
        "CC BY 4.0 for the annotations (_annotations.coco.json, Roboflow); photographs: CC BY 2.0, "
        "as Open Images lists its own, INFERRED FROM THE FILE NAMES and not stated",
    ),
    Source(
        "kuih_food",
        "Alobster49/KuihCaloriesEstimation@f2823188581dd7c895826b165ce5413c0c290d96",
        "*/images/*.jpg",
        yolo,
        "photographs of Malaysian kuih (cakes) on plates, each piece",
        "photographs evidently made by the uploader (same kitchen and plates); some images rotated "
        "by augmentation (black corners)",
        ROBOFLOW,
        300,
    ),
    Source(
        "mandarins",
        "prel2014/Mandarina@bf12ee48476dd7063528d94237353e88d0051204",
        "dataset/*/via_region_data.json",
        coco,
        "photographs of mandarins",
        "the origin of the photographs is not stated; most have names as given by Facebook and "
        "WhatsApp, a few such as web pages have",
        MIT + ", which came with the code of Mask R-CNN",
    ),
    Source(
        "book_spines",
        "DiKe2004/sam2-finetune-segmentation@d8bb40f5d4f45714449b964d4d28395ca3de8bc7",
        "dataset/*/*.json",
        run_lengths,
        "photographs of library shelves, each book spine",
        "photographs evidently made by the uploader (one library); books of other shelves in the "
        "background are not labelled",
        ROBOFLOW,
    ),
    Source(
        "plants_amp",
        "nolanplatt/AMPGCV@52848b69bad4c6255e4cde80ce195774aa594253",
        COCO,
        coco,
        "photographs of pepper-like plants in a hydroponic tower, each plant",
        "photographs evidently made by the team (its own tower)",
        ROBOFLOW,
    ),
    Source(
        "strawberry_parts",
        "RabindraManandhar/Mask_RCNN@304307ffda85ca70d7ba2e21bad9e9444d9975d8",
        f"data/{COCO}",
        coco,
        "photographs of strawberry plants: flowers, fruit, leaves",
        "origin of the photographs not verified; strong magenta colours, some rotated with black "
        "corners",
        ROBOFLOW,
    ),
    Source(
        "mushroom_beds",
        "tomsains/SegMush@78bc16de1c83846e6e4324d8bb2e2c7e58f971da",
        f"data/{COCO}",
        coco,
        "photographs from above of mushroom growing beds, each mushroom",
        "images collected by the uploader",
        ROBOFLOW,
    ),
    Source(
        "bottles",
        "aarushnarayanan/CRYSTL@1b21cfa0355209a6732146f7e2055a4d2226cf6a",
        COCO,
        coco,
        "photographs of four drink bottles on a desk, body and cap separate where labelled",
        "little variety; photographs evidently made by the uploader",
        ROBOFLOW,
    ),
    Source(
        "nuts",
        "Tony607/mmdetection_instance_segmentation_demo@df8f8d10fb34103a21834bf6386d4101a9b9fe3e",
        "data/trainval.json",
        partial(coco, images="data/images"),
        "photographs of nuts and dried fruit (date, fig, hazelnut)",
        "photographs and labels by the author of the repository, for his tutorial; wrapped sweets "
        "lie between the fruit and are not labelled",
        MIT,
    ),
    Source(
        "screws",
        "3bsalam-1/Screw-Detector@3898455b154f043928a543c4ece2350daaf76559",
        "data/raw/*/images/*.jpg",
        partial(yolo, densest=True),
        "photographs of bolts, nuts and washers on a table",
        "cut out round the densest part; only images where every object has a polygon",
        "MIT, stated in data/README.dataset.txt and LICENSE; data made by the team",
    ),
    Source(
        "coffee_leaf",
        COFFEE,
        "segmentation/dataset/images/*/*.jpg",
        partial(coffee, lesions=False),
        "photographs of coffee leaves on white, the whole leaf",
        'images taken by the authors (README: "our images")',
        MIT,
        100,
    ),
    Source(
        "coffee_lesions",
        COFFEE,
        "segmentation/dataset/images/*/*.jpg",
        partial(coffee, lesions=True),
        "photographs of coffee leaves, each connected lesion (rust, miner ...)",
        'images taken by the authors (README: "our images"); very small lesions removed; other '
        "images than in coffee_leaf",
        MIT,
        200,
    ),
    Source(
        "ballscrew_pitting",
        "2Obe/BSData@7204b28a621733c01cd75899ed9ea27f6ea0b9e3",
        "label/*.json",
        ballscrews,
        "photographs of ball screws, cut out round a pitting (surface damage), each pitting",
        "few machines, long time series: images resemble each other; outlines zigzag in places",
        "CC BY-SA 4.0 (LICENSE of the repository)",
        120,
    ),
)


def main() -> None:
    """Run from the command line."""
    sources = {source.name: source for source in SOURCES}
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--sets", nargs="+", choices=sources, default=tuple(sources), metavar="NAME"
    )
    parser.add_argument(
        "--clones",
        type=Path,
        metavar="FOLDER",
        help="use the clones FOLDER/OWNER+NAME; those that are missing are made and stay there",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.sets:
            written = sources[name].write(options.data, options.clones or Path(scratch))
            print(written, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
