"""StreamDecoder: chunks of a recording as they come, to probabilities of sliding windows.

Channels by name, lost samples by ``sample_clock.py``, filtering by ``causal_filters.py``, and what
windows say together by ``evidence.py``.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterable
from copy import copy
from math import ceil, inf
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from eegsep._utils.warnings import warn
from eegsep.datasets.channels import channel_key, find_channels, listed
from eegsep.datasets.study_folders.description import UNITS as VOLTS
from eegsep.estimator.classifier import EEGNetClassifier

from .causal_filters import ORDER, CausalFilter
from .evidence import Evidence
from .sample_clock import SampleClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

_UNITS = {unit: 1 / VOLTS[unit] for unit in ("V", "mV", "uV", "µV")}
# Samples that are filtered at once, however long a chunk is: memory does not grow with it.
_AT_ONCE = 128
_MOST_GAPS = 1000
# Volts that nothing alive or electrical has; with more, networks compute no number.
_LARGEST = 1e12


class DecodedWindow(NamedTuple):
    """What a decoder says of a window.

    Attributes
    ----------
    time : float
        Of its last sample: by the timestamps, or in seconds since the first sample without any.
    probabilities : ndarray, shape (n_classes,)
        The estimator's.
    accumulated : ndarray, shape (n_classes,)
        Of this window and those before, see :class:`eegsep.deployment.evidence.Evidence`.
    decision : object
        The label that is most probable by all windows so far, or None where that is not yet enough.
    n_bridged : int
        Samples of the stream within the window that were lost and interpolated.
    """

    time: float
    probabilities: np.ndarray
    accumulated: np.ndarray
    decision: Any
    n_bridged: int


class Gap(NamedTuple):
    """A place where a stream did not go on as it should.

    Attributes
    ----------
    time : float
        Of the first sample after it.
    n_lost : int
        Samples that were lost, or were not finite; 0 where the clock was set back.
    outcome : {"bridged", "reset", "clock"}
        Whether these samples were interpolated, or all began anew; ``"clock"`` where timestamps
        went back by less than ``max_gap`` and samples were taken as they came.
    """

    time: float
    n_lost: int
    outcome: str


class StreamDecoder:
    """A fitted classifier at work on a stream.

    Takes chunks of any size, filters them causally, and decodes a window of the classifier's length
    each ``step`` seconds. However a recording is cut into chunks, what comes out is the same: what
    the estimator says of windows cut from the whole recording after
    :func:`eegsep.deployment.causal_filter`.

    Samples that were lost are recognised by timestamps, and values that are not finite, or beyond
    1e12 V, count as lost. Up to ``max_gap`` seconds they are interpolated, linearly between the
    samples before and after. After a longer gap, or where timestamps go back by more than that,
    filter, windows and evidence begin anew. Jitter of timestamps up to ``max_jitter`` is no gap,
    nor is a device that is a little faster or slower than its nominal rate. ``gaps_`` and the
    counters tell what happened.

    Parameters
    ----------
    estimator : EEGNetClassifier or sklearn.pipeline.Pipeline
        Fitted; a pipeline ends in an EEGNetClassifier and takes arrays.
    sfreq : float | None, default=None
        Rate of the stream in Hz; None for that of the classifier's windows. From another one it is
        resampled as by :func:`scipy.signal.resample_poly`, which delays windows by ``delay_``.
    step : float, default=0.1
        Seconds from one window to the next, rounded to samples.
    band : tuple (l_freq, h_freq) | None | "fit", default="fit"
        Pass band in Hz, either edge None for none; None for no filter. ``"fit"`` for the band that
        the classifier's Epochs had been filtered to, as their ``info`` has it.
    order : int, default=4
        Order of the Butterworth filter.
    reference : "average" | None, default=None
        ``"average"`` subtracts the mean of the classifier's channels, None takes the stream as it
        is.
    unit : {"V", "mV", "uV", "µV"}, default="V"
        Unit of the trials that the estimator was fitted on. Chunks are in volts always. Epochs are
        in volts; arrays of MOABB's are in microvolts.
    warm_up : float | "auto", default="auto"
        Seconds after a beginning that are in no window. ``"auto"``: until 1 % is left of how the
        filter began.
    memory : float | None, default=5.0
        Seconds in which evidence fades to 1 / e; None keeps all.
    threshold : float | None, default=None
        Least accumulated probability of a decision.
    min_windows : int, default=1
        Least number of windows of a decision.
    max_gap : float, default=0.1
        Seconds of lost samples that are interpolated.
    max_jitter : float, default=0.02
        Seconds by which timestamps may be off without meaning.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels, in the order of probabilities.
    ch_names_ : list of str | None
        The classifier's channels, which a stream must have.
    sfreq_ : float
        Rate of the stream, in Hz.
    step_ : float
        Seconds from one window to the next.
    band_ : tuple of float | None
        Pass band in Hz.
    delay_ : float
        Seconds for which resampling waits for later samples; 0 without resampling.
    n_samples_, n_dropped_, n_bridged_ : int
        Samples that came; that were lost or not finite; of these, that were interpolated.
    n_resets_, n_clock_steps_, n_windows_ : int
        Times all began anew; times the clock was set back and it mattered no more than that;
        windows decoded.
    gaps_ : collections.deque of Gap
        The last 1000.

    Raises
    ------
    ValueError, TypeError
        If the estimator or a parameter cannot be used; the text says which and why.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier, StreamDecoder
    >>> rng = np.random.default_rng(0)
    >>> X, y = 1e-5 * rng.normal(size=(20, 4, 128)), np.repeat(["left", "right"], 10)
    >>> clf = EEGNetClassifier(sfreq=128, ch_names=["C3", "Cz", "C4", "Pz"], max_epochs=1)
    >>> decoder = StreamDecoder(clf.fit(X, y), band=(4, 40), step=0.25)
    >>> chunk = 1e-5 * rng.normal(size=(4, 384))
    >>> windows = decoder.feed(chunk, ch_names=["Pz", "C4", "Cz", "C3"])
    >>> len(windows), windows[0].probabilities.shape, round(windows[0].time, 2)
    (6, (2,), 1.53)
    """

    def __init__(
        self,
        estimator: EEGNetClassifier | Pipeline,
        *,
        sfreq: float | None = None,
        step: float = 0.1,
        band: tuple[float | None, float | None] | Literal["fit"] | None = "fit",
        order: int = ORDER,
        reference: Literal["average"] | None = None,
        unit: Literal["V", "mV", "uV", "µV"] = "V",
        warm_up: float | Literal["auto"] = "auto",
        memory: float | None = 5.0,
        threshold: float | None = None,
        min_windows: int = 1,
        max_gap: float = 0.1,
        max_jitter: float = 0.02,
    ) -> None:
        clf = _classifier_of(estimator)
        info = clf.info_
        rate = clf.sfreq if info is None else info["sfreq"]
        if rate is None:
            raise ValueError(
                "The classifier does not know the sampling rate of its windows. Tell it: "
                "clf.set_params(sfreq=...)"
            )
        _check_numbers(step, memory, threshold, min_windows, max_gap, max_jitter)
        if reference not in (None, "average"):
            raise ValueError(f'reference must be "average" or None, not {reference!r}.')
        if not isinstance(unit, str) or unit not in _UNITS:
            raise ValueError(f"unit must be one of {', '.join(_UNITS)}, not {unit!r}.")
        if info is not None and info["custom_ref_applied"] and reference is None:
            warn(
                "The classifier's Epochs had a reference of their own, and the stream is taken as "
                'it is. Pass reference="average" if it was the average.'
            )
        names = clf.ch_names if info is None else info["ch_names"]
        self.estimator = estimator
        self.classes_ = clf.classes_
        self.ch_names_ = None if names is None else list(names)
        if sfreq is not None and not _is_number(sfreq):
            raise ValueError(f"sfreq must be a number of Hz, or None, not {sfreq!r}.")
        self.sfreq_ = float(rate if sfreq is None else sfreq)
        self.band_ = _band(band, info)
        l_freq, h_freq = self.band_
        self._filter = CausalFilter(l_freq, h_freq, self.sfreq_, new_sfreq=rate, order=order)
        self.delay_ = self._filter.delay
        self._n_step = round(step * rate)
        if self._n_step < 1:
            raise ValueError(f"step is {step:g} s, less than a sample at {rate:g} Hz.")
        self.step_ = self._n_step / rate
        self._n_times, self._n_chans = clf.n_times_in_, clf.n_features_in_
        warm_up = self._filter.settling if warm_up == "auto" else warm_up
        if not (_is_number(warm_up) and 0 <= warm_up < inf):
            raise ValueError(f'warm_up must be "auto" or a number of seconds, not {warm_up!r}.')
        self._first_end = ceil(warm_up * rate) + self._n_times
        self.threshold, self.min_windows = threshold, min_windows
        self._reference, self._factor = reference, _UNITS[unit]
        self._most_bridged, self._max_gap = int(max_gap * self.sfreq_ + 1e-6), max_gap
        duration = self._n_times / rate
        self._evidence = Evidence(
            len(self.classes_), step=self.step_, duration=duration, memory=memory
        )
        self._clock = SampleClock(self.sfreq_, max_jitter)
        self._order: tuple | None = None
        self._try_out()
        self.n_samples_ = self.n_dropped_ = self.n_bridged_ = self.n_windows_ = 0
        self.n_resets_ = self.n_clock_steps_ = 0
        self.gaps_: deque[Gap] = deque(maxlen=_MOST_GAPS)
        self._last: np.ndarray | None = None  # sample
        self._next = 0  # position of the sample after it
        self._bridged: deque[tuple[int, int]] = deque()  # positions, the second not included
        self._begin(0)

    # -- what users call -------------------------------------------------------------------------

    def feed(
        self,
        chunk: ArrayLike,
        timestamps: ArrayLike | None = None,
        ch_names: Sequence[str] | None = None,
    ) -> list[DecodedWindow]:
        """Take the next samples, and decode the windows that they complete.

        Parameters
        ----------
        chunk : array-like, shape (n_chans, n_samples)
            In volts.
        timestamps : array-like, shape (n_samples,) | None
            Seconds of the samples, on any clock; None where each follows the one before.
        ch_names : sequence of str | None
            Names of the chunk's channels, in any order, also another one than before; more than the
            classifier's are left out. None for the classifier's, in its order.

        Returns
        -------
        windows : list of DecodedWindow
            None, one or several, in order.

        Raises
        ------
        ValueError
            If a channel of the classifier's is missing or comes twice, or shapes do not fit; the
            decoder is then as it was before.
        """
        data, stamps = self._check(chunk, timestamps, ch_names)
        if not data.shape[1]:
            return []
        self.n_samples_ += data.shape[1]
        positions, set_back = self._clock.read(data.shape[1], stamps)
        is_good = (np.abs(data) < _LARGEST * self._factor).all(axis=0)
        data, positions = data[:, is_good], positions[is_good]
        n_lost = np.diff(positions, prepend=self._next - 1) - 1
        n_good = np.concatenate([[0], is_good.cumsum()])
        set_back = {int(n_good[i]): seconds for i, seconds in set_back.items()}
        windows, done = [], 0
        for i in sorted({*np.flatnonzero(n_lost).tolist(), *set_back}):
            windows += self._go_on(data[:, done:i])
            windows += self._mend(
                data[:, i : i + 1],
                int(positions[i]) if i < len(positions) else self._clock.position,
                int(n_lost[i]) if i < len(positions) else 0,
                set_back.get(i, 0.0),
            )
            done = i
        windows += self._go_on(data[:, done:])
        if len(positions):
            self._next = int(positions[-1]) + 1
        return windows

    def rehearse(
        self,
        chunk: ArrayLike,
        timestamps: ArrayLike | None = None,
        ch_names: Sequence[str] | None = None,
    ) -> None:
        """Decode a window as if a chunk had come, and forget it: nothing changes.

        Code and weights that were not used for some milliseconds have to come from memory, which
        takes several times as long as to decode a window with them. Called shortly before samples
        are due, this has them at hand.

        Parameters
        ----------
        chunk, timestamps, ch_names
            As :meth:`feed` takes them.
        """
        if self._n_kept < self._n_times:
            return
        double = copy(self)
        for name in ("_filter", "_clock", "_evidence", "_bridged", "_buffer", "gaps_"):
            setattr(double, name, copy(getattr(self, name)))
        double._end = self._n_out + 1
        double.feed(chunk, timestamps, ch_names)

    def reset(self) -> None:
        """Begin anew with the next chunk, whatever its timestamps: after a break that is known."""
        self.n_resets_ += 1
        self._clock.restart()
        self._begin(self._clock.position)
        self._next = self._clock.position

    def reset_evidence(self) -> None:
        """Forget what windows said so far, as at the beginning of a trial."""
        self._evidence.reset()

    # -- what comes in ---------------------------------------------------------------------------

    def _check(self, chunk, timestamps, ch_names):
        """Return data in the classifier's channels and unit, and timestamps."""
        if np.ma.isMaskedArray(chunk):
            raise ValueError("A chunk is a masked array; fill it with NaN, which counts as lost.")
        try:
            data = np.asarray(chunk)
        except ValueError as error:  # of rows that are not equally long
            raise ValueError(
                f"A chunk must be an array of real numbers (n_chans, n_samples): {error}"
            ) from error
        if data.ndim != 2 or data.dtype.kind not in "fiu":
            raise ValueError(
                "A chunk must be an array of real numbers (n_chans, n_samples), not of shape "
                f"{data.shape} and dtype {data.dtype}."
            )
        data = data.astype(np.float64, copy=False)
        if ch_names is None:
            if len(data) != self._n_chans:
                turned = " Transpose it." if data.shape[1] == self._n_chans else ""
                raise ValueError(
                    f"A chunk has {len(data)} channels and no ch_names, and the classifier was "
                    f"fitted on {self._n_chans}. A chunk is (n_chans, n_samples).{turned}"
                )
            data = data * self._factor
        else:
            data = data[self._order_of(ch_names, len(data))] * self._factor
        if self._reference == "average":
            with np.errstate(invalid="ignore"):  # of infinity, which counts as lost
                data = data - data.mean(axis=0)
        if timestamps is not None:
            timestamps = self._check_timestamps(timestamps, data.shape[1])
        return data, timestamps

    def _check_timestamps(self, timestamps, n_samples):
        if np.ma.isMaskedArray(timestamps):
            raise ValueError(
                "A chunk's timestamps are a masked array; leave out samples that have none."
            )
        stamps = np.asarray(timestamps)
        if stamps.shape != (n_samples,) or (n_samples and stamps.dtype.kind not in "fiu"):
            raise ValueError(
                f"A chunk of {n_samples} samples needs as many timestamps, numbers of seconds, not "
                f"an array of shape {stamps.shape} and dtype {stamps.dtype}."
            )
        stamps = stamps.astype(float)
        if not np.isfinite(stamps).all():
            raise ValueError(
                "A chunk's timestamps must be finite; leave out samples that have none."
            )
        largest = np.abs(stamps).max(initial=0.0)
        if np.spacing(largest) * self.sfreq_ > 0.5:
            raise ValueError(
                f"A chunk's timestamps of {largest:.3g} s do not tell samples apart at "
                f"{self.sfreq_:g} Hz: give seconds, counted from a later time."
            )
        return stamps

    def _order_of(self, ch_names, n_chans):
        """Return where the classifier's channels lie in a chunk."""
        is_list = isinstance(ch_names, Iterable) and not isinstance(ch_names, str)
        names = tuple(ch_names) if is_list else ()
        if not names or not all(isinstance(name, str) for name in names):
            raise ValueError(
                "ch_names must be a list of the names of the chunk's channels, each a text, not "
                f"{ch_names!r}."
            )
        if self._order is None or self._order[0] != names:
            if self.ch_names_ is None:
                raise ValueError(
                    "The classifier does not know its channels' names, to find them among a "
                    "chunk's. Tell it: clf.set_params(ch_names=[...])"
                )
            spelled = find_channels(self.ch_names_, names)
            missing = [name for name in self.ch_names_ if name not in spelled]
            if missing:
                raise ValueError(
                    "The stream lacks channel(s) that the classifier was fitted on: "
                    f"{listed(missing)}. It has: {listed(names)}."
                )
            keys = [channel_key(name) for name in names]
            twice = [name for name in self.ch_names_ if keys.count(channel_key(name)) > 1]
            if twice:
                raise ValueError(f"The stream has channel(s) twice: {listed(twice)}.")
            self._order = names, [names.index(spelled[name]) for name in self.ch_names_]
        if len(names) != n_chans:
            raise ValueError(f"A chunk has {n_chans} channels and {len(names)} ch_names.")
        return self._order[1]

    def _mend(self, sample, position, n_lost, set_back):
        """Deal with what was lost before a sample, or with a clock that was set back there."""
        self.n_dropped_ += n_lost
        if self._last is None:
            self._begin(position)
            return []
        windows, outcome = [], "bridged" if n_lost else "clock"
        if n_lost > self._most_bridged or set_back > self._max_gap:
            outcome = "reset"
            self.n_resets_ += 1
            self._begin(position)
        elif n_lost:
            self.n_bridged_ += n_lost
            self._bridged.append((position - n_lost, position))
            shares = np.arange(1, n_lost + 1) / (n_lost + 1)
            windows = self._go_on(self._last + (sample - self._last) * shares)
        if set_back and outcome != "reset":
            self.n_clock_steps_ += 1
        self.gaps_.append(Gap(self._clock.time_of(position), n_lost, outcome))
        return windows

    # -- what goes out ---------------------------------------------------------------------------

    def _begin(self, position):
        """Begin anew at a sample, with nothing before it."""
        self._filter.reset()
        self._evidence.reset()
        self._origin = self._next = position
        self._last = None
        self._bridged.clear()
        n_new = ceil(_AT_ONCE * self._filter.ratio) + 1
        self._buffer = np.empty((self._n_chans, 2 * self._n_times + n_new))
        self._n_out = self._n_kept = 0
        self._end = self._first_end

    def _go_on(self, samples):
        """Filter samples that follow those before, and decode the windows they complete."""
        windows = []
        for start in range(0, samples.shape[1], _AT_ONCE):
            windows += self._decode(self._filter(samples[:, start : start + _AT_ONCE]))
        if samples.shape[1]:
            self._last = samples[:, -1:]
        return windows

    def _decode(self, filtered):
        n_new = filtered.shape[1]
        if self._n_kept + n_new > self._buffer.shape[1]:
            kept = self._buffer[:, self._n_kept - self._n_times : self._n_kept].copy()
            self._buffer[:, : self._n_times] = kept
            self._n_kept = self._n_times
        self._buffer[:, self._n_kept : self._n_kept + n_new] = filtered
        self._n_kept += n_new
        self._n_out += n_new
        if self._end > self._n_out:
            return []
        ends = range(self._end, self._n_out + 1, self._n_step)
        self._end = ends[-1] + self._n_step
        first = self._n_out - self._n_kept  # of what the buffer holds
        cut = [self._buffer[:, end - self._n_times - first : end - first] for end in ends]
        probabilities = self.estimator.predict_proba(np.stack(cut))
        self.n_windows_ += len(ends)
        return [self._window(*each) for each in zip(ends, probabilities, strict=True)]

    def _window(self, end, probabilities):
        ratio = self._filter.ratio
        start, last = (self._origin + n / ratio for n in (end - self._n_times, end - 1))
        while self._bridged and self._bridged[0][1] <= start:
            self._bridged.popleft()
        n_bridged = sum(
            max(0, min(b, int(last) + 1) - max(a, ceil(start))) for a, b in self._bridged
        )
        accumulated = self._evidence.add(probabilities)
        best = accumulated.argmax()
        is_enough = self._evidence.n_windows >= self.min_windows and (
            self.threshold is None or accumulated[best] >= self.threshold
        )
        return DecodedWindow(
            self._clock.time_of(float(last)),
            probabilities,
            accumulated,
            self.classes_[best] if is_enough else None,
            n_bridged,
        )

    def _try_out(self):
        """Decode noise: what cannot be decoded is refused here, and libraries load before."""
        clf = _classifier_of(self.estimator)
        noise = np.random.default_rng(0).normal(size=(1, self._n_chans, self._n_times))
        noise = noise * clf.scale_[:, np.newaxis] + clf.center_[:, np.newaxis]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                for _ in range(2):
                    self.estimator.predict_proba(noise)
            except (ValueError, TypeError, AttributeError) as error:
                raise ValueError(
                    f"The estimator decodes no array (1, {self._n_chans}, {self._n_times}), which "
                    f"is what its last step was fitted on: {error}"
                ) from error


