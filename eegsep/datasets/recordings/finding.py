"""MOABB datasets, and those of this package, found by name; and subjects that they have.

Without a look at what lies on disk.
"""

import numpy as np

from eegsep._utils.errors import RequestError, bare_name, look_up


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


def find_dataset(name):
    """Make a MOABB dataset from its name.

    Parameters
    ----------
    name : str
        The class or the code of any MOABB dataset (``"BNCI2014_001"``, ``"BNCI2014-001"``),
        ``"SimulatedMotorImagery"`` or ``"SimulatedTravellingWaves"``. Case and punctuation do not
        matter.

    Returns
    -------
    dataset : moabb.datasets.base.BaseDataset

    Raises
    ------
    RequestError
        If there is no such dataset.
    """
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
    unknown = [subject for subject in subjects if subject not in known]
    if unknown or not subjects:
        wrong = ", ".join(map(str, unknown)) or "none given"
        has = f"{known[0]} to {known[-1]}" if len(known) > 1 else str(known[0])
        raise RequestError(f"unknown subject: {wrong}. {dataset.code} has subjects {has}.")
    return [subject for subject in known if subject in subjects]
