"""Simulated SSVEP as a MOABB dataset: a visual source follows flicker, and its place is known."""

import numpy as np

from .evoked import SimulatedEvoked
from .motor_imagery import number
from .signals import response_course

_CHANNELS = ("Pz", "P3", "P4", "PO7", "PO3", "POz", "PO4", "PO8", "O1", "Oz", "O2")
_HARMONIC = 0.5  # of the second harmonic over the first


class SimulatedSSVEP(SimulatedEvoked):
    """Simulated answers to flicker of several frequencies, with a known source.

    An occipital dipole follows the flicker that is looked at, with a sine of its frequency and one
    of half the amplitude at twice the frequency [1]_, whose phases are the same in all trials. It
    does so from 0.5 to 3.5 s after the cue. The rest of the brain, among it an occipital alpha
    rhythm, the artefacts and the noise are those of :class:`SimulatedMotorImagery`.

    Parameters
    ----------
    n_subjects, n_sessions, n_runs : int
        Subjects (numbered from 1), sessions of each, and runs of each session.
    n_trials_per_class : int
        Trials of each frequency in each run.
    frequencies : sequence of float
        Of the flicker, in Hz: two or more, above 0 and below a fourth of ``sfreq``.
    channels : sequence of str
        Electrodes to record, by their names in the 10-05 system.
    sfreq : float
        Sampling frequency in Hz, at least 80.
    amplitude : float
        Of the sine at Oz, in V; subjects scatter by a fifth.
    random_state : int
        Seed. The same seed gives the same bits, whichever subjects are loaded and in what order.

    Attributes
    ----------
    channels : tuple of str, length n_chans
    frequencies : tuple of float
    sfreq, amplitude : float
    n_sessions, n_runs, n_trials_per_class, random_state : int
    code : str
        ``"SimulatedSSVEP"``; with settings other than the default a hash of them follows.

    Raises
    ------
    ValueError
        If a parameter is out of its range or an electrode unknown.

    References
    ----------
    .. [1] Norcia, A. M., Appelbaum, L. G., Ales, J. M., Cottereau, B. R., & Rossion, B. (2015). The
       steady-state visual evoked potential in vision research: a review. Journal of Vision, 15(6).

    Examples
    --------
    >>> from eegsep.datasets import SimulatedSSVEP
    >>> dataset = SimulatedSSVEP(n_subjects=1)
    >>> [(source.name, source.events) for source in dataset.sources(1)]
    [('visual area', ('13', '17', '21'))]
    """

    _name, _above, _depth = "visual area", "Oz", 0.75

    def __init__(
        self,
        *,
        n_subjects=4,
        n_sessions=2,
        n_runs=2,
        n_trials_per_class=10,
        frequencies=(13.0, 17.0, 21.0),
        channels=_CHANNELS,
        sfreq=128.0,
        amplitude=4e-6,
        random_state=0,
    ):
        self.frequencies = tuple(number("frequencies", each, 0) for each in frequencies)
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
        distinct = set(self.frequencies)
        if not 2 <= len(distinct) == len(self.frequencies):
            raise ValueError(f"frequencies must be two or more different ones, not {frequencies}")
        if not 0 < min(distinct) <= max(distinct) < self.sfreq / 4:
            raise ValueError(
                f"frequencies must be above 0 and below {self.sfreq / 4:g} Hz, not {frequencies}"
            )
        self.paradigm = "ssvep"
        self.event_id = {f"{freq:g}": k for k, freq in enumerate(self.frequencies, 1)}

    def _course(self, rng, events, cues, n_times):
        """Potential above the source in units of its amplitude, (n_times,)."""
        envelope, course = response_course(self.sfreq), np.zeros(n_times)
        times = np.arange(len(envelope)) / self.sfreq
        for event, cue in zip(events, cues, strict=True):
            turns = 2 * np.pi * float(event) * times
            flicker = np.sin(turns) + _HARMONIC * np.sin(2 * turns)
            course[cue : cue + len(times)] += envelope * flicker
        return course
