"""Recordings on disk as MOABB datasets: found by name, read from a folder, or one line why not.

Folders are set through this process's environment only; nobody's MNE configuration is written.
"""

import difflib
import os
import re
import textwrap
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from functools import cache
from operator import methodcaller
from pathlib import Path
from urllib.parse import urlparse

_DEFAULT_FOLDER = "~/mne_data"


class RequestError(ValueError):
    """What was asked for does not exist here. The text is one line that says what to do."""


class DataNotFoundError(RequestError):
    """Recordings are neither on disk nor can they be downloaded."""


def look_up(kind, name, choices):
    """Find what a name stands for, whatever its case and punctuation.

    Parameters
    ----------
    kind : str
        What it is, for the error: ``"dataset"``.
    name : str
        The name asked for.
    choices : dict
        What there is, by name.

    Returns
    -------
    choice : object
        The value of the name in ``choices``.

    Raises
    ------
    RequestError
        If there is none; the text suggests names that look alike.
    """
    by_key = {_key(known): known for known in choices}
    if _key(name) in by_key:
        return choices[by_key[_key(name)]]
    close = difflib.get_close_matches(_key(name), by_key, n=3, cutoff=0.6)
    if close:
        hint = f"Did you mean {' or '.join(by_key[key] for key in close)}?"
    elif len(choices) <= 12:
        hint = f"There are: {', '.join(choices)}."
    else:
        hint = "See https://moabb.neurotechx.com for all of MOABB's."
    raise RequestError(f"unknown {kind} {name!r}. {hint}")


def _key(name):
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def dataset_classes():
    """Find the datasets of MOABB and of this package.

    Returns
    -------
    classes : dict of type
        By name.
    """
    import moabb.datasets
    from moabb.datasets.base import BaseDataset

    from .simulated import SimulatedMotorImagery, SimulatedTravellingWaves

    classes = {
        label: kind
        for label, kind in vars(moabb.datasets).items()
        if isinstance(kind, type) and issubclass(kind, BaseDataset)
    }
    for kind in (SimulatedMotorImagery, SimulatedTravellingWaves):
        classes[kind.__name__] = kind
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
        if _key(name) in map(_key, by_code):
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
    unknown = [subject for subject in subjects if subject not in known]
    if unknown or not subjects:
        wrong = ", ".join(map(str, unknown)) or "none given"
        has = f"{known[0]} to {known[-1]}" if len(known) > 1 else str(known[0])
        raise RequestError(f"unknown subject: {wrong}. {dataset.code} has subjects {has}.")
    return [subject for subject in known if subject in subjects]


@contextmanager
def reading_from(data_dir=None):
    """Let MNE and MOABB read from a folder, and download into it what it lacks, while it lasts.

    Sets environment variables and puts them back: MNE's configuration file stays as it is. MOABB
    is kept from asking the NEMAR mirror about files that are on disk, unless the user chose it.

    Parameters
    ----------
    data_dir : path-like | None
        The folder that holds MNE's data folders (``MNE-eegbci-data`` and the like), or one of
        these. None for what MNE is configured to, or ``~/mne_data``.

    Yields
    ------
    folder : pathlib.Path
        Where recordings are looked for.

    Raises
    ------
    RequestError
        If ``data_dir`` is not a folder.
    """
    import mne

    wanted = {}
    if mne.get_config("MOABB_DOWNLOAD_PROVIDER") is None:
        wanted["MOABB_DOWNLOAD_PROVIDER"] = "upstream"
    if data_dir is None:
        # MOABB has the same default, but would write it into the user's configuration
        folder = Path(mne.get_config("MNE_DATA") or _DEFAULT_FOLDER).expanduser()
    else:
        folder = Path(data_dir).expanduser().resolve()
        if not folder.is_dir():
            raise RequestError(f"{data_dir} is not a folder: give the one that holds the data.")
        if re.fullmatch(r"MNE-.*-data", folder.name):
            folder = folder.parent
        found = (re.fullmatch(r"MNE-(.*)-data", path.name) for path in folder.iterdir())
        wanted |= {f"MNE_DATASETS_{m[1].upper()}_PATH": str(folder) for m in found if m}
        # a path that is configured for one dataset must not win over the folder asked for
        configured = set(mne.get_config()) | set(os.environ)
        wanted |= {key: str(folder) for key in configured if _is_dataset_path(key)}
    wanted["MNE_DATA"] = str(folder)

    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        yield folder
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _is_dataset_path(key):
    return key.startswith("MNE_DATASETS_") and key.endswith("_PATH")


def limit_runs(dataset, paradigm):
    """Keep a dataset from reading runs of which the paradigm uses no trial, in place.

    MOABB's ``PhysionetMI`` reads (and downloads) the runs with feet even for the hands alone.

    Parameters
    ----------
    dataset : moabb.datasets.base.BaseDataset
        The dataset.
    paradigm : moabb.paradigms.base.BaseParadigm
        The paradigm that it is to be read with.
    """
    if hasattr(dataset, "feet_runs") and not {"feet", "hands"} & set(paradigm.used_events(dataset)):
        dataset.feet_runs = []


