"""Datasets found by name: MOABB's, this package's, studies of one's own; and subjects they have.

Of MOABB's without a look at what lies on disk.
"""

import os
from pathlib import Path

import numpy as np

from eegsep._utils.errors import RequestError, bare_name, look_up

from .class_files import dataset_from_file, is_class_in_file


def dataset_classes():
    """Find the datasets of MOABB and of this package.

    Returns
    -------
    classes : dict of type
        By name.
    """
    import moabb.datasets
    from moabb.datasets.base import BaseDataset

    from eegsep.datasets import simulated

    classes = {
        label: kind
        for label, kind in vars(moabb.datasets).items()
        if isinstance(kind, type) and issubclass(kind, BaseDataset)
    }
    for name in simulated.__all__:
        if name.startswith("Simulated"):
            classes[name] = getattr(simulated, name)
    return classes


def is_path(name):
    """Tell whether a name is that of something on disk: a folder, a file, or a class in one.

    Parameters
    ----------
    name : str
        As :func:`find_dataset` takes it.

    Returns
    -------
    is_path : bool
        A folder that is called as a dataset is none, unless it is written with a slash.
    """
    separators = {os.sep, "/"}
    if is_class_in_file(name) or separators & set(name) or name.endswith((".yml", ".yaml")):
        return True
    known = map(bare_name, dataset_classes())
    return bare_name(name) not in known and (name == "." or Path(name).is_dir())


def find_dataset(name, *, trust=False):
    """Make a MOABB dataset from its name.

    Parameters
    ----------
    name : str
        The class or the code of any MOABB dataset (``"BNCI2014_001"``, ``"BNCI2014-001"``),
        ``"SimulatedMotorImagery"`` or ``"SimulatedTravellingWaves"``. Case and punctuation do not
        matter. Or a folder or file of a study of one's own, see :func:`eegsep.datasets.study`; or
        a MOABB dataset's class in a Python file, as ``"my_module.py:MyDataset"``.
    trust : bool
        Whether a Python file may be run.

    Returns
    -------
    dataset : moabb.datasets.base.BaseDataset

    Raises
    ------
    RequestError
        If there is no such dataset, a study's files are not what they are said to be, or a Python
        file is not trusted.
    """
    if is_class_in_file(name):
        return dataset_from_file(name, trust=trust)
    if is_path(name):
        from eegsep.datasets.study_folders import study

        return study(name)
    classes = dataset_classes()
    try:
        return look_up("dataset", name, classes)()
    except RequestError:
        # only now, as the codes are known to instances alone
        by_code = {dataset.code: dataset for dataset in (kind() for kind in classes.values())}
        if bare_name(name) in map(bare_name, by_code):
            return look_up("dataset", name, by_code)
        raise


def check_subjects(dataset, subjects=None):
    """Check that a dataset has some subjects.

    Parameters
    ----------
    dataset : moabb.datasets.base.BaseDataset
        The dataset.
    subjects : sequence of int | None
        Numbers of subjects; None for all that the dataset has.

    Returns
    -------
    subjects : list
        The subjects, each once, in the dataset's order.

    Raises
    ------
    RequestError
        If the dataset lacks one, or none is left.
    """
    known = list(dataset.subject_list)
    if subjects is None:
        return known
    if isinstance(subjects, str) or not np.iterable(subjects):
        raise RequestError(f"subjects are a list of numbers, such as [1, 2], not {subjects!r}.")
    subjects = list(subjects)
    unknown = [subject for subject in subjects if subject not in known]
    if unknown or not subjects:
        wrong = ", ".join(map(str, unknown)) or "none given"
        has = f"{known[0]} to {known[-1]}" if len(known) > 1 else str(known[0])
        raise RequestError(f"unknown subject: {wrong}. {dataset.code} has subjects {has}.")
    return [subject for subject in known if subject in subjects]
