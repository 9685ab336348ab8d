"""What a study reads: datasets, subjects, and how their recordings become trials, in one object.

Asked for once, by Python or by the command line, and told by the object itself: `Recordings`.
"""

from __future__ import annotations

import copy
import shlex
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from moabb.datasets.base import BaseDataset
from moabb.paradigms.base import BaseParadigm
from sklearn.pipeline import Pipeline

from eegsep._utils.errors import RequestError
from eegsep._utils.logs import join_ranges

from .channels import MISSING_CHANNELS
from .paradigms import (
    check_bands,
    check_fit,
    check_settings,
    limit_runs,
    paradigm_maker,
    suited_paradigm,
)
from .recordings import (
    check_subjects,
    find_dataset,
    is_path,
    read_trials,
    reading_from,
    stack_subjects,
)
from .study_folders import Study

# What a paradigm that is given as an object brings with it.
OF_THE_PARADIGM = ("fmin", "fmax", "tmin", "tmax", "resample", "channels", "eeg_reference")


@dataclass(frozen=True, repr=False)
class Recordings:
    """The recordings that a study is asked for, and how trials are cut from them.

    Nothing is read or checked before :meth:`select`.

    Parameters
    ----------
    datasets : str | BaseDataset | sequence of these
        MOABB datasets, by name or as objects; folders or files of studies of one's own, see
        :func:`eegsep.datasets.study`; classes in Python files, as ``"my_module.py:MyDataset"``.
    subjects : sequence of int | None
        Subjects of each dataset; None for all.
    paradigm : str | BaseParadigm | None
        MOABB paradigm, which says what trials are and how they are scored; of more than two
        classes by accuracy where it has ROC-AUC. An object brings its own band, window and
        sampling rate. None for what suits the datasets: ``LeftRightImagery`` for imagery of both
        hands, and all classes of a study of one's own.
    fmin, fmax : float | None
        Pass band in Hz; None for the paradigm's own (8-32 Hz for imagery).
    tmin, tmax : float | None
        Window in seconds from the start of the trial; None for the dataset's own.
    resample : float | None
        Sampling rate in Hz; None to leave it. The EEGNet paper's 128 Hz makes 64 samples half a
        second.
    channels : sequence of str | None
        Electrodes to read; None for all EEG channels.
    missing_channels : {"error", "common", "interpolate"}
        Channels are matched by name. Where recordings that are trained or tested on together do
        not have the same ones, or one is marked bad: leave out and name those that differ from the
        others, take the channels that all have, or interpolate those that are missing (by MNE, at
        known positions).
    eeg_reference : {"average"} | sequence of str | None
        Average of these electrodes, or of all good ones (not only of ``channels``), that is
        subtracted from each before anything else; None for the recording's own reference.
    trust : bool
        Whether Python files with datasets may be run.
    data_dir : path-like | None
        Folder with recordings, see :func:`eegsep.datasets.recordings.reading_from`.

    Examples
    --------
    >>> from eegsep.datasets import Recordings
    >>> recordings = Recordings("PhysionetMI", subjects=[1, 2, 3], fmin=8, fmax=30)
    >>> recordings
    Recordings('PhysionetMI', subjects=[1, 2, 3], fmin=8, fmax=30)
    >>> print(recordings)
    PhysionetMI, subjects 1-3: 8–30 Hz, resampled to 128 Hz
    >>> recordings.to_command()
    'PhysionetMI --subjects 1-3 --fmin 8 --fmax 30 --resample 128'
    """

    datasets: Any = ("SimulatedMotorImagery",)
    subjects: Any = None
    paradigm: Any = None
    fmin: float | None = None
    fmax: float | None = None
    tmin: float | None = None
    tmax: float | None = None
    resample: float | None = 128.0
    channels: Any = None
    missing_channels: str = "error"
    eeg_reference: Any = None
    trust: bool = False
    data_dir: Any = None

    @classmethod
    def of(cls, datasets, options):
        """Make recordings of what a study is given: datasets and options, or a `Recordings`.

        Parameters
        ----------
        datasets : Recordings | str | BaseDataset | sequence of these
        options : dict
            Parameters by name. They replace those of a `Recordings`.

        Returns
        -------
        recordings : Recordings
        """
        return (
            replace(datasets, **options) if isinstance(datasets, cls) else cls(datasets, **options)
        )

    @classmethod
    def of_run(cls, run):
        """Read recordings off the record of a study.

        Parameters
        ----------
        run : dict
            As :attr:`eegsep.studies.benchmark.BenchmarkResult.run`.

        Returns
        -------
        recordings : Recordings
            With codes for datasets, or the paths by which they were found, and what the paradigm
            had for what was left to it.
        """
        chosen = list(run["datasets"].values())
        # else they are all that each dataset has
        subjects = chosen[0] if all(each == chosen[0] for each in chosen) else None
        low, high = run["bands_hz"][0] if len(run["bands_hz"]) == 1 else (None, None)
        # a folder of an older version has no record of these
        later = ("channels", "missing_channels", "eeg_reference")
        paths = run.get("paths", {})
        return cls(
            [paths.get(code, code) for code in run["datasets"]],
            subjects=subjects,
            paradigm=run["paradigm"],
            fmin=low,
            fmax=high,
            tmin=run["tmin_s"],
            tmax=run["tmax_s"],
            resample=run["resample_hz"],
            **{name: run[name] for name in later if name in run},
        )

    @property
    def objects(self):
        """Names of what was given as objects, which no command line can name (list of str)."""
        return given_as_objects(datasets=self._named(), paradigm=self.paradigm)

    def options(self):
        """Return what differs from the defaults, or is in every command.

        Returns
        -------
        options : dict
            Parameters by name, but for ``datasets`` and ``data_dir``, which changes no score.
        """
        always = ("paradigm", "resample")
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)[1:-1]
            if each.name in always or not _is(getattr(self, each.name), each.default)
        }

    def to_command(self):
        """Write the recordings as arguments of ``eegsep benchmark``, ``ablate`` or ``inspect``.

        Returns
        -------
        words : str

        Raises
        ------
        ValueError
            If something was given as an object.
        """
        self._refuse_objects("command")
        return shlex.join([*self._names(), *command_options(self.options())])

    def to_yaml(self):
        """Write the recordings as YAML, of which ``Recordings(**yaml.safe_load(text))`` makes them.

        Returns
        -------
        text : str

        Raises
        ------
        ValueError
            If something was given as an object.
        """
        self._refuse_objects("YAML")
        plain = {
            name: np.asarray(value).tolist() if np.ndim(value) else value
            for name, value in self.options().items()
        }
        return yaml.safe_dump({"datasets": self._names(), **plain}, sort_keys=False)

    def __str__(self):
        window = ""
        if self.tmin is not None or self.tmax is not None:
            end = "the end of the trial" if self.tmax is None else f"{self.tmax:g} s"
            window = f"{self.tmin or 0:g} s to {end}"
        paradigm = self.paradigm
        parts = [
            type(paradigm).__name__ if isinstance(paradigm, BaseParadigm) else paradigm or "",
            say_bands([(self.fmin, self.fmax)]) if self.fmin or self.fmax else "",
            window,
            "" if self.resample is None else f"resampled to {self.resample:g} Hz",
            "" if self.channels is None else f"channels {', '.join(self.channels)}",
            "" if self.missing_channels == "error" else f"missing channels {self.missing_channels}",
            "" if self.eeg_reference is None else say_reference(self.eeg_reference),
        ]
        said = ", ".join(filter(None, parts)) or "as they are"
        return f"{', '.join(self._names())}{self._say_subjects()}: {said}"

    def __repr__(self):
        each_dataset = list(self._each_dataset())
        datasets = each_dataset[0] if len(each_dataset) == 1 else self.datasets
        changed = [
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(self)[1:]
            if not _is(getattr(self, each.name), each.default)
        ]
        return f"Recordings({', '.join([repr(datasets), *changed])})"

    def _each_dataset(self):
        one = isinstance(self.datasets, (str, Path, BaseDataset)) or not np.iterable(self.datasets)
        return [self.datasets] if one else self.datasets

    def _named(self):
        """Name the datasets, but for objects that have no path by which to find them again."""

        def name(each):
            if isinstance(each, Path):
                return str(each)
            return (each.path if isinstance(each, Study) else None) or each

        return list(map(name, self._each_dataset()))

    def _names(self):
        return [each if isinstance(each, str) else each.code for each in self._named()]

    def _say_subjects(self):
        if self.subjects is None:
            return ""
        plural = "" if len(self.subjects) == 1 else "s"
        return f", subject{plural} {join_ranges(self.subjects)}"

    def _refuse_objects(self, what):
        if self.objects:
            raise ValueError(f"no {what} can name {' and '.join(self.objects)} given as objects")

    def reading(self):
        """Let MNE and MOABB read from ``data_dir`` while it lasts (context manager)."""
        return reading_from(self.data_dir)

    def select(self):
        """Find the datasets and check what is asked of them, before any are read.

        Returns
        -------
        selections : list of Selection
            One for each dataset.

        Raises
        ------
        RequestError
            If a dataset, subject or paradigm is unknown, does not go with the others, or a setting
            cannot be.
        """
        if isinstance(self.channels, str) or not (
            self.channels is None or np.iterable(self.channels)
        ):
            raise RequestError(f"channels are a list of electrodes, not {self.channels!r}.")
        if np.iterable(self.channels) and not len(list(self.channels)):
            raise RequestError("there are no channels to read: name one or more.")
        channels = None if self.channels is None else list(self.channels)
        settings = {"fmin": self.fmin, "fmax": self.fmax, "tmin": self.tmin, "tmax": self.tmax}
        settings["resample"] = self.resample
        check_settings(**settings, channels=channels)
        if self.missing_channels not in MISSING_CHANNELS:
            raise RequestError(
                f"missing channels: {', '.join(MISSING_CHANNELS)}, not {self.missing_channels!r}."
            )
        settings["channels"] = channels
        found, paradigm = None, self.paradigm
        if paradigm is None:
            found = self._find()
            paradigm = suited_paradigm([dataset for dataset, _ in found.values()])
        make_paradigm = paradigm_maker(paradigm, settings, self.eeg_reference)
        check_bands(make_paradigm())
        found = found or self._find()  # after the faults of a paradigm that was asked for
        selections = []
        for dataset, path in found.values():
            chosen = check_subjects(dataset, self.subjects)
            check_fit(dataset, make_paradigm())
            own = make_paradigm()
            events = own.used_events(dataset)  # MotorImagery takes its number of classes from here
            if len(events) > 2 and own.scoring == "roc_auc":
                own.scorer = "accuracy"  # as MOABB does for imagery, but not for resting states
            own.prepare_process(dataset)  # and FilterBankSSVEP its bands
            check_bands(own)
            limit_runs(dataset, own)
            process = own.make_process_pipelines(dataset)[0]
            selections.append(
                Selection(
                    dataset,
                    chosen,
                    own,
                    process,
                    missing_channels=self.missing_channels,
                    path=path,
                )
            )
        return selections

    def _find(self):
        """Find the datasets, by code, each with the path that it has, or None."""
        found = {}
        for name in self._named():
            if isinstance(name, str):
                dataset = find_dataset(name, trust=self.trust)
                path = name if is_path(name) else None
            elif not isinstance(name, BaseDataset):
                raise RequestError(f"a dataset is a name, a path or a MOABB dataset, not {name!r}.")
            else:
                dataset, path = copy.copy(name), None
            _, other = found.get(dataset.code, (None, path))
            if path != other:
                raise RequestError(
                    f"{path or 'a dataset'} and {other or 'another dataset'} are both called "
                    f"{dataset.code}: give one another name (name: in its study.yml)."
                )
            found[dataset.code] = dataset, path
        if not found:
            raise RequestError("there is no dataset to read: name one or more.")
        return found


