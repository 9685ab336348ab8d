"""A dataset's class in a Python file, asked for as ``my_module.py:MyDataset``.

Loading it runs the file, so it is done only where the file is trusted.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import cloudpickle

from eegsep._utils.errors import RequestError, in_a_line, look_up


def is_class_in_file(name):
    """Tell whether a name is that of a class in a Python file (bool)."""
    return ".py:" in name


def dataset_from_file(name, *, trust=False):
    """Make a dataset of a class in a Python file, ``"file.py:Class"``, without arguments.

    It is a RequestError if the file is not trusted to be run, there is no such file or class, or it
    cannot be made.
    """
    from moabb.datasets.base import BaseDataset

    file, _, kind = name.rpartition(":")
    path = Path(file).expanduser()
    if not path.is_file():
        raise RequestError(f"there is no file {file}, in which to find the dataset {kind}.")
    if not trust:
        raise RequestError(
            f"{name} is a program, which runs when it is loaded: if you trust the file, say "
            "--trust (in Python trust=True)."
        )
    try:
        module = _load(path.resolve())
        classes = {
            label: each
            for label, each in vars(module).items()
            if isinstance(each, type) and issubclass(each, BaseDataset) and each is not BaseDataset
        }
        return look_up("dataset", kind, classes)()
    except (Exception, SystemExit) as error:  # a trusted file may do whatever it likes
        why = str(error) if isinstance(error, RequestError) else f"{type(error).__name__}: {error}"
        why = in_a_line(why).rstrip(".")
        raise RequestError(f"cannot load the dataset {name}: {why}.") from error


def _load(path):
    """Import a file under a name of its own, so that it hides no other module."""
    module_name = f"dataset_in_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    cloudpickle.register_pickle_by_value(module)  # other processes cannot import it
    return module
