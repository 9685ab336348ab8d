"""Simulated imagery as a MOABB dataset that only the direction of a travelling wave tells apart.

No product of a filter in space and one in time sees it.
"""

from .brain import Brain
from .motor_imagery import CHANNELS, SimulatedMotorImagery
from .wave import WaveBrain, draw_wave, passing_moments

_HAND_SNR = 0.2  # of the hand areas where they are not what is decoded


class SimulatedTravellingWaves(SimulatedMotorImagery):
    r"""Simulated imagery that only the direction of a travelling wave tells apart.

    The counterpart of :class:`SimulatedMotorImagery`, whose sources each have one topography. Here
    during either imagery a beta wave runs over the top of the head, from front to back for the left
    hand and from back to front for the right. Such waves have been seen in motor cortex [1]_
    and, slower, over the whole scalp [2]_. The forward model: dipole :math:`i` of 15 on a great arc
    from below Fz to below Pz, roughly radial, has the gain :math:`g_i` and the moment
    :math:`a_i\, s(t \mp \tau_i)`, where :math:`s` is narrow-band Gaussian noise,
    :math:`\tau_i` the way from the middle of the path over the speed of the wave, and :math:`a_i`
    a Hann window along the path. The potential is

    .. math:: x(t) = \sum_i g_i\, a_i\, s(t \mp \tau_i),
       \quad \mathrm{Cov}[x(t), x(t + l)]
       = \sum_{ij} g_i\, g_j^\top a_i\, a_j\, r(l \mp (\tau_j - \tau_i)).

    As the autocovariance :math:`r` of :math:`s` is even, the covariance of one class at lag
    :math:`l` is the transpose of the other's: the power of every single topography, in every band,
    is the same in both. What tells them apart is which electrode leads, for which a filter must
    weigh electrodes and times jointly. The wave is fast enough for EEGNet's first pooling (of 4
    samples, at 128 Hz) to take most of it away: a slow one, its second block could still put
    together from the outputs of separable filters.

    The background, the artefacts and the hand areas' own rhythms are those of
    :class:`SimulatedMotorImagery`, but the rhythms never desynchronise. Subjects differ in the
    wave's path, frequency (24-28 Hz), speed (1.5-2.5 m/s) and strength.

    Parameters
    ----------
    n_subjects, n_sessions, n_runs : int
        Subjects (numbered from 1), sessions of each, and runs of each session.
    n_trials_per_class : int
        Trials of each class in each run.
    channels : sequence of str
        Electrodes to record, by their names in the 10-05 system; by default the 22 of BCI
        competition IV, data set 2a. ``"M1"`` and ``"M2"`` are the reference.
    sfreq : float
        Sampling frequency in Hz, at least 80.
    snr : float
        Power of the wave over the power that the 1/f activity has between 8 and 30 Hz, at Cz; the
        geometric mean of the subjects, which scatter by about 2 dB.
    random_state : int
        Seed. The same seed gives the same bits, whichever subjects are loaded and in what order.

    Attributes
    ----------
    channels : tuple of str, length n_chans
    sfreq, snr : float
    n_sessions, n_runs, n_trials_per_class, n_classes, random_state : int
    code : str
        ``"SimulatedTravellingWaves"``; with settings other than the default a hash of them follows.

    Raises
    ------
    ValueError
        If a parameter is out of its range or an electrode unknown.

    References
    ----------
    .. [1] Rubino, D., Robbins, K. A., & Hatsopoulos, N. G. (2006). Propagating waves mediate
       information transfer in the motor cortex. Nature Neuroscience, 9(12), 1549-1557.
    .. [2] Alamia, A., & VanRullen, R. (2019). Alpha oscillations and traveling waves: signatures of
       predictive coding? PLOS Biology, 17(10), e3000487.

    Examples
    --------
    >>> from eegsep.datasets import SimulatedTravellingWaves
    >>> (wave,) = SimulatedTravellingWaves(n_subjects=1).sources(1)
    >>> wave.name, wave.forward, wave.topographies.shape
    ('fronto-parietal wave', 'left_hand', (22, 15))
    """

    def __init__(
        self,
        *,
        n_subjects=4,
        n_sessions=2,
        n_runs=2,
        n_trials_per_class=20,
        channels=CHANNELS,
        sfreq=128.0,
        snr=0.1,
        random_state=0,
    ):
        super().__init__(
            n_subjects=n_subjects,
            n_sessions=n_sessions,
            n_runs=n_runs,
            n_trials_per_class=n_trials_per_class,
            channels=channels,
            sfreq=sfreq,
            snr=snr,
            random_state=random_state,
        )

    def sources(self, subject):
        """Truth about one subject: the wave.

        Parameters
        ----------
        subject : int
            One of ``subject_list``.

        Returns
        -------
        sources : tuple of TravellingWave
            One.

        Raises
        ------
        ValueError
            If there is no such subject.
        """
        return (self._brain(subject).wave,)

    def _brain(self, subject):
        self._check_subject(subject)
        rng = self._rng(subject)
        # the hand areas' rhythms, which say nothing here, are as in the other dataset's default
        brain = Brain.draw(rng, self.channels, _HAND_SNR)
        return WaveBrain(**vars(brain), wave=draw_wave(rng, self.channels, self.snr, brain))

    def _activity(self, brain, session, rng, events, cues, n_times):
        rest = self._activity_at_rest(brain, session, rng, n_times)
        passing = passing_moments(rng, brain.wave, events, cues, n_times, self.sfreq)
        return rest + brain.wave.topographies @ passing