def _classifier_of(estimator):
    """Return the classifier that an estimator ends in, or is."""
    clf = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(clf, EEGNetClassifier):
        raise TypeError(
            "A StreamDecoder takes an EEGNetClassifier, or a pipeline that ends in one, not "
            f"{type(clf).__name__}."
        )
    check_is_fitted(clf, "module_")
    return clf


def _check_numbers(step, memory, threshold, min_windows, max_gap, max_jitter):
    """Refuse parameters that are no numbers of their range."""
    if not (_is_number(step) and 0 < step < inf):
        raise ValueError(f"step must be a number of seconds above 0 s, not {step!r}.")
    if memory is not None and not (_is_number(memory) and memory > 0):
        raise ValueError(f"memory must be a number of seconds above 0 s, not {memory!r}.")
    for name, value in {"max_gap": max_gap, "max_jitter": max_jitter}.items():
        if not (_is_number(value) and 0 <= value < inf):
            raise ValueError(f"{name} must be a number of seconds, 0 or more, not {value!r}.")
    if threshold is not None and not (_is_number(threshold) and 0 <= threshold <= 1):
        raise ValueError(f"threshold must be a probability, 0 to 1, or None, not {threshold!r}.")
    if not (_is_number(min_windows) and 1 <= min_windows < inf and min_windows % 1 == 0):
        raise ValueError(f"min_windows must be a whole number from 1 on, not {min_windows!r}.")


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _band(band, info):
    """Return the edges of the pass band, where "fit" is that of the classifier's Epochs."""
    if band is None:
        return None, None
    if band == "fit":
        if info is None:
            raise ValueError(
                "The classifier was fitted on arrays, and does not know how they were filtered. "
                "Give band=(l_freq, h_freq) in Hz, or band=None for no filter."
            )
        nyquist = info["sfreq"] / 2
        l_freq, h_freq = info["highpass"], info["lowpass"]
        return l_freq if l_freq > 0 else None, h_freq if h_freq < nyquist else None
    edges = list(band) if isinstance(band, (tuple, list, np.ndarray)) else []
    if len(edges) != 2 or not all(edge is None or _is_number(edge) for edge in edges):
        raise ValueError(f'band must be (l_freq, h_freq) in Hz, None, or "fit", not {band!r}.')
    l_freq, h_freq = edges
    return l_freq, h_freq
