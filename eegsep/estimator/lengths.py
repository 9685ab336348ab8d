"""Lengths of kernels and poolings: from seconds, or the paper's, to samples.

A length after a pooling is counted at the rate that the pooling leaves.
"""

from __future__ import annotations

from numbers import Integral

import numpy as np

from eegsep._utils.warnings import warn

# Of the paper, and for what its lengths are where no sampling rate is known.
PAPER_SFREQ = 128.0
# The paper's lengths in seconds; those after a pooling are at the rate that it leaves.
PAPER_SECONDS = {
    "kernel_length": 1 / 2,
    "pool1": 1 / 32,
    "separable_kernel_length": 1 / 2,
    "pool2": 1 / 4,
}


def sampling_rate(sfreq, info):
    """Return the sampling rate in Hz that the user or the Epochs' info say, None for no rate.

    It is a ValueError if the two contradict each other.
    """
    if info is None:
        return sfreq
    if sfreq is not None and not np.isclose(sfreq, info["sfreq"]):
        raise ValueError(
            f"sfreq={sfreq:g} Hz, but the Epochs have {info['sfreq']:g} Hz. Leave sfreq out with "
            "Epochs."
        )
    return info["sfreq"]


def lengths_in_samples(lengths, sfreq, n_times):
    """Find the lengths of kernels and poolings in samples, at most those that a window has.

    ``lengths`` has for each name in ``PAPER_SECONDS`` samples (int), seconds (float), or None for
    the paper's. It is a ValueError if one is in seconds and there is no sampling rate, a warning if
    it is less than a sample, or more than a window has there.
    """
    pool1, n_samples = 1, {}
    for name in ("kernel_length", "pool1", "separable_kernel_length", "pool2"):
        if name == "separable_kernel_length":
            pool1 = n_samples["pool1"]
        n_samples[name] = _in_samples(name, lengths[name], sfreq, n_times, pool1)
    return n_samples


def _in_samples(name, length, sfreq, n_times, pooled_by):
    """Find a length at the rate that a pooling leaves."""
    if length is None or not isinstance(length, Integral):
        if length is not None and sfreq is None:
            raise ValueError(
                f"{name}={length} is a float, hence in seconds, and needs a sampling rate: set "
                "sfreq, fit on Epochs, or give an integer number of samples."
            )
        seconds = PAPER_SECONDS[name] if length is None else length
        samples = seconds * (sfreq or PAPER_SFREQ) / pooled_by
        if samples < 0.5 and (name == "kernel_length" or length is not None):
            warn(
                f"{name}: {seconds:g} s are less than a sample at sfreq={sfreq:g} Hz, and one "
                "is taken. Is the sampling rate in Hz, and the length in seconds?"
            )
        length = max(1, round(samples))
    most = n_times // pooled_by
    # trials of a single sample have no time to filter in
    if length > most and n_times > 1:
        warn(
            f"{name}: {length} samples are more than the {most} that a window has there, and "
            "shrink to these. Take longer windows, or set a shorter length."
        )
    return min(int(length), most)
