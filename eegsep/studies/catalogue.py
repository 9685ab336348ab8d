"""What studies can be asked for: datasets, pipelines and paradigms, with what each is.

Nothing is downloaded, and no dataset is read.
"""

from __future__ import annotations

import inspect
from collections import Counter

import pandas as pd
from moabb.datasets.fake import FakeDataset

from eegsep._utils.errors import RequestError, look_up
from eegsep._utils.logs import quiet
from eegsep.datasets.paradigms import paradigm_classes
from eegsep.datasets.recordings import dataset_classes

from .pipelines import load_pipelines, shipped_pipelines


def catalogue(containing=None, *, paradigm=None):
    """List datasets, pipelines and paradigms, of which ``containing`` and a paradigm choose some.

    Kept is what has a text in its name or in what is said of it, in upper or lower case; datasets
    that the paradigm is valid for and pipelines that are for it, a RequestError if it is unknown.
    The tables are ``datasets`` (``name, paradigm, subjects, sessions, classes, about``),
    ``pipelines`` (``name, default``, whether it runs unless others are chosen, ``paradigms,
    about``, the steps) and ``paradigms`` (``name, about``).
    """
    paradigms = paradigm_classes()
    chosen = None if paradigm is None else look_up("paradigm", paradigm, paradigms)
    tables = {
        "datasets": _datasets(chosen),
        "pipelines": _pipelines(chosen),
        "paradigms": pd.DataFrame(
            [{"name": name, "about": _first_line(kind)} for name, kind in paradigms.items()]
        ),
    }
    if containing is None:
        return tables
    return {name: _narrow(table, containing) for name, table in tables.items()}


def _datasets(paradigm):
    rows, seen = [], set()
    with quiet(Counter()):  # some warn of an old name when they are made
        judge = None if paradigm is None else paradigm()
        for name, kind in dataset_classes().items():
            if issubclass(kind, FakeDataset) and not kind.__module__.startswith("eegsep"):
                continue
            dataset = kind()
            # an old name of a class is no other dataset
            if dataset.code in seen or (judge is not None and not judge.is_valid(dataset)):
                continue
            seen.add(dataset.code)
            rows.append(
                {
                    "name": name,
                    "paradigm": dataset.paradigm,
                    "subjects": len(dataset.subject_list),
                    "sessions": dataset.n_sessions,
                    "classes": list(map(str, dataset.event_id)),
                    "about": _first_line(kind),
                }
            )
    columns = ["name", "paradigm", "subjects", "sessions", "classes", "about"]
    return pd.DataFrame(rows, columns=columns)


def _pipelines(paradigm):
    default = shipped_pipelines()
    name = None if paradigm is None else paradigm.__name__
    try:
        configs = load_pipelines([default, default / "networks"], name)
    except RequestError:  # none is for it
        configs = {}
    rows = [
        {
            "name": name,
            "default": "yes" if (default / f"{name}.yml").is_file() else "by name",
            "paradigms": config["paradigms"],
            "about": ", ".join(type(step).__name__ for step in config["pipeline"]),
        }
        for name, config in configs.items()
    ]
    return pd.DataFrame(rows, columns=["name", "default", "paradigms", "about"])


def _first_line(kind):
    return (inspect.getdoc(kind) or "").strip().partition("\n")[0]


def _narrow(table, text):
    lines = table.astype(str).agg(" ".join, axis=1) if len(table) else pd.Series(dtype=str)
    return table[[text.casefold() in line.casefold() for line in lines]].reset_index(drop=True)
