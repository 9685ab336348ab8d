"""Results as files: tables as CSV, and what goes with them as JSON: when and with what they came.

Every study's and the costs' results are saved by these.
"""

from __future__ import annotations

import json
import platform
import time
from datetime import datetime
from importlib import metadata
from pathlib import Path

import eegsep


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
    files[name].write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return files
