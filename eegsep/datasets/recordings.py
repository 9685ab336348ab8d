"""Recordings on disk as MOABB datasets: found by name, read from a folder, or one line why not.

Folders are set through this process's environment only; nobody's MNE configuration is written.
"""

import copy
import errno
import os
import re
import socket
import textwrap
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np

from eegsep._utils.errors import RequestError, bare_name, look_up
from eegsep._utils.logs import about, join_ranges, quiet

from .channels import Recording, find_channels, match

_DEFAULT_FOLDER = "~/mne_data"
# For which other subjects are on disk, when one is not.
_SECONDS_TO_LOOK = 10
# Ranges of channels without a signal: in volts, and as a share of the largest.
_NO_SIGNAL, _FLAT = 1e-15, 1e-9


class DataNotFoundError(RequestError):
    """Recordings are neither on disk nor can they be downloaded."""


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
        _check_that_it_can_be_read(folder)
        if re.fullmatch(r"MNE-.*-data", folder.name):
            folder = folder.parent
        found = (re.fullmatch(r"MNE-(.*)-data", path.name) for path in folder.iterdir())
        wanted |= {f"MNE_DATASETS_{m[1].upper()}_PATH": str(folder) for m in found if m}
        # a path that is configured for one dataset must not win over the folder asked for
        configured = set(mne.get_config()) | set(os.environ)
        wanted |= {key: str(folder) for key in configured if _is_dataset_path(key)}
    wanted["MNE_DATA"] = str(folder)

    with _environment(wanted):
        yield folder


@contextmanager
def _environment(wanted):
    """Set environment variables while it lasts."""
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _check_that_it_can_be_read(folder):
    """Refuse a folder with a part that may not be read: MNE would download that anew."""

    def refuse(error):
        raise RequestError(f"no permission to read the folder {error.filename}.") from error

    tops = [folder]
    if os.access(folder, os.R_OK | os.X_OK):
        tops = [path for path in folder.iterdir() if re.fullmatch(r"MNE-.*-data", path.name)]
    for top in tops:
        for _ in os.walk(top, onerror=refuse):
            pass


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


@dataclass(frozen=True)
class Failure:
    """What could not be used or scored, and why.

    Attributes
    ----------
    dataset : str
        Code of the dataset.
    subject : int
        Number of the subject.
    session : str | None
        Name of the session; None for all of the subject's.
    pipeline : str | None
        Name of the pipeline that failed; None where it is the recording.
    reason : str
        Why, in a line.
    """

    dataset: str
    subject: int
    session: str | None
    pipeline: str | None
    reason: str

    def __str__(self):
        ((where, reason),) = group_failures([self])
        return f"{where}: {reason}"


def group_failures(failures):
    """Sum up failures: what failed for the same reason once, with all of its subjects.

    Parameters
    ----------
    failures : sequence of Failure
        In any order.

    Returns
    -------
    groups : list of (str, str)
        Where (dataset and subjects, with session and pipeline where it is not all of them), and
        why.
    """
    groups = {}
    for each in failures:
        key = each.dataset, each.session, each.pipeline, each.reason
        groups.setdefault(key, set()).add(each.subject)
    rows = []
    for (dataset, session, pipeline, reason), subjects in groups.items():
        where = f"{dataset}, subject{'s' if len(subjects) > 1 else ''} {join_ranges(subjects)}"
        where += "" if session is None else f", session {session}"
        rows.append((where + ("" if pipeline is None else f", {pipeline}"), reason))
    return rows


def say_failures(failures):
    """Write failures in a line, see :func:`group_failures`."""
    return "; ".join(f"{where}: {reason}" for where, reason in group_failures(failures))


