"""MOABB's paradigms, found by name and made with a band, a window and a rate that can be.

A paradigm says which trials are cut from recordings, and how they are scored.
"""

import copy
import inspect
import math
from collections import Counter
from numbers import Real

import moabb.paradigms
from moabb.paradigms.base import BaseParadigm

from eegsep._utils.errors import RequestError, look_up

from .channels import channel_key
from .reference import with_eeg_reference

# Above all rates at which EEG is recorded, in Hz.
_MOST_RESAMPLED = 50_000
# In seconds; trials are shorter.
_LONGEST_WINDOW = 3600


def check_settings(fmin, fmax, tmin, tmax, resample, channels):
    """Refuse what MNE would take as something else, or fail on after the data are read."""
    _check_names("channel", channels or ())
    numbers = {"fmin": fmin, "fmax": fmax, "tmin": tmin, "tmax": tmax, "resample": resample}
    for name, value in numbers.items():
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if value is not None and not (is_number and math.isfinite(value)):
            raise RequestError(f"{name} must be a finite number, not {value!r}.")
    if resample is not None and not 0 < resample <= _MOST_RESAMPLED:
        raise RequestError(
            f"cannot resample to {resample:g} Hz: give a rate above 0 and up to "
            f"{_MOST_RESAMPLED:,} Hz."
        )
    for name, value in (("fmin", fmin), ("fmax", fmax)):
        if value is not None and value < 0:
            raise RequestError(f"{name} must not be negative, got {value:g} Hz.")
    if fmin is not None and fmax is not None and fmin >= fmax:
        # MNE makes a band-stop filter of it
        raise RequestError(f"fmin ({fmin:g} Hz) must be below fmax ({fmax:g} Hz).")
    if tmin is not None and tmax is not None and tmin >= tmax:
        raise RequestError(
            f"tmax must be greater than tmin, but {tmin:g} s is not before {tmax:g} s."
        )


def _check_names(what, names):
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise RequestError(f"a {what} is a name, not {wrong[0]!r}.")
    spellings = Counter(map(channel_key, names))
    twice = [name for name in dict.fromkeys(names) if spellings[channel_key(name)] > 1]
    if twice:
        raise RequestError(f"{what} {', '.join(twice)} is named more than once.")


def check_bands(paradigm):
    """Refuse bands that cannot be, whether asked for or the paradigm's own."""
    # a filter bank for SSVEP has none before it knows the dataset's frequencies
    for low, high in paradigm.filters or ():
        if low is not None and high is not None and low >= high:
            raise RequestError(
                f"fmin ({low:g} Hz) must be below fmax ({high:g} Hz): choose both (--fmin, --fmax)."
            )
        half = None if paradigm.resample is None else paradigm.resample / 2
        if high is not None and half is not None and high >= half:
            raise RequestError(
                f"fmax ({high:g} Hz) must be below half of the sampling rate ({2 * half:g} Hz)."
            )


def _check_window(dataset, paradigm):
    """Refuse a window that has no part of a trial in it."""
    start, end, interval = paradigm.tmin, paradigm.tmax, dataset.interval
    if start is None or interval is None:
        return
    duration = interval[1] - interval[0]
    end = duration if end is None else end
    if start >= duration or start >= end:
        raise RequestError(
            f"the window from {start:g} s to {end:g} s has nothing of the trials of "
            f"{dataset.code} in it, which last {duration:g} s: choose tmin and tmax (--tmin, "
            "--tmax) from their start on."
        )
    if end - start > _LONGEST_WINDOW:
        raise RequestError(
            f"the window from {start:g} s to {end:g} s is longer than {_LONGEST_WINDOW} s."
        )
    if paradigm.resample is not None and (end - start) * paradigm.resample < 2:
        raise RequestError(f"the window from {start:g} s to {end:g} s has less than two samples.")


def paradigm_classes():
    """Find MOABB's paradigms (dict of type by name)."""
    return {
        name: kind
        for name, kind in vars(moabb.paradigms).items()
        if inspect.isclass(kind)
        and issubclass(kind, BaseParadigm)
        and not inspect.isabstract(kind)
        and not name.startswith(("Base", "Fake"))
    }


# MOABB's paradigm for each kind of dataset, but for imagery.
SUITED = {
    "p300": "P300",
    "ssvep": "SSVEP",
    "cvep": "CVEP",
    "rstate": "RestingStateToP300Adapter",
}


def suited_paradigm(datasets):
    """Name the paradigm that suits datasets, where none is asked for.

    That is the left hand against the right one of MOABB's imagery datasets that have both, and all
    classes of other datasets and of studies of one's own. It is a RequestError if they are of
    different kinds.
    """
    suited = {dataset.code: _suited(dataset) for dataset in datasets}
    if len(set(suited.values())) > 1:
        each = ", ".join(f"{code} with {paradigm}" for code, paradigm in suited.items())
        raise RequestError(
            f"the datasets go with different paradigms ({each}): choose one that all go with "
            "(--paradigm), or read them one by one."
        )
    return next(iter(suited.values()))


def _suited(dataset):
    if hasattr(dataset, "default_paradigm"):
        return dataset.default_paradigm
    hands = {"left_hand", "right_hand"} <= dataset.event_id.keys()
    imagery = "LeftRightImagery" if hands else "MotorImagery"
    return SUITED.get(dataset.paradigm, imagery)


def paradigm_maker(paradigm, settings, eeg_reference):
    """Return what makes a fresh paradigm, since a MOABB paradigm remembers its dataset."""
    if eeg_reference is not None:
        make = paradigm_maker(paradigm, settings, None)
        chosen = with_eeg_reference(make(), eeg_reference).eeg_reference
        if chosen != "average":
            _check_names("reference", chosen)
        return lambda: with_eeg_reference(make(), chosen)
    if isinstance(paradigm, BaseParadigm):
        return lambda: copy.deepcopy(paradigm)
    if not isinstance(paradigm, str):
        raise RequestError(f"a paradigm is a name or one of MOABB's, not {paradigm!r}.")
    kind = look_up("paradigm", paradigm, paradigm_classes())
    settings = {key: value for key, value in settings.items() if value is not None}
    unknown = settings.keys() - inspect.signature(kind).parameters.keys()
    if unknown:
        raise RequestError(f"paradigm {kind.__name__} has no {', '.join(sorted(unknown))}.")
    try:
        kind(**settings)
    except ValueError as error:
        raise RequestError(f"paradigm {kind.__name__}: {error}.") from error
    return lambda: kind(**settings)


def check_fit(dataset, paradigm):
    """Refuse a dataset that does not go with the paradigm."""
    if not paradigm.is_valid(dataset):
        raise RequestError(
            f"{dataset.code} does not go with the paradigm {type(paradigm).__name__}: it has "
            f"{dataset.paradigm} trials of {', '.join(dataset.event_id)}."
        )
    _check_window(dataset, paradigm)


def limit_runs(dataset, paradigm):
    """Keep a dataset from reading runs of which the paradigm uses no trial, in place.

    MOABB's ``PhysionetMI`` reads (and downloads) the runs with feet even for the hands alone.
    """
    if hasattr(dataset, "feet_runs") and not {"feet", "hands"} & set(paradigm.used_events(dataset)):
        dataset.feet_runs = []
