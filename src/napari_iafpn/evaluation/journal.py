"""The file of finished objects: what is in it survives a crash, and the same command goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from napari_iafpn.evaluation.results import Problem
from napari_iafpn.networks.tables import plain, read_table
from napari_iafpn.sessions.lines import Line, LineFile, lines_of, sealed
from napari_iafpn.sessions.locking import InUseError, lock_file

JOURNAL = "results.jsonl"
FORMAT = 1
HEADER = b'{"format"'
SYNC_SECONDS = 1.0


R = TypeVar("R")


class Journal(Generic[R]):
    """One JSON line that says what is evaluated, then one per finished object or problem.

    Lines are written whole, by one process, and flushed to the disk about once a second. Each has
    a checksum; what is damaged is left where it is, told, and computed again.

    Parameters
    ----------
    folder : Path
        Created if need be; new results go only into an empty one.
    header : mapping of plain data
        What decides the results, in groups: ``{group: {option: value}}``. An earlier run in
        the folder must have the same.
    started : str
        When the evaluation began; an earlier run's is kept.
    result_type : type
        Of what is finished: a dataclass that JSON can hold.

    Attributes
    ----------
    finished : tuple of results
        What an earlier run left. Its problems are not kept: the images may have been repaired.
    started : str
    notes : list of str
        What was damaged, or changed by another program.

    Raises
    ------
    ValueError
        Where the folder is in use for something else, by another evaluation, or for one with
        other options.
    OSError
        Where it cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        header: Mapping[str, Mapping[str, Any]],
        started: str,
        result_type: type[R],
    ) -> None:
        _claim(folder)
        self.notes: list[str] = []
        self._type = result_type
        self._file = LineFile(folder / JOURNAL, self.notes.append)
        try:
            self._file.open()
        except InUseError as error:
            raise ValueError(
                f"another evaluation is writing into {folder}; wait until it is over, or choose "
                "another folder"
            ) from error
        try:
            # As it comes back from the file: tuples are lists there.
            self._begin(folder, json.loads(json.dumps(header)), started)
        except BaseException:
            self._file.close()
            raise

    @property
    def path(self) -> Path:
        """Where the results are."""
        return self._file.path

    def _begin(self, folder: Path, header: Mapping[str, Any], started: str) -> None:
        found, self.finished, damaged = _read(self.path, self._type)
        self.started, self._synced = started, time.monotonic()
        if damaged:
            self.notes.append(
                f"{len(damaged)} line(s) of {self.path} are damaged, the first is line "
                f"{damaged[0]}; what they told is computed again"
            )
        if found is not None and found["format"] != FORMAT:
            raise ValueError(
                f"the results in {folder} have format {found['format']}, this version writes "
                f"{FORMAT}; choose another folder"
            )
        if found is not None and self.finished:
            _check_same(found, header, folder)
            self.started = str(found["started"])
        else:  # nothing is finished: the options may change, and the last ones count
            self._write([{"format": FORMAT, "started": started, **header}])
            self.sync()

    def append(self, objects: Iterable[R], problems: Iterable[Problem]) -> None:
        """Add finished objects and problems."""
        self._write(
            [
                *({"object": plain(result, defaults=False)} for result in objects),
                *({"problem": vars(problem)} for problem in problems),
            ]
        )
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Make sure that the disk has everything."""
        self._file.sync()
        self._synced = time.monotonic()

    def _write(self, entries: list[dict[str, Any]]) -> None:
        try:
            self._file.append(b"".join(map(sealed, entries)))
        except OSError as error:
            raise OSError(
                f"cannot write {self.path} ({error.strerror}); everything that was finished before "
                "is kept, make room and repeat the command to go on"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.sync()
        finally:
            self._file.close()


def _claim(folder: Path) -> None:
    """Make the folder unless it is there; refuse one that is in use for something else."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; give a folder for the results")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / JOURNAL
    if not path.exists() and set(folder.iterdir()) - {lock_file(path)}:
        raise ValueError(
            f"the folder {folder} holds other files and no {JOURNAL} to go on with; "
            "choose an empty or new folder"
        )


def _read(
    path: Path, result_type: type[R]
) -> tuple[dict[str, Any] | None, tuple[R, ...], list[int]]:
    """Return the newest header, the finished objects, and the numbers of damaged lines.

    Raises
    ------
    ValueError
        Where it is no file of results.
    """
    header: dict[str, Any] | None = None
    finished: list[R] = []
    damaged: list[Line] = []
    for line in lines_of(path):
        try:
            if line.entry is not None and "format" in line.entry:
                header = line.entry
            elif line.entry is None or (header is None and not damaged):
                damaged.append(line)
            elif "object" in line.entry:
                finished.append(read_table(result_type, line.entry["object"], "the result"))
        except (KeyError, TypeError, ValueError):
            damaged.append(line)
    if header is None and damaged:
        _check_begun(path, damaged, finished)
    return header, tuple(finished), [line.number for line in damaged]


def _check_begun(path: Path, damaged: list[Line], finished: Sequence[object]) -> None:
    """Without a first line, go on only where a crash cut it off."""
    begun = damaged[0].raw.startswith(HEADER)
    if finished or (begun and not damaged[0].is_cut_off):
        raise ValueError(
            f"the first line of {path}, which says what is evaluated, is damaged; choose another "
            "folder"
        )
    if not begun and not (damaged[0].is_cut_off and HEADER.startswith(damaged[0].raw)):
        raise ValueError(f"{path} is no file of an evaluation's results; choose another folder")


def _check_same(
    found: Mapping[str, Any], wanted: Mapping[str, Mapping[str, Any]], folder: Path
) -> None:
    for group, values in wanted.items():
        before = found.get(group, {})
        for key in dict.fromkeys([*values, *before]):
            if before.get(key) != values.get(key):
                raise ValueError(
                    f"the results in {folder} were begun with {group} {key} = {before.get(key)}, "
                    f"now it is {values.get(key)}; repeat what it was or choose another folder"
                )
