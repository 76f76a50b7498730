"""What crashes, damage, second windows and full disks cost: nothing beyond the last operation.

    python benchmarks/crashes.py --kills 100 --flips 400 --doubles 50 --full 20

A script of operations (clicks, commits, undo, redo, a threshold that is dragged) is annotated
without a window. *Kills*: a process that annotates is killed at a random moment, every tenth one
with labels of 180 MB that hold something at the start; what it had told to be done must be in its
journal but for the last operation, and the rest is annotated from there. *Flips*: one bit of a
journal is flipped; it must be told, no label may be other than it was, and at most the operation of
its line may be missing (two where a line's end is hit). *Doubles*: two windows take the same
session over, at once or one behind the other; the second must be refused, or have what the first
one did. *Full disks*: a file may not grow beyond a random size; what is not saved must be told, and
be written as soon as there is room. Exits with 1 where any of it is not so.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.masks import BoxedMask
from napari_iafpn.prompts import Click
from napari_iafpn.sessions import (
    Commit,
    DisplaySettings,
    Document,
    ObjectChange,
    ObjectStats,
    PlaneKey,
    Step,
)
from napari_iafpn.sessions.actions import commit_step
from napari_iafpn.sessions.document import DO, REDO, UNDO
from napari_iafpn.sessions.journal import JournalWriter
from napari_iafpn.sessions.lines import LineFile, lines_of
from napari_iafpn.sessions.locking import InUseError
from napari_iafpn.sessions.provenance import ImageProvenance, LabelsProvenance, content_entries
from napari_iafpn.sessions.reading import ArrayLabels, Session, read_session

SHAPE = (60, 80)
LARGE = (45, 1000, 1000)
"""180 MB in int32."""
OPERATIONS = 120
WAIT = 60.0
PLANE = PlaneKey("image", (0, 1))


class Labels(ArrayLabels):
    """Labels whose first plane is annotated."""

    id, name = "labels", "Objects"


class Sitting:
    """A document, its labels and its journal."""

    def __init__(self, document: Document, labels: Labels, writer: JournalWriter) -> None:
        self.document = Document(lambda _: labels, writer.record)
        self.document.take_over(document)
        self.labels, self.writer = labels, writer
        self.plane = PLANE if labels.data.ndim == 2 else PlaneKey("image", (1, 2), (0,))

    @classmethod
    def begin(cls, path: Path, told: Callable[[str], None], start: NDArray[np.int32]) -> Sitting:
        """Begin a session with labels that hold something or nothing."""
        labels, writer = Labels(start.copy()), JournalWriter(path, told)
        pixels = np.zeros(start.shape, np.uint8)
        image = ImageProvenance.of("image", "cells", "", pixels, rgb=False)
        about = LabelsProvenance.of("labels", "Objects", "image", start)
        writer.append(lambda: {"entry": "image", **vars(image)})
        writer.append(lambda: {"entry": "labels", **vars(about)})
        writer.append_slowly(content_entries("labels", start))
        return cls(Document(lambda _: labels), labels, writer)

    @classmethod
    def go_on(cls, path: Path, told: Callable[[str], None]) -> Sitting:
        """Take a session over: first the right to write it."""
        file = LineFile(path, told)
        file.open()
        session = read_session(path)
        labels = Labels(session.labels_of("labels").data)
        return cls(session.document, labels, JournalWriter(path, told, file=file))

    def operate(self, number: int) -> None:
        """Do the operation of a number; each is one step of the document."""
        kind, place = number % 6, number // 6
        now = self.document[self.plane]
        row, col = 5 + 10 * (place % 5), 5 + 6 * (place // 5)
        if kind in (0, 1):
            click = Click(row + kind, col, positive=not kind)
            self._change("click", replace(now, clicks=now.clicks.add(click)))
        elif kind == 2:
            self._change("threshold", replace(now, threshold=0.3 + 0.01 * place))
        elif kind == 3:
            self._commit(row, col, place + 1)
        elif kind == 4:
            self.document.undo()
        else:
            self.document.redo()

    def state(self) -> tuple[object, ...]:
        """Return what must be the same again."""
        objects = self.document.objects.values()
        return (
            self.labels.data.tobytes(),
            sorted(self.document.facts.items()),
            [(now.clicks, now.threshold, now.hand) for now in objects],
            [step.kind for step in self.document.steps],
        )

    def _change(self, kind: str, after: object) -> None:
        change = ObjectChange(self.plane, self.document[self.plane], after)
        self.document.do(Step(kind, self.plane, (change,)))

    def _commit(self, row: int, col: int, label: int) -> None:
        mask = np.zeros(self.plane.shape_in(self.labels.data.shape), bool)
        mask[row - 2 : row + 3, col - 2 : col + 3] = True
        change = ObjectChange(self.plane, self.document[self.plane], self.document.next_object())
        commit = Commit("labels", label + 1000, "overwrite", "", DisplaySettings((0.0, 255.0)))
        boxed = BoxedMask.of(mask)
        assert boxed is not None
        self.document.do(
            commit_step(
                change, self.labels, boxed, commit, self.document.facts, ObjectStats(clicks=2)
            )
        )


def done_in(session: Session) -> int:
    """Return how many operations a session holds: it is one entry each, behind the heads."""
    entries = (line.entry or {} for line in lines_of(session.path))
    return sum(entry.get("entry") in (DO, UNDO, REDO) for entry in entries)


def start_of(*, large: bool) -> NDArray[np.int32]:
    """Return labels before the first object."""
    if not large:
        return np.zeros(SHAPE, np.int32)
    rng = np.random.default_rng(0)
    return np.repeat(rng.integers(1, 999, (45, 1000, 100), np.int32), 10, axis=2)


def states(start: NDArray[np.int32], folder: Path) -> list[tuple[object, ...]]:
    """Return the state after each operation."""
    sitting = Sitting.begin(folder / "states.iafpn.jsonl", print, start)
    found = [sitting.state()]
    for number in range(OPERATIONS):
        sitting.operate(number)
        found.append(sitting.state())
    sitting.writer.close(WAIT)
    return found


def annotate(path: str, large: str, pause: str) -> None:
    """Be the process that is killed: say what is done, operation by operation."""
    sitting = Sitting.begin(Path(path), print, start_of(large=large == "1"))
    for number in range(OPERATIONS):
        sitting.operate(number)
        print(number + 1, flush=True)
        time.sleep(float(pause))  # a hand is slower than the disk
    sitting.writer.close(WAIT)


def kill(count: int, folder: Path, rng: np.random.Generator) -> list[str]:
    """Kill processes; return what went wrong."""
    wrong, lost = [], {False: [], True: []}
    small = states(start_of(large=False), folder)
    for attempt in range(count):
        large, path = attempt % 10 == 9, folder / f"kill {attempt}.iafpn.jsonl"
        pause = 0.15 if large else 0.02
        child = subprocess.Popen(
            [sys.executable, __file__, "--annotate", str(path), str(int(large)), str(pause)],
            stdout=subprocess.PIPE,
            text=True,
        )
        told, stop = 0, int(rng.integers(1, 30 if large else OPERATIONS))
        assert child.stdout is not None
        for line in child.stdout:
            told = int(line)
            if told >= stop:
                break
        time.sleep(float(rng.uniform(0, pause)))
        child.kill()
        told = max([told, *map(int, child.stdout.read().split())])
        child.wait()
        child.stdout.close()
        session = read_session(path)
        done = done_in(session)
        lost[large].append(told - done)
        if told - done > 1:
            wrong.append(f"kill {attempt}: {told} operations were done, {done} are there")
        if large and session.labels:
            begun, start = start_of(large=True), session.start_of("labels")
            if ((start != begun) & (start != 0)).any():
                wrong.append(f"kill {attempt}: labels are others at the start")
            if (start != begun).any() and not session.damage:
                wrong.append(f"kill {attempt}: labels are missing, and nobody is told")
        if not large and session.labels:  # else it was killed within its first operation
            wrong += _rest(path, done, small, f"kill {attempt}")
        path.unlink()
    for large, losses in lost.items():
        if losses:
            name = "180 MB of labels" if large else "small labels"
            print(
                f"  {len(losses)} with {name}: lost {max(losses)} operation(s) at most, "
                f"{sum(loss > 0 for loss in losses)} time(s)"
            )
    return wrong


def _rest(path: Path, done: int, expected: list[tuple[object, ...]], name: str) -> list[str]:
    """Finish what was begun; what comes of it must be what comes without a kill."""
    sitting = Sitting.go_on(path, print)
    wrong = [] if sitting.state() == expected[done] else [f"{name}: another state"]
    for number in range(done, OPERATIONS):
        sitting.operate(number)
    sitting.writer.close(WAIT)
    again = read_session(path)
    if not np.array_equal(again.labels_of("labels").data, sitting.labels.data):
        wrong.append(f"{name}: the journal that goes on has other labels")
    if sitting.state() != expected[-1]:
        wrong.append(f"{name}: another end")
    return wrong


def flip(count: int, folder: Path, rng: np.random.Generator) -> list[str]:
    """Flip bits; return what went wrong."""
    wrong, missing = [], 0
    path = folder / "flip.iafpn.jsonl"
    sitting = Sitting.begin(path, print, start_of(large=False))
    for number in range(OPERATIONS):
        sitting.operate(number)
    sitting.writer.close(WAIT)
    whole, objects = path.read_bytes(), len(sitting.document.facts)
    for place in rng.integers(0, 8 * len(whole), count):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        session = read_session(path)
        labels, name = session.labels_of("labels").data, f"bit {place}"
        if not session.damage:
            wrong.append(f"{name}: nobody is told")
        if ((labels != sitting.labels.data) & (labels != 0)).any():
            wrong.append(f"{name}: labels are others")
        gone = objects - len(session.document.facts)
        missing += gone
        if gone > 1:
            wrong.append(f"{name}: {gone} objects are missing")
        known = dict(sitting.document.facts)
        if any(known.get(key) != facts for key, facts in session.document.facts.items()):
            wrong.append(f"{name}: facts are others")
        # A later sitting keeps all that is there.
        again = Sitting.go_on(path, print)
        again.operate(0)
        again.writer.close(WAIT)
        if not path.read_bytes().startswith(flipped):
            wrong.append(f"{name}: something was cut off")
    print(f"  {count} flipped: {missing} objects of {count * objects} missing")
    return wrong


def _take_over(path: str, delay: float, ready: object, told: object, operations: range) -> None:
    """Be a window that takes a session over."""
    ready.wait()
    time.sleep(delay)
    try:
        sitting = Sitting.go_on(Path(path), print)
    except InUseError:
        told.put((os.getpid(), None))
        return
    for number in operations:
        sitting.operate(number)
        time.sleep(0.01)
    sitting.writer.close(WAIT)
    told.put((os.getpid(), len(sitting.document.facts)))


def double(count: int, folder: Path, rng: np.random.Generator) -> list[str]:
    """Let two windows take a session over; return what went wrong."""
    wrong, refused = [], 0
    context = multiprocessing.get_context("fork")
    for attempt in range(count):
        path = folder / f"double {attempt}.iafpn.jsonl"
        sitting = Sitting.begin(path, print, start_of(large=False))
        for number in range(24):
            sitting.operate(number)
        sitting.writer.close(WAIT)
        before = path.read_bytes()
        ready, told = context.Event(), context.Queue()
        later = float(rng.uniform(0, 2)) if attempt % 2 else 0.0
        windows = [
            context.Process(target=_take_over, args=(str(path), delay, ready, told, operations))
            for delay, operations in ((0.0, range(24, 48)), (later, range(48, 72)))
        ]
        for window in windows:
            window.start()
        ready.set()
        results = [told.get(timeout=WAIT) for _ in windows]
        for window in windows:
            window.join()
        refused += sum(objects is None for _, objects in results)
        session = read_session(path)
        committed = 4 + 4 * sum(objects is not None for _, objects in results)
        if session.damage or not path.read_bytes().startswith(before):
            wrong.append(f"double {attempt}: {session.damage or 'the start was changed'}")
        if len(session.document.facts) != committed:
            wrong.append(
                f"double {attempt}: {len(session.document.facts)} objects of {committed} are there"
            )
    print(f"  {count} sessions opened twice: {refused} refused, the others had what the first did")
    return wrong


def fill(count: int, folder: Path, rng: np.random.Generator) -> list[str]:
    """Let files not grow any more; return what went wrong."""
    wrong, unsaved = [], 0
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    for attempt in range(count):
        path, told = folder / f"full {attempt}.iafpn.jsonl", []
        sitting = Sitting.begin(path, told.append, start_of(large=False))
        sitting.writer.flush(WAIT)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(rng.integers(900, 25_000)), most))
        for number in range(OPERATIONS):
            sitting.operate(number)
        written, waiting = sitting.writer.close(WAIT), sitting.writer.waiting
        read_session(path)  # whole lines only
        unsaved += waiting
        if not written and not (told and waiting and sitting.writer.trouble):
            wrong.append(f"full {attempt}: something is not saved, and nobody is told")
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        end = time.monotonic() + WAIT
        while sitting.writer.waiting and time.monotonic() < end:
            time.sleep(0.05)
        session = read_session(path)
        if session.damage:
            wrong.append(f"full {attempt}: {session.damage}")
        if not np.array_equal(session.labels_of("labels").data, sitting.labels.data):
            wrong.append(f"full {attempt}: objects are missing")
    print(f"  {count} full disks: {unsaved} entries waited")
    return wrong


def main() -> int:
    """Print what went wrong, and the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    tries = {
        "kills": (100, kill),
        "flips": (400, flip),
        "doubles": (50, double),
        "full": (20, fill),
    }
    for name, (default, _) in tries.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--annotate", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.annotate:
        annotate(*options.annotate)
        return 0
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (_, work) in tries.items():
            count, begun = getattr(options, name), time.monotonic()
            print(f"{name}: {count}", flush=True)
            wrong += work(count, Path(folder), np.random.default_rng(options.seed)) if count else []
            print(f"  {time.monotonic() - begun:.0f} s", flush=True)
    print("\n".join(wrong) or "nothing is lost beyond the last operation, nothing unnoticed")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