def _is(value, default):
    return value is default or (np.isscalar(value) and value == default)


def given_as_objects(**arguments):
    """Tell which arguments of a study are objects, which no command line can name (list of str).

    These are, or hold, anything but numbers, texts and paths.
    """

    def is_plain(value):
        if isinstance(value, (list, tuple, set, range, np.ndarray)):
            return all(map(is_plain, value))
        return value is None or isinstance(value, (str, Path, int, float, np.number))

    return [name for name, value in arguments.items() if not is_plain(value)]


def command_options(options):
    """Write parameters by name as options of a command (list of str).

    None, and a list of nothing, is no option; a truth is one without a value; texts with commas in
    them are as many options.
    """
    words = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if name == "resample":
            words += [option, exact(value or 0)]
        elif name == "subjects" and value is not None:
            words += [option, join_ranges(value)]
        elif isinstance(value, bool):
            words.append(option if value else f"--no-{option[2:]}")
        elif np.ndim(value) and any("," in str(each) for each in value):
            words += [word for each in value for word in (option, each)]
        elif np.ndim(value):
            words += [option, ",".join(map(exact, value))] if len(value) else []
        elif value is not None:
            words += [option, exact(value)]
    return words


def exact(value):
    """Write a number in as few digits as give it back, or a text as it is (str)."""
    if isinstance(value, str):
        return value
    short = format(value, "g")
    return short if float(short) == value else repr(value)