@dataclass(frozen=True, eq=False)
class Trials:
    """Recordings that go together, stacked as they are asked for.

    Attributes
    ----------
    dataset : moabb.datasets.base.BaseDataset
        Where they are from.
    recordings : list of eegsep.datasets.channels.Recording
        With the same channels and windows; may be empty.
    failures : list of Failure
        The recordings that were left out.
    """

    dataset: Any
    recordings: list
    failures: list

    @property
    def labels(self):
        """Classes of the trials (ndarray of str, shape (n_trials,))."""
        return np.concatenate([recording.labels for recording in self.recordings])

    @property
    def metadata(self):
        """Columns ``subject, session, run`` (pandas.DataFrame, length n_trials)."""
        import pandas as pd

        parts = [
            pd.DataFrame(
                {"subject": each.subject, "session": each.session, "run": each.run},
                index=range(len(each.labels)),
            )
            for each in self.recordings
        ]
        return pd.concat(parts, ignore_index=True)

    def array(self):
        """Stack the trials, in the dataset's unit for arrays: microvolts.

        Returns
        -------
        X : ndarray, shape (n_trials, n_chans, n_times) or (n_trials, n_chans, n_times, n_bands)
        """
        first, n_trials = self.recordings[0], sum(len(each.labels) for each in self.recordings)
        shape = (n_trials, *first.bands[0].get_data(copy=False).shape[1:], len(first.bands))
        X, done = np.empty(shape), 0
        for recording in self.recordings:
            part = X[done : done + len(recording.labels)]
            for k, epochs in enumerate(recording.bands):
                np.multiply(self.dataset.unit_factor, epochs.get_data(copy=False), out=part[..., k])
            done += len(part)
        return X[..., 0] if len(first.bands) == 1 else X

    def epochs(self):
        """Stack the trials as Epochs, in volts.

        Returns
        -------
        epochs : mne.Epochs
            With the metadata.

        Raises
        ------
        RequestError
            If they are of several pass bands, or MNE refuses to stack them.
        """
        import mne

        parts = []
        for recording in self.recordings:
            if len(recording.bands) > 1:
                raise RequestError("trials in several pass bands cannot be Epochs.")
            part = recording.bands[0].copy()
            # as MOABB does: their times are those of different recordings
            part.set_annotations(None)
            parts.append(part)
        try:
            epochs = mne.concatenate_epochs(parts, verbose="error") if len(parts) > 1 else parts[0]
        except (RuntimeError, ValueError) as error:
            why = " ".join(str(error).split())
            raise RequestError(f"{self.dataset.code}: cannot stack recordings ({why}).") from error
        epochs.metadata = self.metadata
        return epochs

    def only(self, keep):
        """Take some of the recordings.

        Parameters
        ----------
        keep : callable
            Called with a recording; whether to keep it.

        Returns
        -------
        trials : Trials
        """
        return replace(self, recordings=[each for each in self.recordings if keep(each)])


def read_trials(dataset, paradigm, subject, *, missing_channels="error"):
    """Read what can be read of one subject's trials, inside :func:`reading_from`.

    Channels are matched by name, see :func:`eegsep.datasets.channels.match`. A session with a run
    that cannot be cut into trials, has values that are not finite, or does not go with the others
    is left out as a whole.

    Parameters
    ----------
    dataset, paradigm, subject
        See :func:`read_subject`.
    missing_channels : {"error", "common", "interpolate"}
        What to do where recordings have other channels, see
        :func:`eegsep.datasets.channels.match`.

    Returns
    -------
    trials : Trials
        With a failure for each session that was left out, or for the subject.

    Raises
    ------
    DataNotFoundError
        If the recordings are not on disk and cannot be downloaded.
    """
    code = dataset.code

    def fail(reason, session=None):
        return Failure(code, subject, session, None, reason)

    with about(code, subject):
        try:
            sessions = _load(dataset, subject)
        except DataNotFoundError:
            raise
        except Exception as error:  # whatever a reader makes of a damaged file
            return Trials(dataset, [], [fail(_say_unreadable(error))])
    recordings, failures = [], [] if sessions else [fail("has no recording")]
    for session, runs in sessions.items():
        cut, empty, reason = [], [], None
        with about(code, subject, session):
            for run, raw in runs.items():
                try:
                    bands = _cut(dataset, paradigm, raw, missing_channels)
                    if bands is None:
                        empty.append(run)
                    else:
                        labels = paradigm.make_labels_pipeline(dataset, True).transform(bands[0])
                        bads = tuple(raw.info["bads"])
                        cut.append(Recording(subject, session, run, bands, np.array(labels), bads))
                except Exception as error:  # of any step from a recording to trials
                    where = f"run {run} " if len(runs) > 1 else ""
                    reason = where + _say_step(error)
                    break
            if cut and empty:
                warnings.warn(f"no trial in run {', '.join(map(str, empty))}", stacklevel=2)
        if reason is None and not cut:
            events = ", ".join(paradigm.used_events(dataset))
            reason = f"has no trial of {events} whose window lies within the recording"
        if reason is None:
            recordings += cut
        else:
            failures.append(fail(reason, session))
    with about(code, subject):
        matched, reasons = match(
            recordings,
            missing_channels=missing_channels,
            channels=paradigm.channels,
            unit=attrgetter("session"),
        )
    failures += [fail(reason, session) for session, reason in reasons.items()]
    return Trials(dataset, matched, failures)


