"""A MOABB dataset of three subjects with two sessions, in which some recordings are odd."""

import os

import mne
import numpy as np
from moabb.datasets.base import BaseDataset

NAMES = ["C3", "Cz", "C4", "FC3", "FC4", "CP3", "CP4", "Pz"]


class Odd(BaseDataset):
    """Trials of two hands that any classifier tells apart, if channels are where they should be.

    Parameters
    ----------
    change : callable | None
        Called as ``change(raw, subject, session)`` with each recording; returns what is read
        instead, or raises what reading it raises.
    n_runs : int
        Runs in each session; ``change`` is called as ``change(raw, subject, session, run)`` where
        there are several.
    """

    def __init__(self, change=None, *, n_subjects=3, n_sessions=2, n_runs=1, montage=None):
        self.change, self.n, self.n_runs, self.montage = change, n_sessions, n_runs, montage
        super().__init__(
            subjects=list(range(1, n_subjects + 1)),
            sessions_per_subject=n_sessions,
            events={"left_hand": 1, "right_hand": 2},
            code="Odd",
            interval=[0, 2],
            paradigm="imagery",
        )

    def data_path(self, subject, *args, **kwargs):
        return []

    def _get_single_subject_data(self, subject):
        sessions = {}
        for session in range(self.n):
            for run in range(self.n_runs):
                raw = make_raw(100 * subject + 10 * session + run)
                if self.montage:
                    raw.set_montage(self.montage)
                if self.change:
                    where = (subject, session, run)[: 2 if self.n_runs == 1 else 3]
                    raw = self.change(raw, *where)
                if raw is not None:
                    sessions.setdefault(str(session), {})[str(run)] = raw
        return sessions


def make_raw(seed, sfreq=160.0, n_trials=24):
    """A recording with a rhythm at C3 before the left hand and at C4 before the right one."""
    rng = np.random.default_rng(seed)
    length, window = int(3.2 * sfreq), int(2 * sfreq)
    X = rng.normal(size=(len(NAMES) + 1, (n_trials + 2) * length)) * 1e-5
    X[-1] = 0
    times = np.arange(window) / sfreq
    for trial, code in enumerate(np.arange(n_trials) % 2 + 1):
        onset = length * (trial + 1)
        X[-1, onset] = code
        rhythm = 2e-5 * np.sin(2 * np.pi * 12 * times + rng.uniform(0, 6))
        X[0 if code == 1 else 2, onset : onset + window] += rhythm
    info = mne.create_info([*NAMES, "STI"], sfreq, ["eeg"] * len(NAMES) + ["stim"])
    return mne.io.RawArray(X, info, verbose="error")


def for_one(edit, subject=2, session=None):
    """Make a ``change`` that edits one subject's recordings, or one session's, in place."""

    def change(raw, number, name, *_):
        if number == subject and session in (None, name):
            raw = edit(raw) or raw
        return raw

    return change


def keep_one_class(raw):
    """Leave out the trials of the right hand."""
    raw._data[-1, raw._data[-1] == 2] = 0


def mark_bad(raw):
    raw.info["bads"] = ["Pz"]


def reverse_channels(raw):
    raw.reorder_channels(raw.ch_names[::-1])


def damaged(raw):
    raise ValueError("bad header")


def unreadable(raw):
    raise PermissionError(13, os.strerror(13), "/recordings/2.edf")
