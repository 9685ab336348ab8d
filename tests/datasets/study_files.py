"""Tiny recordings in files of each format, for studies of one's own."""

import gzip

import mne
import numpy as np
import pybv
from scipy.io import savemat

NAMES = ["C3", "Cz", "C4"]
SFREQ = 100.0
# In samples, which are odd on purpose: one to the side would be seen.
ONSETS = [101, 307, 511, 723, 907, 1103]
LABELS = ["left_hand", "right_hand"] * 3
CODES = [7, 9] * 3


def signal(seed=0, n_chans=3, n_times=1400):
    """Noise of some ten microvolts, in volts."""
    return 1e-5 * np.random.default_rng(seed).normal(size=(n_chans, n_times))


def make_raw(seed=0, names=NAMES, stim=False, annotated=True, scale=1.0, n_trials=6):
    """A recording of 14 s with six trials, or a longer one."""
    n_times = 1400 + 200 * (n_trials - 6)
    onsets = [*ONSETS, *range(1301, n_times - 200, 200)]
    labels = (LABELS * n_trials)[: len(onsets)]
    raw = mne.io.RawArray(
        scale * signal(seed, len(names), n_times),
        mne.create_info(names, SFREQ, "eeg"),
        verbose="error",
    )
    if stim:
        codes = np.zeros((1, raw.n_times))
        codes[0, ONSETS] = CODES
        info = mne.create_info(["STI 014"], SFREQ, "stim")
        raw.add_channels([mne.io.RawArray(codes, info, verbose="error")])
    if annotated:
        raw.set_annotations(mne.Annotations(np.array(onsets) / SFREQ, 1.0, labels))
    return raw


def write_fif(path, **settings):
    make_raw(**settings).save(path, verbose="error")


def write_edf(path, **settings):
    mne.export.export_raw(path, make_raw(**settings), verbose="error")


def write_brainvision(path, seed=0):
    events = np.array([[onset, code] for onset, code in zip(ONSETS, CODES, strict=True)])
    pybv.write_brainvision(
        data=signal(seed),
        sfreq=SFREQ,
        ch_names=NAMES,
        fname_base=path.stem,
        folder_out=path.parent,
        events=events,
        unit="µV",
    )


def write_set(path, seed=0):
    data = 1e6 * signal(seed)
    locations = np.array([(name,) for name in NAMES], dtype=[("labels", "O")])
    events = [(label, onset + 1.0) for label, onset in zip(LABELS, ONSETS, strict=True)]
    content = {
        "setname": "tiny",
        "nbchan": len(data),
        "trials": 1,
        "pnts": data.shape[1],
        "srate": SFREQ,
        "xmin": 0.0,
        "xmax": (data.shape[1] - 1) / SFREQ,
        "data": data,
        "chanlocs": locations,
        "event": np.array(events, dtype=[("type", "O"), ("latency", "O")]),
        "epoch": [],
        "ref": "common",
    }
    savemat(path, {"EEG": content}, appendmat=False)


def write_csv(path, seed=0, separator=",", marker="Marker"):
    """Microvolts, times in seconds and codes, compressed where the name says so."""
    table = 1e6 * signal(seed)
    codes = np.zeros(table.shape[1], int)
    codes[ONSETS] = CODES
    lines = [separator.join(["timestamps", *NAMES, "AUX", marker])]
    for k, values in enumerate(table.T):
        row = [f"{1e6 + k / SFREQ:.3f}", *(f"{v:.4f}" for v in values), "3.5", str(codes[k])]
        lines.append(separator.join(row))
    text = "\n".join(lines) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)


def describe(where, /, **replaced):
    """Write a study.yml of FIF files with annotations, or what replaces some of its lines."""
    lines = {
        "files": "sub{subject}_raw.fif",
        "paradigm": "imagery",
        "window": "[0, 1]",
        "markers": "annotations",
        "classes": "{left_hand: left_hand, right_hand: right_hand}",
    } | replaced
    file = where / "study.yml"
    written = [f"{key}: {value}" for key, value in lines.items() if value is not None]
    file.write_text("\n".join(written), encoding="utf-8")
    return file