def stack_subjects(dataset, parts, *, missing_channels="error", channels=None):
    """Put subjects together who are trained on together; channels are matched by name.

    Parameters
    ----------
    dataset : moabb.datasets.base.BaseDataset
        The dataset.
    parts : sequence of Trials
        A subject each.
    missing_channels, channels
        See :func:`eegsep.datasets.channels.match`.

    Returns
    -------
    trials : Trials
        Of all; subjects who do not go with the others are left out.
    """
    recordings = [recording for part in parts for recording in part.recordings]
    with about(dataset.code):
        matched, reasons = match(recordings, missing_channels=missing_channels, channels=channels)
    failures = [failure for part in parts for failure in part.failures]
    failures += [
        Failure(dataset.code, subject, None, None, reason) for subject, reason in reasons.items()
    ]
    return Trials(dataset, matched, failures)


def read_subject(dataset, paradigm, subject, *, return_epochs=False, missing_channels="error"):
    """Read one subject's trials with a paradigm, inside :func:`reading_from`.

    As MOABB's ``paradigm.get_data`` does, but channels are matched by name.

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
    missing_channels : {"error", "common", "interpolate"}
        What to do where recordings have other channels, see
        :func:`eegsep.datasets.channels.match`.

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
        If one of them cannot be used, such as one that lacks a channel.
    """
    trials = read_trials(dataset, paradigm, subject, missing_channels=missing_channels)
    if trials.failures:
        raise RequestError(f"{say_failures(trials.failures)}.")
    X = trials.epochs() if return_epochs else trials.array()
    return X, trials.labels, trials.metadata


def _load(dataset, subject):
    """Load one subject's recordings as they are: raws by session and run."""
    import mne
    from moabb.datasets.download import DatasetDownloadError, NemarDownloadError
    from moabb.datasets.fake import FakeDataset
    from moabb.datasets.preprocessing import FixedPipeline

    default = Path(_DEFAULT_FOLDER).expanduser()
    if mne.get_config("MNE_DATA") == str(default) and not isinstance(dataset, FakeDataset):
        default.mkdir(exist_ok=True)  # as MNE does, for what it is to download
    try:
        return dataset.get_data([subject], process_pipeline=FixedPipeline([]))[subject]
    except (OSError, DatasetDownloadError, NemarDownloadError) as error:
        if _is_about_a_file_that_is_there(error):
            raise
        raise DataNotFoundError(
            f"{dataset.code}: recordings of subject {subject} are not in "
            f"{mne.get_config('MNE_DATA')} and cannot be downloaded ({_why(error)}). "
            + _others_that_are_there(dataset, subject)
        ) from error
    except AttributeError as error:
        if "accept" not in str(error):
            raise
        raise DataNotFoundError(
            f"{dataset.code}: downloading it needs its licence accepted; from Python, make the "
            "dataset with accept=True and give it to eegsep.studies.benchmark.benchmark."
        ) from error


def _is_about_a_file_that_is_there(error):
    """Tell a recording that cannot be read from one that is not on disk."""
    import requests

    download = (requests.RequestException, FileNotFoundError, ConnectionError, TimeoutError)
    if not isinstance(error, OSError) or isinstance(error, (*download, socket.gaierror)):
        return False
    if isinstance(error, PermissionError) and error.filename is not None:
        # else it is a file that is to be downloaded, into a folder that may not be written
        file, folder = Path(error.filename), Path(os.environ.get("MNE_DATA", ""))
        return file.exists() or not file.is_relative_to(folder)
    return error.errno not in (errno.ENOSPC, errno.EROFS, errno.EDQUOT)


def _others_that_are_there(dataset, subject):
    """Say which subjects of a dataset can be read without the network, for some seconds."""
    started, there = time.monotonic(), []
    with _no_network(), quiet(Counter()):
        for other in dataset.subject_list:
            if other != subject and time.monotonic() - started < _SECONDS_TO_LOOK:
                try:
                    dataset.get_data([other])
                except Exception:  # whatever it is, it is not there for the asking
                    continue
                there.append(other)
    if not there:
        return "Choose the folder with --data-dir, or other subjects with --subjects."
    numbers = join_ranges(there)
    return f"Recordings of subjects {numbers} are there: choose them with --subjects {numbers}."


@contextmanager
def _no_network():
    """Send downloads to a port where nobody answers, so that they end at once."""
    names = [f"{scheme}_proxy" for scheme in ("http", "https", "ftp", "all")]
    names = [*names, *map(str.upper, names)]
    with _environment(
        dict.fromkeys(names, "http://127.0.0.1:9") | {"no_proxy": "", "NO_PROXY": ""}
    ):
        yield