def with_eeg_reference(paradigm, eeg_reference):
    """Make a paradigm re-reference recordings, all electrodes of them, before anything else.

    What the reference electrode picks up is in every channel, with the same sign: it can hide
    rhythms of one side of the head. The average of many electrodes has little signal of its own.

    Parameters
    ----------
    paradigm : moabb.paradigms.base.BaseParadigm
        The paradigm; it is not changed. A reference that it has already is replaced.
    eeg_reference : {"average"} | sequence of str
        The average of all good EEG electrodes, or of these, by MNE's ``set_eeg_reference``.

    Returns
    -------
    paradigm : moabb.paradigms.base.BaseParadigm
        One of the same name, with the attribute ``eeg_reference``.

    Raises
    ------
    RequestError
        If ``eeg_reference`` is neither.
    """
    if not isinstance(eeg_reference, (str, Mapping)) and isinstance(eeg_reference, Iterable):
        eeg_reference = list(map(str, eeg_reference))
        known = bool(eeg_reference) and all(eeg_reference)
    else:
        known = eeg_reference == "average"
    if not known:
        raise RequestError(
            f"the EEG reference is 'average' or a list of electrodes, not {eeg_reference!r}."
        )
    kind = getattr(paradigm, "rereferenced", type(paradigm))
    return _rereferencing(kind, {**vars(paradigm), "eeg_reference": eeg_reference})


class _Rereferencing:
    """A mixin of a paradigm's class, ``rereferenced``: MNE's ``set_eeg_reference`` goes first."""

    def make_process_pipelines(self, *args, **kwargs):
        from moabb.datasets.bids_interface import StepType
        from moabb.datasets.preprocessing import NamedFunctionTransformer

        step = NamedFunctionTransformer(
            methodcaller("set_eeg_reference", self.eeg_reference, verbose=False),
            # of which the digest of results on disk is made
            display_name=f"EEG Reference ({self.eeg_reference})",
        )
        pipelines = super().make_process_pipelines(*args, **kwargs)
        for pipeline in pipelines:
            pipeline.steps.insert(0, (StepType.RAW, step))
        return pipelines

    def __reduce__(self):
        return _rereferencing, (self.rereferenced, vars(self))


def _rereferencing(kind, state):
    """Make a paradigm of a kind that re-references, with these attributes."""
    own = object.__new__(_rereferencing_class(kind))
    vars(own).update(state)
    return own


@cache
def _rereferencing_class(kind):
    # of the same name, by which results are filed
    own = {"__module__": kind.__module__, "rereferenced": kind}
    return type(kind)(kind.__name__, (_Rereferencing, kind), own)


def read_subject(dataset, paradigm, subject, *, return_epochs=False):
    """Read one subject's trials with a paradigm, inside :func:`reading_from`.

    Parameters
    ----------
    dataset : moabb.datasets.base.BaseDataset
        The dataset.
    paradigm : moabb.paradigms.base.BaseParadigm
        What to filter, cut and resample.
    subject : int
        Number of the subject.
    return_epochs : bool
        Whether to return ``mne.Epochs``, in volts, rather than an array, in microvolts.

    Returns
    -------
    X : ndarray, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials.
    y : ndarray of str, shape (n_trials,)
        Their classes.
    metadata : pandas.DataFrame, length n_trials
        Columns ``subject, session, run``.

    Raises
    ------
    DataNotFoundError
        If the recordings are not on disk and cannot be downloaded.
    RequestError
        If they lack a channel of the paradigm's, or of its reference.
    """
    import mne
    from moabb.datasets.download import DatasetDownloadError, NemarDownloadError
    from moabb.datasets.fake import FakeDataset

    default = Path(_DEFAULT_FOLDER).expanduser()
    if mne.get_config("MNE_DATA") == str(default) and not isinstance(dataset, FakeDataset):
        default.mkdir(exist_ok=True)  # as MNE does, for what it is to download
    try:
        return paradigm.get_data(dataset, [subject], return_epochs=return_epochs)
    except (OSError, DatasetDownloadError, NemarDownloadError) as error:
        raise DataNotFoundError(
            f"{dataset.code}: recordings of subject {subject} are not in "
            f"{mne.get_config('MNE_DATA')} and cannot be downloaded ({_why(error)}). "
            "Choose the folder with --data-dir, or other subjects with --subjects."
        ) from error
    except ValueError as error:
        if "Missing channels" not in str(error):
            raise
        lacking = str(error).splitlines()[-1].strip("[]")
        hint = "choose electrodes that it has"
        if hasattr(paradigm, "eeg_reference"):
            hint += ", or the reference 'average'"
        raise RequestError(f"{dataset.code} has no channel {lacking}: {hint}.") from error
    except AttributeError as error:
        if "accept" not in str(error):
            raise
        raise DataNotFoundError(
            f"{dataset.code}: downloading it needs its licence accepted; from Python, make the "
            "dataset with accept=True and give it to eegsep.studies.benchmark.benchmark."
        ) from error


def _why(error):
    """Say in a few words why a download failed."""
    import requests

    if isinstance(error, (requests.ConnectionError, requests.Timeout)) and error.request:
        return f"{urlparse(error.request.url).hostname} cannot be reached"
    if isinstance(error, PermissionError):
        return f"no permission to write {error.filename}"
    return textwrap.shorten(str(error) or type(error).__name__, 120, placeholder=" ...")
