"""Which samples of a stream were lost, from the timestamps of those that came.

Jitter is temporary and small; what stays late was lost before.
"""

from __future__ import annotations

import numpy as np

# Seconds in which the clock follows a rate that is not quite the nominal one.
_FOLLOWING = 10.0
# Samples by which it begins, at most.
_FIRST = 8


class SampleClock:
    """Counts samples by their timestamps.

    Sample i is expected ``1 / sfreq`` after the one before. Where it and all that follow in its
    chunk come later than expected by more than ``max_jitter``, samples were lost before it: the
    least number that explains it, rounded. Where all come earlier by so much, the clock was set
    back. What remains is followed slowly, since no device has exactly its nominal rate; losses of
    less than ``max_jitter`` are thus not told from jitter.

    Parameters
    ----------
    sfreq : float
        Nominal rate in Hz.
    max_jitter : float
        Seconds.

    Attributes
    ----------
    position : int
        Of the next sample, counted from the first one, lost ones included.
    """

    def __init__(self, sfreq: float, max_jitter: float) -> None:
        self.sfreq, self.max_jitter = sfreq, max_jitter
        self.position = 0
        self._expected = 0.0  # seconds of the next sample
        self._n_followed = 0  # samples with timestamps, by which that is known

    def read(
        self, n_samples: int, timestamps: np.ndarray | None
    ) -> tuple[np.ndarray, dict[int, float]]:
        """Take the samples of a chunk.

        Parameters
        ----------
        n_samples : int
            Above 0.
        timestamps : ndarray, shape (n_samples,) | None
            Seconds, finite; None where each sample follows the one before.

        Returns
        -------
        positions : ndarray of int, shape (n_samples,)
            Of the samples, in order; those that are left out between were lost.
        set_back : dict of int to float
            Samples of the chunk at which the clock was set back, and by how many seconds.
        """
        lost, set_back = np.zeros(n_samples, dtype=int), {}
        if timestamps is not None:
            if self._n_followed == 0:
                first = timestamps[:_FIRST]
                self._expected = float(np.median(first - np.arange(len(first)) / self.sfreq))
                self._n_followed = len(first)
            # until it has followed for a while, the clock itself is off by the jitter
            most_off = self.max_jitter * (1 + self._n_followed**-0.5)
            ahead = self._expected + np.arange(n_samples) / self.sfreq
            late = timestamps - ahead
            # of each sample and all that follow; both ascend
            least = np.minimum.accumulate(late[::-1])[::-1]
            least_early = np.minimum.accumulate(-late[::-1])[::-1]
            start, shift, shifts = 0, 0.0, np.zeros(n_samples)
            while start < n_samples:
                is_late, is_early = (
                    int(off.searchsorted(most_off + sign * shift, side="right"))
                    for off, sign in ((least, 1), (least_early, -1))
                )
                start = max(start, min(is_late, is_early))
                if start == n_samples:
                    break
                if least[start] > shift:
                    lost[start] = max(1, round((least[start] - shift) * self.sfreq))
                    shifts[start] = lost[start] / self.sfreq
                else:
                    set_back[start] = float(least_early[start] + shift)
                    shifts[start] = -set_back[start]
                shift += shifts[start]
                start += 1
            late -= shifts.cumsum()
            self._n_followed = min(self._n_followed + n_samples, round(_FOLLOWING * self.sfreq))
            late = late.clip(-self.max_jitter, self.max_jitter)
            followed = late.mean() * min(1.0, n_samples / self._n_followed)
            self._expected += followed - sum(set_back.values())
        positions = self.position + np.arange(n_samples) + lost.cumsum()
        self._expected += (n_samples + int(lost.sum())) / self.sfreq
        self.position = int(positions[-1]) + 1
        return positions, set_back

    def restart(self) -> None:
        """Take the next timestamp as it is: samples were lost before it, nobody knows how many."""
        self._n_followed = 0

    def time_of(self, position: float) -> float:
        """Seconds at which a sample, or a place between two, lies by the clock as it is now."""
        return self._expected - (self.position - position) / self.sfreq