def _cut(dataset, paradigm, raw, missing_channels):
    """Cut one recording into trials in each band; None if none of its trials is wanted."""
    import mne
    from moabb.datasets.base import apply_step

    paradigm = copy.copy(paradigm)
    reference = getattr(paradigm, "eeg_reference", "average")
    named = [] if reference == "average" else reference
    spelled = find_channels([*named, *(paradigm.channels or ())], raw.ch_names)
    raw.rename_channels({theirs: ours for ours, theirs in spelled.items()})
    lacking = [name for name in named if name not in spelled]
    if lacking:
        raise ValueError(
            f"has no channel {', '.join(map(repr, lacking))}: choose electrodes that it has, or "
            "the reference 'average'"
        )
    if paradigm.channels is not None:
        there = [name for name in paradigm.channels if name in spelled]
        chosen = [name for name in there if name not in raw.info["bads"]]
        if missing_channels == "interpolate" and len(chosen) < len(paradigm.channels):
            # from all neighbours; the channels are chosen afterwards
            eeg = [raw.ch_names[k] for k in mne.pick_types(raw.info, eeg=True)]
            chosen = list(dict.fromkeys([*there, *eeg]))
        if not chosen:
            raise ValueError(
                f"has no good channel {', '.join(paradigm.channels)}: choose electrodes that it has"
            )
        paradigm.channels = chosen
    elif not len(mne.pick_types(raw.info, eeg=True)):
        raise ValueError("has no EEG channel that is not marked bad")
    pipelines = paradigm.make_process_pipelines(dataset, return_epochs=True)
    bands = []
    for pipeline in pipelines:
        trials = raw.copy() if len(pipelines) > 1 else raw
        for _, step in pipeline.steps:
            try:
                trials = apply_step(step, trials)
            except ValueError as error:
                # of annotations that are none of the dataset's events
                if "Could not find any of the events" not in str(error):
                    raise
                return None
            if trials is None or (isinstance(trials, mne.BaseEpochs) and not len(trials)):
                return None
        bands.append(trials)
    for epochs in bands:
        finite = np.isfinite(epochs.get_data(copy=False)).all(axis=(0, 2))
        if not finite.all():
            names = [epochs.ch_names[k] for k in np.flatnonzero(~finite)]
            raise ValueError(f"has values that are not finite in {', '.join(names[:8])}")
    _check_signal(bands[0])
    dropped = Counter(reason for log in bands[0].drop_log for reason in log if reason != "IGNORED")
    for reason, n in dropped.items():
        warnings.warn(f"trials dropped by MNE ({reason}): {n}", stacklevel=2)
    return tuple(bands)


def _check_signal(epochs):
    """Refuse a recording without any signal, and warn of channels that have none."""
    X = epochs.get_data(copy=False)
    ranges = X.max(axis=(0, 2)) - X.min(axis=(0, 2))
    # what filters leave of a constant is not quite zero
    flat = ranges <= max(_NO_SIGNAL, _FLAT * ranges.max())
    if flat.all():
        raise ValueError("has no signal: every channel is flat")
    if flat.any():
        names = [epochs.ch_names[k] for k in np.flatnonzero(flat)]
        warnings.warn(f"flat, without any signal: {', '.join(names[:8])}", stacklevel=2)


def _say_unreadable(error):
    """Say in a line which file cannot be read, and why."""
    file = _file_of(error)
    if isinstance(error, PermissionError):
        return f"no permission to read {file or 'the recording'}"
    what = "the recording" if file is None else str(file)
    return f"cannot read {what} ({_named(error)})"


def _file_of(error):
    """Find the file that was being read when an error came up, None if it is not known."""
    if isinstance(error, OSError) and error.filename is not None:
        return error.filename
    # readers seldom name it, but all of them hold on to it
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        for name in ("fname", "filename", "file_name", "input_fname", "raw_fname", "path"):
            value = frame.f_locals.get(name)
            if isinstance(value, (str, Path)) and os.path.isfile(value):
                return value
    return None


def _say_step(error):
    """Say in a line why a recording cannot be cut into trials."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) and text else _named(error)


def _named(error):
    text = " ".join(str(error).split()) or "no reason given"
    return f"{type(error).__name__}: {textwrap.shorten(text, 200, placeholder=' ...')}"


def _why(error):
    """Say in a few words why a download failed."""
    import requests

    if isinstance(error, (requests.ConnectionError, requests.Timeout)) and error.request:
        return f"{urlparse(error.request.url).hostname} cannot be reached"
    if isinstance(error, PermissionError):
        return f"no permission to write {error.filename}"
    return textwrap.shorten(str(error) or type(error).__name__, 120, placeholder=" ...")
