"""Make the page's demonstration: a network fitted to simulated motor imagery, and new trials.

Run as ``python make_demo.py`` in this folder. It writes demo.onnx and demo.npy; files of your own
are made alike, by ``clf.to_onnx`` (or ``eegsep export``) and ``numpy.save``.
"""

from pathlib import Path

import mne
import numpy as np
from moabb.paradigms import LeftRightImagery

from eegsep import EEGNetClassifier
from eegsep.datasets import SimulatedMotorImagery

CHANNELS = ("FC3", "FC4", "C5", "C3", "Cz", "C4", "C6", "CPz")
N_SHOWN = 6


def main():
    """Fit, export and save; say how well it decodes."""
    mne.set_log_level("error")
    folder = Path(__file__).parent
    dataset = SimulatedMotorImagery(
        n_subjects=1, n_classes=2, n_trials_per_class=60, channels=CHANNELS, snr=3.0
    )
    paradigm = LeftRightImagery(fmin=4, fmax=40, tmin=0.5, tmax=2.5 - 1 / 128)
    epochs, labels, meta = paradigm.get_data(dataset, [1], return_epochs=True)
    first = (meta["session"] == meta["session"].iloc[0]).to_numpy()
    clf = EEGNetClassifier(init="induced", max_epochs=0, random_state=0)
    clf.fit(epochs[first], labels[first])
    print(f"{clf.score(epochs[~first], labels[~first]):.0%} of the other session's trials decoded")
    clf.to_onnx(folder / "demo.onnx")
    shown = np.flatnonzero(~first)[:N_SHOWN]
    np.save(folder / "demo.npy", epochs[shown].get_data().astype(np.float32))
    for label, row in zip(labels[shown], clf.predict_proba(epochs[shown]), strict=True):
        print(label, row.round(3))


if __name__ == "__main__":
    main()
