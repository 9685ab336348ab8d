"""Simulated P300 as a MOABB dataset: rare targets evoke a wave whose source is known."""

import numpy as np

from .evoked import SimulatedEvoked

# fmt: off
_CHANNELS = (
    "Fz", "FC1", "FC2", "C3", "Cz", "C4", "CP1", "CP2", "P7", "P3", "Pz", "P4", "P8", "O1", "Oz",
    "O2",
)
# fmt: on

# In s: of the wave, and how long a trial is.
_LATENCY, _SCATTER, _WIDTH, _TRIAL = 0.38, 0.02, 0.06, 0.8
_NON_TARGETS = 4  # for each target


class SimulatedP300(SimulatedEvoked):
    """Simulated answers to rare targets among other stimuli, with a known source.

    Every fifth stimulus on average is a target. A parietal dipole answers it with a positive wave
    that peaks 380 ms after it, with a scatter of 20 ms between trials [1]_; it does not answer
    other stimuli. Stimuli follow each other by 250 to 350 ms, so that answers overlap with the
    trials that follow. The rest of the brain, the artefacts and the noise are those of
    :class:`SimulatedMotorImagery`.

    Parameters
    ----------
    n_subjects, n_sessions, n_runs : int
        Subjects (numbered from 1), sessions of each, and runs of each session.
    n_trials_per_class : int
        Targets in each run; there are four times as many other stimuli.
    channels : sequence of str
        Electrodes to record, by their names in the 10-05 system.
    sfreq : float
        Sampling frequency in Hz, at least 80.
    amplitude : float
        Of the wave's peak at Pz, in V; subjects scatter by a fifth.
    random_state : int
        Seed. The same seed gives the same bits, whichever subjects are loaded and in what order.

    Attributes
    ----------
    channels : tuple of str, length n_chans
    sfreq, amplitude : float
    n_sessions, n_runs, n_trials_per_class, random_state : int
    code : str
        ``"SimulatedP300"``; with settings other than the default a hash of them follows.

    Raises
    ------
    ValueError
        If a parameter is out of its range or an electrode unknown.

    References
    ----------
    .. [1] Polich, J. (2007). Updating P300: an integrative theory of P3a and P3b. Clinical
       Neurophysiology, 118(10), 2128-2148.

    Examples
    --------
    >>> from eegsep.datasets import SimulatedP300
    >>> dataset = SimulatedP300(n_subjects=1)
    >>> [(source.name, source.events) for source in dataset.sources(1)]
    [('parietal area', ('Target',))]
    """

    _name, _answered, _above, _depth = "parietal area", ("Target",), "Pz", 0.6
    _trial, _jitter = 0.25, 0.1

    def __init__(
        self,
        *,
        n_subjects=4,
        n_sessions=2,
        n_runs=2,
        n_trials_per_class=20,
        channels=_CHANNELS,
        sfreq=128.0,
        amplitude=15e-6,
        random_state=0,
    ):
        super().__init__(
            n_subjects=n_subjects,
            n_sessions=n_sessions,
            n_runs=n_runs,
            n_trials_per_class=n_trials_per_class,
            channels=channels,
            sfreq=sfreq,
            amplitude=amplitude,
            random_state=random_state,
        )
        self.paradigm, self.interval = "p300", [0, _TRIAL]
        self.event_id = {"Target": 2, "NonTarget": 1}

    def _events(self):
        return np.repeat(["Target", *["NonTarget"] * _NON_TARGETS], self.n_trials_per_class)

    def _answer(self):
        return _TRIAL

    def _course(self, rng, events, cues, n_times):
        """Potential above the source in units of its amplitude, (n_times,)."""
        times = np.arange(n_times) / self.sfreq
        peaks = cues / self.sfreq + _LATENCY + rng.normal(0, _SCATTER, len(cues))
        z = (times - peaks[events == "Target", None]) / _WIDTH
        return np.exp(-(z**2) / 2).sum(axis=0)