def say_bands(bands):
    """Write pass bands (low, high) in Hz, of which None is an end that a filter has not (str)."""
    ends = ["–".join("" if end is None else f"{end:g}" for end in band) for band in bands]
    return f"{', '.join(ends)} Hz"


def say_reference(reference):
    """Tell what recordings are referenced to (str)."""
    electrodes = "all electrodes" if reference == "average" else ", ".join(reference)
    return f"average of {electrodes}"


# -- what was found ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Selection:
    """A dataset with the subjects to take and the paradigm that cuts their trials.

    Attributes
    ----------
    dataset : moabb.datasets.base.BaseDataset
        The dataset, limited to the runs that the paradigm uses.
    subjects : list
        Numbers of the subjects, in the dataset's order.
    paradigm : moabb.paradigms.base.BaseParadigm
        Band, window, sampling rate and classes. Each dataset has one of its own.
    process : sklearn.pipeline.Pipeline
        MOABB's steps from recordings to trials; their digest tells results on disk apart.
    missing_channels : {"error", "common", "interpolate"}
        What is done where recordings have other channels.
    path : str | None
        Of a study of one's own, or a class in a file: as it was asked for.
    """

    dataset: BaseDataset
    subjects: list
    paradigm: BaseParadigm
    process: Pipeline
    missing_channels: str = field(default="error", kw_only=True)
    path: str | None = field(default=None, kw_only=True)

    def trials(self, subject):
        """Read what can be read; see :func:`eegsep.datasets.recordings.read_trials`."""
        return read_trials(
            self.dataset, self.paradigm, subject, missing_channels=self.missing_channels
        )

    def stack(self, parts, channels=None):
        """Put subjects together; see :func:`eegsep.datasets.recordings.stack_subjects`."""
        return stack_subjects(
            self.dataset,
            parts,
            missing_channels=self.missing_channels,
            channels=self.paradigm.channels or channels,
        )


def record(selections):
    """Say for the record of a study how recordings became trials (dict that JSON can hold).

    The paradigms of the selections have the same settings; :meth:`Recordings.of_run` reads it.
    """
    paradigm = selections[0].paradigm
    return {
        "paradigm": type(paradigm).__name__,
        "bands_hz": [list(band) for band in paradigm.filters],
        "tmin_s": paradigm.tmin,
        "tmax_s": paradigm.tmax,
        "trials_s": {each.dataset.code: list(each.dataset.interval) for each in selections},
        "resample_hz": paradigm.resample,
        "channels": paradigm.channels,
        "missing_channels": selections[0].missing_channels,
        "eeg_reference": getattr(paradigm, "eeg_reference", None),
        "paths": {each.dataset.code: each.path for each in selections if each.path is not None},
    }
