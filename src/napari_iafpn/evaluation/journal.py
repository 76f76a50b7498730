"""The file of finished objects: what is in it survives a crash, and the same command goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from napari_iafpn.evaluation.protocol import ObjectResult
from napari_iafpn.evaluation.results import Problem
from napari_iafpn.sessions.lines import parsed

JOURNAL = "results.jsonl"
FORMAT = 1
SYNC_SECONDS = 1.0


class Journal:
    """One JSON line that says what is evaluated, then one per finished object or problem.

    Lines are written whole, by one process, and flushed to the disk about once a second; where
    writing fails, the file is cut back to its last whole line.

    Parameters
    ----------
    folder : Path
        Created if need be; new results go only into an empty one.
    header : mapping of plain data
        What decides the results, in groups: ``{group: {option: value}}``. An earlier run in
        the folder must have the same.
    started : str
        When the evaluation began; an earlier run's is kept.

    Attributes
    ----------
    finished : tuple of ObjectResult
        What an earlier run left. Its problems are not kept: the images may have been repaired.
    started : str

    Raises
    ------
    ValueError
        Where the folder is in use for something else or for an evaluation with other options.
    OSError
        Where it cannot be written.
    """

    def __init__(self, folder: Path, header: Mapping[str, Mapping[str, Any]], started: str) -> None:
        self.path = folder / JOURNAL
        _claim(folder)
        # As it comes back from the file: tuples are lists there.
        header = json.loads(json.dumps(header))
        lines = list(_whole_lines(self.path))
        found = lines[0][0] if lines else None
        if found is not None and len(lines) > 1:
            _check_same(found, header, folder)
            self.started = str(found["started"])
            self.finished = tuple(
                ObjectResult.from_json(line["object"]) for line, _ in lines if "object" in line
            )
            self._end = lines[-1][1]
        else:  # nothing is lost with a mere first line
            self.started, self.finished, self._end = started, (), 0
        self._file = self.path.open("r+b" if self.path.exists() else "xb", buffering=0)
        self._file.truncate(self._end)
        self._synced = time.monotonic()
        if not self._end:
            self._write([{"format": FORMAT, "started": started, **header}])
            self.sync()

    def append(self, objects: Iterable[ObjectResult], problems: Iterable[Problem]) -> None:
        """Add finished objects and problems."""
        self._write(
            [
                *({"object": result.to_json()} for result in objects),
                *({"problem": vars(problem)} for problem in problems),
            ]
        )
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Make sure that the disk has everything."""
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def _write(self, entries: list[dict[str, Any]]) -> None:
        payload = b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)
        try:
            self._file.seek(self._end)
            rest = memoryview(payload)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._file.truncate(self._end)
            raise OSError(
                f"cannot write {self.path} ({error.strerror}); everything that was finished before "
                "is kept, make room and repeat the command to go on"
            ) from error
        self._end += len(payload)

    def __enter__(self) -> Journal:
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
    if not (folder / JOURNAL).exists() and any(folder.iterdir()):
        raise ValueError(
            f"the folder {folder} holds other files and no {JOURNAL} to go on with; "
            "choose an empty or new folder"
        )


def _whole_lines(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield entries and where their lines end, up to the first that is damaged."""
    if not path.exists():
        return
    end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            entry = parsed(line)
            if number == 0 and line.endswith(b"\n") and (entry is None or "format" not in entry):
                raise ValueError(
                    f"{path} is no file of an evaluation's results; choose another folder"
                )
            if entry is None:
                return
            end += len(line)
            yield entry, end


def _check_same(
    found: Mapping[str, Any], wanted: Mapping[str, Mapping[str, Any]], folder: Path
) -> None:
    if found["format"] != FORMAT:
        raise ValueError(
            f"the results in {folder} have format {found['format']}, this version writes {FORMAT}; "
            "choose another folder"
        )
    for group, values in wanted.items():
        before = found.get(group, {})
        for key in dict.fromkeys([*values, *before]):
            if before.get(key) != values.get(key):
                raise ValueError(
                    f"the results in {folder} were begun with {group} {key} = {before.get(key)}, "
                    f"now it is {values.get(key)}; repeat what it was or choose another folder"
                )
