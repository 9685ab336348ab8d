"""Causal filtering and resampling: of a recording at once, and of a stream as it comes.

Both give the same numbers, so that what a classifier was fitted on is what it later decodes.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, log
from typing import TYPE_CHECKING

import numpy as np
from scipy import signal

if TYPE_CHECKING:
    import mne

# Of the band-pass, as in MNE where nothing else is asked for.
ORDER = 4
# Half the length of the anti-aliasing filter, in samples of the lower rate, as in scipy.
_HALF_LENGTH = 10
# What is left of a start when a filter is said to have settled.
_LEFT = 0.01
# Of the smaller terms of a ratio of rates: of more the anti-aliasing filter would be very long.
_LARGEST_TERM = 1024
# More than anyone filters EEG by.
_MOST_ORDER = 20


def causal_filter(
    raw: mne.io.BaseRaw,
    l_freq: float | None,
    h_freq: float | None,
    *,
    sfreq: float | None = None,
    order: int = ORDER,
) -> mne.io.BaseRaw:
    """Filter a recording as :class:`eegsep.StreamDecoder` filters a stream.

    A Butterworth filter that runs forward only, beginning as if the first sample had been there
    forever, and scipy's polyphase resampling after it. Epochs cut from the result carry band and
    rate, so that a decoder for a classifier fitted on them needs to be told neither.

    The filters that studies usually take are of zero phase: they look ahead, which no stream can,
    and leave rhythms where a causal filter delays them. A classifier fitted on zero-phase trials
    decodes causal ones, but not as well as one that was fitted on such.

    Parameters
    ----------
    raw : mne.io.Raw
        The recording; it stays as it is.
    l_freq, h_freq : float | None
        Edges of the pass band in Hz; None for none.
    sfreq : float | None
        Rate to resample to, in Hz; None keeps the recording's. Samples at the end that make no
        whole number of samples then, less than a second as a rule, are left out.
    order : int, default=4
        Order of the Butterworth filter; a band-pass has twice as many poles.

    Returns
    -------
    filtered : mne.io.Raw
        A copy, in memory.

    Raises
    ------
    ValueError
        If a frequency is not within the rate's, or the rates have no small ratio.

    Examples
    --------
    >>> import mne, numpy as np
    >>> from eegsep.deployment import causal_filter
    >>> info = mne.create_info(["C3", "C4"], 160.0, "eeg")
    >>> x = 1e-5 * np.random.default_rng(0).normal(size=(2, 1600))
    >>> raw = mne.io.RawArray(x, info, verbose=False)
    >>> filtered = causal_filter(raw, 8, 32, sfreq=128)
    >>> filtered.info["sfreq"], filtered.info["highpass"], filtered.info["lowpass"]
    (128.0, 8.0, 32.0)
    """
    rate = float(raw.info["sfreq"])
    ratio = CausalFilter(l_freq, h_freq, rate, new_sfreq=sfreq, order=order).ratio
    raw = raw.copy().load_data(verbose="error")
    if l_freq is not None or h_freq is not None:
        first = raw.get_data(picks="data")[:, :1]
        iir = {"order": order, "ftype": "butter", "output": "sos"}
        # MNE begins with zeros, which is the same for a recording that begins with them
        shift = {"picks": "data", "channel_wise": False}
        raw.apply_function(lambda x: x - first, **shift)
        raw.filter(l_freq, h_freq, method="iir", iir_params=iir, phase="forward", verbose="error")
        if l_freq is None:
            raw.apply_function(lambda x: x + first, **shift)
    if ratio != 1:
        # of another length MNE would take a ratio that is nearly this one
        n_whole = raw.n_times - raw.n_times % ratio.denominator
        raw.crop(tmax=(n_whole - 1) / rate)
        raw.resample(sfreq, method="polyphase", verbose="error")
    return raw


class CausalFilter:
    """Band-pass and resampling of a stream, whose state passes from chunk to chunk.

    Parameters
    ----------
    l_freq, h_freq : float | None
        Edges of the pass band in Hz; None for none.
    sfreq : float
        Rate of what comes in, in Hz.
    new_sfreq : float | None
        Rate of what goes out; None for the same.
    order : int, default=4
        Order of the Butterworth filter.

    Attributes
    ----------
    ratio : fractions.Fraction
        ``new_sfreq / sfreq``; sample m that goes out lies at sample ``m / ratio`` that came in.
    delay : float
        Seconds for which resampling waits for samples after the one that it gives. The band-pass
        waits for none: what it delays is the signal.
    settling : float
        Seconds until one hundredth is left of how the filter began.

    Raises
    ------
    ValueError
        If a frequency is not within the rate's, or the rates have no small ratio.
    """

    def __init__(
        self,
        l_freq: float | None,
        h_freq: float | None,
        sfreq: float,
        *,
        new_sfreq: float | None = None,
        order: int = ORDER,
    ) -> None:
        new_sfreq = sfreq if new_sfreq is None else new_sfreq
        self.ratio = _ratio(sfreq, new_sfreq)
        self._sections = _sections(l_freq, h_freq, sfreq, order)
        self.settling = 0.0
        if self._sections is not None:
            _, poles, _ = signal.sos2zpk(self._sections)
            self.settling = log(_LEFT) / log(np.abs(poles).max()) / sfreq
        self.delay = 0.0
        if self.ratio != 1:
            up, down = self.ratio.as_integer_ratio()
            half = _HALF_LENGTH * max(up, down)
            taps = up * signal.firwin(2 * half + 1, 1 / max(up, down), window=("kaiser", 5.0))
            self._n_before = -half % down  # zeros that make the delay whole samples that go out
            self._taps = np.concatenate([np.zeros(self._n_before), taps])
            self._half = half
            self.delay = half / up / sfreq
        self.reset()

    def reset(self) -> None:
        """Forget all that came in."""
        self._state = self._past = None
        self._start = self._n_in = self._n_out = 0

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Filter samples that come next, (n_chans, n_samples): those that are complete by now."""
        if not samples.shape[1]:
            return samples
        if self._sections is not None:
            if self._state is None:
                steady = signal.sosfilt_zi(self._sections)[:, np.newaxis]
                self._state = steady * samples[np.newaxis, :, :1]
            samples, self._state = signal.sosfilt(self._sections, samples, zi=self._state)
        return samples if self.ratio == 1 else self._resample(samples)

    def _resample(self, samples):
        """Give the samples m of which all ``n`` with ``abs(n * up - m * down) <= half`` are in."""
        up, down = self.ratio.as_integer_ratio()
        if self._past is None:  # as if the first sample had been there forever
            n_padded = down * ceil(self._half / up / down)
            self._past, self._start = np.repeat(samples[:, :1], n_padded, axis=1), -n_padded
        past = np.concatenate([self._past, samples], axis=1)
        self._n_in += samples.shape[1]
        stop = max(self._n_out, ((self._n_in - 1) * up - self._half) // down + 1)
        shift = (self._half + self._n_before - self._start * up) // down
        if stop > self._n_out:
            resampled = signal.upfirdn(self._taps, past, up, down)
            resampled = resampled[:, self._n_out + shift : stop + shift]
        else:
            resampled = past[:, :0]
        self._n_out = stop
        # whole multiples of down are dropped, so that samples that go out stay where they are
        unneeded = (stop * down - self._half) // up - self._start
        n_dropped = max(0, unneeded // down * down)
        self._past, self._start = past[:, n_dropped:], self._start + n_dropped
        return resampled


def _ratio(sfreq, new_sfreq):
    if not (np.isfinite([sfreq, new_sfreq]).all() and sfreq > 0 and new_sfreq > 0):
        raise ValueError(f"Sampling rates must be above 0 Hz, not {sfreq:g} and {new_sfreq:g} Hz.")
    exact = float(new_sfreq) / float(sfreq)
    ratio = Fraction(exact).limit_denominator(_LARGEST_TERM)
    if ratio.numerator > _LARGEST_TERM or abs(ratio / Fraction(exact) - 1) > 1e-9:
        raise ValueError(
            f"From {sfreq:.10g} to {new_sfreq:.10g} Hz no samples can be taken exactly: the rates "
            f"have no ratio of whole numbers up to {_LARGEST_TERM}. Give the stream's nominal "
            "rate, or fit the classifier at the stream's."
        )
    return ratio


def _sections(l_freq, h_freq, sfreq, order):
    edges = [f for f in (l_freq, h_freq) if f is not None]
    if not edges:
        return None
    if not all(0 < f < sfreq / 2 for f in edges) or (len(edges) == 2 and not l_freq < h_freq):
        raise ValueError(
            f"A pass band of {l_freq} to {h_freq} Hz is none at {sfreq:g} Hz: its edges must rise, "
            f"and lie between 0 and {sfreq / 2:g} Hz. None is for no edge."
        )
    kind = "bandpass" if len(edges) == 2 else "lowpass" if l_freq is None else "highpass"
    if type(order) is not int or not 1 <= order <= _MOST_ORDER:
        raise ValueError(f"order must be a whole number from 1 to {_MOST_ORDER}, not {order!r}.")
    sections = signal.butter(
        order, edges if len(edges) == 2 else edges[0], kind, fs=sfreq, output="sos"
    )
    if not np.abs(signal.sos2zpk(sections)[1]).max() < 1:
        raise ValueError(
            f"A pass band of {l_freq} to {h_freq} Hz has no stable filter at {sfreq:g} Hz: its "
            "edges are too near to 0 or to each other, or order is too large."
        )
    return sections
