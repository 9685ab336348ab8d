"""Results as files: tables as CSV, and what goes with them as JSON: when and with what they came.

Every study's and the costs' results are saved by these.
"""

from __future__ import annotations

import json
import math
import os
import platform
import tempfile
import time
from datetime import datetime
from importlib import metadata
from pathlib import Path

import eegsep

from .datasets.recordings import RequestError

# What a folder must have room for before a study begins: some tables, pictures and the page.
_ROOM = 2**20


def make_folder(output):
    """Make a study's output folder, if need be, and try whether it can be written to.

    Parameters
    ----------
    output : path-like
        The folder.

    Returns
    -------
    folder : pathlib.Path

    Raises
    ------
    RequestError
        If it cannot be made, or no file can be written in it.
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


def origin(started, packages):
    """Tell when a study ran, for how long, and with what.

    Parameters
    ----------
    started : float
        When, by ``time.time()``; it ends now.
    packages : sequence of str
        As in :func:`versions`.

    Returns
    -------
    origin : dict
        ``started`` (a local time), ``seconds, versions``.
    """
    return {
        "started": datetime.fromtimestamp(started).astimezone().isoformat(timespec="seconds"),
        "seconds": round(time.time() - started, 1),
        "versions": versions(packages),
    }


def versions(packages):
    """Tell the versions of eegsep, of Python, and of installed packages.

    Parameters
    ----------
    packages : sequence of str
        Names of distributions.

    Returns
    -------
    versions : dict of str
    """
    return {
        "eegsep": eegsep.__version__,
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in packages},
    }


def records(frame):
    """Return a table's rows as dicts that JSON can hold.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    records : list of dict
    """
    return json.loads(frame.to_json(orient="records", double_precision=15))


def to_json(document):
    """Write a document as JSON, in which a number that is not finite is null.

    Parameters
    ----------
    document : dict

    Returns
    -------
    text : str
    """
    return json.dumps(_without_nan(document), indent=2, allow_nan=False)


def _without_nan(value):
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def save_tables(folder, tables, name, document):
    """Write tables as CSV files, and a document as a JSON file.

    Parameters
    ----------
    folder : path-like
        Where to; made if need be.
    tables : dict of pandas.DataFrame
        By the names of their files.
    name : str
        Of the JSON file.
    document : dict
        What JSON can hold.

    Returns
    -------
    files : dict of pathlib.Path
        By name, the document last.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for key, table in tables.items():
        files[key] = folder / f"{key}.csv"
        table.to_csv(files[key], index=False)
    files[name] = folder / f"{name}.json"
    files[name].write_text(to_json(document) + "\n", encoding="utf-8")
    return files
