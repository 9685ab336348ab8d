"""Results as files: tables as CSV, and what goes with them as JSON: when and with what they came.

Every study's and the costs' results are saved by these.
"""

from __future__ import annotations

import json
import math
import os
import platform
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib import metadata
from pathlib import Path

import psutil

import eegsep

from .columns import notes
from .errors import RequestError

# What studies write into their folder. The record of the run comes last when they are removed, and
# when they are written: where it is, the others are of that run.
_OUTPUTS = (
    *(
        f"{name}.csv"
        for name in (
            "scores",
            "summary",
            "permutations",
            "ablation",
            "learning_curve",
            "separability",
            "correlation",
            "subjects",
            "clusters",
            "confusion",
            "reliability",
            "history",
            "cost",
        )
    ),
    *(f"{name}.png" for name in ("scores", "maps", "ablation", "learning_curve", "separability")),
    "scores.tex",
    "columns.json",
    "components.npz",
    "info.fif",
    "report.html",
    "run.json",
)

# What a folder must have room for before a study begins: some tables, pictures and the page.
_ROOM = 2**20


def make_folder(output):
    """Make a study's output folder, if need be, and try whether it can be written to.

    Returns it as a Path. A RequestError says why it cannot be made, or no file can be written in
    it.
    """
    output = Path(output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"cannot make the output folder {output} ({error}).") from error
    try:
        with tempfile.TemporaryFile(dir=output) as file:
            file.write(bytes(_ROOM))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        why = error.strerror or error
        raise RequestError(f"cannot write to the output folder {output} ({why}).") from error
    return output


@contextmanager
def folders_for(*files):
    """Make the folders of files that are to be written, and remove them if that comes to nothing.

    None is for no file. It is a RequestError where :func:`make_folder` refuses one.
    """
    folders = dict.fromkeys(Path(file).parent for file in files if file is not None)
    ways = [way for folder in folders for way in (folder, *folder.parents)]
    made = sorted({way for way in ways if not way.exists()}, key=lambda way: -len(way.parts))
    try:
        for folder in folders:
            make_folder(folder)
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):  # it holds something, or was not made
                folder.rmdir()
        raise


def check_free(file, overwrite, *, sources=()):
    """Refuse to write a file that is there, unless it may be replaced, or is none: a RequestError.

    A folder or a device is none, nor may a file replace one of its ``sources``.
    """
    file = Path(file)
    if file.is_dir():
        raise RequestError(f"{file} is a folder: name a file.")
    if not file.exists():
        return
    if not overwrite:
        raise RequestError(f"{file} is there already: --overwrite replaces it.")
    _refuse_device(file)
    if any(Path(source).exists() and file.samefile(source) for source in sources):
        raise RequestError(f"{file} is read, and cannot be written too: name another file.")


def _refuse_device(file):
    if file.exists() and not file.is_file() and not file.is_dir():
        raise RequestError(f"{file} is a device or a pipe, which no file replaces: name a file.")


def origin(started, packages):
    """Tell when a study ran that started at a ``time.time()`` and ends now, and with what.

    A dict of ``started`` (a local time), ``seconds`` that it took and the ``versions`` of packages.
    """
    return {
        "started": datetime.fromtimestamp(started).astimezone().isoformat(timespec="seconds"),
        "seconds": round(time.time() - started, 1),
        "versions": versions(packages),
    }


def versions(packages):
    """Tell the versions of eegsep, of Python, and of installed distributions (dict of str)."""
    return {
        "eegsep": eegsep.__version__,
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in packages},
    }


def records(frame):
    """Return a table's rows as dicts that JSON can hold."""
    return json.loads(frame.to_json(orient="records", double_precision=15))


def to_json(document):
    """Write a document as JSON, in which a number that is not finite is null (str)."""
    return json.dumps(_without_nan(document), indent=2, allow_nan=False)


def _without_nan(value):
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def save_tables(folder, tables, name, document):
    """Write tables as CSV files, what their columns are, and a document as JSON files.

    Tables are by the names of their files, ``name`` is that of the document's. The folder is made
    if need be; each file there is whole, an earlier one's or this. Returns the files by name: the
    tables, ``columns``, and the document last. A RequestError says which cannot be written.
    """
    folder = Path(folder)
    files = {}
    for key, table in tables.items():
        files[key] = folder / f"{key}.csv"
        with written_aside(files[key]) as file:
            table.to_csv(file, index=False)
    columns = notes(dict.fromkeys(column for table in tables.values() for column in table))
    for key, content in {"columns": columns, name: document}.items():
        files[key] = folder / f"{key}.json"
        with written_aside(files[key]) as file:
            file.write_text(to_json(content) + "\n", encoding="utf-8")
    return files


@contextmanager
def written_aside(file):
    """Let a file be written under another name, which it gives up once it is whole.

    Yields where to write it. Its folder is made if need be; what is written is removed if anything
    goes wrong, which is a RequestError where it cannot be written.
    """
    file = Path(file)
    if not file.name:
        raise RequestError(f"{file} is no name of a file: name a file.")
    # with the same ending, by which many a writer chooses its format
    aside = file.with_name(f".{os.getpid()}-{threading.get_native_id()}-{file.name}")
    try:
        _refuse_device(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        aside.replace(file)
    except OSError as error:
        raise RequestError(f"cannot write {file} ({error.strerror or error}).") from error
    finally:
        with suppress(OSError):  # mostly that it is not there
            aside.unlink()


def remove_outputs(folder):
    """Remove what an earlier run of a study wrote into a folder: a folder's files are of one run.

    It is a RequestError if one cannot be removed.
    """
    folder = Path(folder)
    for name in _OUTPUTS:
        # the second are what writing left when it was killed, or is about to finish
        asides = [file for file in folder.glob(f".*-{name}") if not _is_written(file)]
        for file in (folder / name, *asides):
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise RequestError(f"cannot replace {file} ({error.strerror}).") from error


def remove_folder(folder):
    """Remove a folder of an earlier run, if it is there, but not somebody's own files in it."""
    folder = Path(folder)
    if (folder / "run.json").exists():
        remove_outputs(folder)
        with suppress(OSError):  # it is not empty
            folder.rmdir()


def _is_written(aside):
    """Tell whether the process that writes a file aside is alive."""
    number = aside.name[1:].partition("-")[0]
    return number.isdecimal() and psutil.pid_exists(int(number))
