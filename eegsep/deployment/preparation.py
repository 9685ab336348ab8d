"""How a recording becomes the windows that a classifier was fitted to, so that others do alike.

Plain data that a model's file keeps, and MNE's steps by them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from eegsep._utils.errors import RequestError
from eegsep._utils.warnings import warn
from eegsep.datasets.channels import find_channels, listed
from eegsep.datasets.study_folders.description import UNITS as VOLTS
from eegsep.datasets.study_folders.reading import typical_amplitude

# What estimators take: Epochs, in volts, or arrays in a unit.
UNITS = {unit: 1 / VOLTS[unit] for unit in ("V", "µV")}
# An amplitude this many times another is no matter of people and caps.
_OTHER_UNIT = 100.0


@dataclass(frozen=True)
class Preparation:
    """How recordings are prepared for a classifier, in the words of MNE.

    Steps come in this order: the sampling rate of the recording, the reference, the channels by
    name, the filter (MNE's zero-phase IIR filter, as in MOABB), the windows, their baseline, and
    their sampling rate.

    Parameters
    ----------
    ch_names : sequence of str
        Channels, in the order that the classifier takes.
    recorded_sfreq : float
        Sampling rate in Hz of the recordings of the fit, to which others are brought first.
    sfreq : float
        Sampling rate in Hz of the windows that the classifier takes.
    tmin, tmax : float
        First and last sample of a window, in seconds after its marker.
    n_times : int
        Samples of a window, at ``sfreq``.
    fmin, fmax : float | None
        Pass band in Hz.
    eeg_reference : sequence of str | None
        Electrodes whose average is subtracted from each; None for the recording's own reference.
    baseline : (float, float) | None
        Seconds after the marker, whose mean is subtracted from each channel.
    ch_type : str
        Type of the channels, as MNE calls it.
    unit : {"V", "µV"}
        ``"V"`` for a classifier that takes ``mne.Epochs``, else what it takes arrays in.
    classes : dict of str
        Classes by the text of the marker.
    amplitude : float | None
        By how much the recordings of the fit vary within a second, in volts, see
        :func:`eegsep.datasets.study_folders.reading.typical_amplitude`.
    files : dict
        What ``study.yml`` said of the files: ``unit, sfreq, markers, rename, types``.

    Examples
    --------
    >>> from eegsep.deployment import Preparation
    >>> preparation = Preparation(
    ...     ["C3", "C4"], 256.0, 128.0, 0.0, 2.0, n_times=257, fmin=8.0, fmax=30.0
    ... )
    >>> Preparation.from_dict(preparation.to_dict()) == preparation
    True
    """

    ch_names: Sequence[str]
    recorded_sfreq: float
    sfreq: float
    tmin: float
    tmax: float
    n_times: int
    fmin: float | None = None
    fmax: float | None = None
    eeg_reference: Sequence[str] | None = None
    baseline: Sequence[float] | None = None
    ch_type: str = "eeg"
    unit: str = "V"
    classes: dict[str, str] = field(default_factory=dict)
    amplitude: float | None = None
    files: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_classifier(cls, estimator, tmin=0.0):
        """Take what a classifier itself knows, for recordings that are filtered already.

        Parameters
        ----------
        estimator : EEGNetClassifier
            Fitted to Epochs.
        tmin : float
            Start of the windows, in seconds after the marker.

        Returns
        -------
        preparation : Preparation

        Raises
        ------
        ValueError
            If it was fitted to arrays, and knows no names.
        """
        info = getattr(estimator, "info_", None)
        if info is None:
            raise ValueError(
                f"{type(estimator).__name__} was not fitted to Epochs, and knows neither names of "
                "channels nor a sampling rate: pass preparation=Preparation(...)."
            )
        sfreq, n_times = float(info["sfreq"]), int(estimator.n_times_in_)
        tmax = tmin + (n_times - 1) / sfreq
        kind = info.get_channel_types()[0]
        return cls(list(info["ch_names"]), sfreq, sfreq, tmin, tmax, n_times, ch_type=kind)

    def to_dict(self):
        """Return what JSON can hold (dict)."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content):
        """Make it of what :meth:`to_dict` returned.

        Parameters
        ----------
        content : dict

        Returns
        -------
        preparation : Preparation

        Raises
        ------
        ValueError
            If something is missing or cannot be, as in a file that was changed.
        """
        known = {each.name for each in fields(cls)}
        if not isinstance(content, dict) or not known >= content.keys():
            raise ValueError("the preparation of recordings has parts that nobody knows")
        try:
            preparation = cls(**content)
            preparation._check()
        except TypeError as error:
            raise ValueError(f"the preparation of recordings is not whole ({error})") from error
        return preparation

    def _check(self):
        amplitude = 1.0 if self.amplitude is None else self.amplitude
        numbers = (self.recorded_sfreq, self.sfreq, self.n_times, amplitude)
        window = (self.tmin, self.tmax, *(self.baseline or ()))
        band = [end for end in (self.fmin, self.fmax) if end is not None]
        names = [*self.ch_names, *(self.eeg_reference or ())]
        good = (
            all(np.isfinite([*numbers, *window, *band]))
            and min(numbers) > 0
            and self.tmin <= self.tmax
            and self.unit in UNITS
            and bool(self.ch_names)
            and not isinstance(self.ch_names, str)
            and not isinstance(self.eeg_reference, str)
            and isinstance(self.classes, dict)
            and isinstance(self.files, dict)
            and all(isinstance(name, str) for name in names)
        )
        if not good:
            raise ValueError("the preparation of recordings says what cannot be")

    @property
    def length(self):
        """Seconds from the first sample of a window to the end of its last (float)."""
        return self.tmax - self.tmin + 1 / self.recorded_sfreq

    def prepare(self, raw, name="the recording"):
        """Bring a recording to the classifier's channels, reference and band.

        Parameters
        ----------
        raw : mne.io.BaseRaw
            In volts. It is not changed.
        name : str
            What refusals call it.

        Returns
        -------
        raw : mne.io.BaseRaw
            A copy, loaded, with ``ch_names`` in this order, at ``recorded_sfreq``.

        Raises
        ------
        RequestError
            If it lacks a channel, or has it marked bad or flat or with values that are not finite,
            or has another unit.
        """
        spelled = self.find_channels(raw, name)
        raw = raw.copy().pick(list(dict.fromkeys(spelled.values())), verbose="error")
        raw.load_data(verbose="error")
        raw.rename_channels({theirs: ours for ours, theirs in spelled.items() if ours != theirs})
        self._check_values(raw, name)
        if abs(raw.info["sfreq"] - self.recorded_sfreq) > 1e-3 * self.recorded_sfreq:
            if raw.info["sfreq"] < self.sfreq:
                warn(
                    f"{name} is sampled at {raw.info['sfreq']:g} Hz, the model's recordings at "
                    f"{self.recorded_sfreq:g} Hz: nothing is known of the frequencies between"
                )
            raw.resample(self.recorded_sfreq, verbose="error")
        if self.eeg_reference is not None:
            raw.set_eeg_reference(list(self.eeg_reference), verbose="error")
        raw.pick(list(self.ch_names), verbose="error")
        if self.fmin is not None or self.fmax is not None:
            raw.filter(self.fmin, self.fmax, method="iir", picks="all", verbose="error")
        return raw

    def find_channels(self, raw, name="the recording"):
        """Find the channels of a recording that the classifier needs, by name.

        Parameters
        ----------
        raw, name
            See :meth:`prepare`.

        Returns
        -------
        names : dict of str
            The recording's names, by those of the fit.

        Raises
        ------
        RequestError
            If one is not there, marked bad or of another type.
        """
        wanted = list(dict.fromkeys([*self.ch_names, *(self.eeg_reference or ())]))
        spelled = find_channels(wanted, raw.ch_names)
        lacking = [each for each in wanted if each not in spelled]
        if lacking:
            raise RequestError(
                f"{name} lacks {listed(lacking)}, which the model was fitted with; it has "
                f"{listed(raw.ch_names)}. Rename its channels, or fit a model on those that it "
                "has (--channels)."
            )
        bad = [ours for ours, theirs in spelled.items() if theirs in raw.info["bads"]]
        if bad:
            raise RequestError(
                f"{name} has channels marked bad that the model needs: {listed(bad)}. Interpolate "
                "them (MNE's interpolate_bads), or fit a model without them."
            )
        types = dict(zip(raw.ch_names, raw.get_channel_types(), strict=True))
        other = [f"{ours} ({types[t]})" for ours, t in spelled.items() if types[t] != self.ch_type]
        if other:
            raise RequestError(
                f"{name} has channels of another type than the model needs ({self.ch_type}): "
                f"{listed(other)}. Give them theirs (MNE's set_channel_types)."
            )
        return spelled

    def _check_values(self, raw, name):
        # one channel at a time: copies of long recordings fill the memory
        with np.errstate(invalid="ignore", over="ignore"):
            spans = {each: np.ptp(raw.get_data(picks=[each])) for each in raw.ch_names}
        not_finite = [each for each, span in spans.items() if not np.isfinite(span)]
        if not_finite:
            raise RequestError(f"{name} has values that are not finite in {listed(not_finite)}.")
        flat = [each for each, span in spans.items() if span == 0]
        if len(flat) == len(spans):
            raise RequestError(f"{name} has no signal: every channel is flat.")
        if flat:
            warn(f"{name} has channels that are flat, without any signal: {listed(flat)}")
        if self.amplitude is None:
            return
        here = typical_amplitude(raw)
        ratio = here / self.amplitude
        if not 1 / _OTHER_UNIT < ratio < _OTHER_UNIT:
            raise RequestError(
                f"{name} varies by {1e6 * here:,.3g} µV within a second, and the recordings of the "
                f"fit by {1e6 * self.amplitude:,.3g} µV: it is in another unit. Say which "
                "(--unit µV, in Python by multiplying the data)."
            )

    def cut(self, raw, samples):
        """Cut windows out of a recording that :meth:`prepare` returned.

        Parameters
        ----------
        raw : mne.io.BaseRaw
        samples : array-like of int, shape (n_windows,)
            Of the markers, ascending, as MNE counts them: the first of the recording is
            ``raw.first_samp``.

        Returns
        -------
        epochs : mne.Epochs
            Those that lie within the recording and in no segment that is marked bad;
            ``epochs.selection`` says which ones these are.
        """
        import mne

        samples = np.asarray(samples, int)
        events = np.column_stack([samples, np.zeros_like(samples), np.ones_like(samples)])
        tmin, tmax = self.tmin, self.tmax
        if self.baseline is not None:
            tmin, tmax = min(tmin, self.baseline[0]), max(tmax, self.baseline[1])
        with warnings.catch_warnings():
            # a marker may lie before the recording whose window does not
            warnings.filterwarnings("ignore", message=".* outside the data range")
            epochs = mne.Epochs(
                raw,
                events,
                tmin=tmin,
                tmax=tmax,
                baseline=None if self.baseline is None else tuple(self.baseline),
                proj=False,
                preload=True,
                verbose="error",
            )
        if not len(epochs):
            return epochs
        if (tmin, tmax) != (self.tmin, self.tmax):
            epochs.crop(self.tmin, self.tmax, verbose="error")
        if abs(epochs.info["sfreq"] - self.sfreq) > 1e-6:
            epochs.resample(self.sfreq, verbose="error")
        if len(epochs.times) == self.n_times + 1:
            epochs.crop(tmax=epochs.times[self.n_times - 1], verbose="error")
        if len(epochs.times) != self.n_times:
            raise RequestError(
                f"windows from {self.tmin:g} to {self.tmax:g} s have {len(epochs.times)} samples, "
                f"and the model takes {self.n_times}: the model's file contradicts itself."
            )
        return epochs

    def as_input(self, epochs):
        """Give windows as the classifier takes them.

        Parameters
        ----------
        epochs : mne.Epochs

        Returns
        -------
        X : mne.Epochs, or ndarray of shape (n_windows, n_chans, n_times)
        """
        return epochs if self.unit == "V" else UNITS[self.unit] * epochs.get_data(copy=False)
