"""MOABB motor-imagery datasets whose sources are known: separable ones, and travelling waves.

Dipoles in MNE's spherical head, their rhythms, noise and artefacts; nothing is downloaded.
"""

import hashlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real

import mne
import numpy as np
from moabb.datasets.base import BaseDataset
from moabb.datasets.fake import FakeDataset
from scipy.fft import irfft, next_fast_len
from scipy.signal.windows import hann

_EVENTS = {"left_hand": 1, "right_hand": 2, "feet": 3, "tongue": 4}

# The 22 electrodes of BCI competition IV, data set 2a.
# fmt: off
_CHANNELS = (
    "Fz", "FC3", "FC1", "FCz", "FC2", "FC4", "C5", "C3", "C1", "Cz", "C2", "C4", "C6",
    "CP3", "CP1", "CPz", "CP2", "CP4", "P1", "Pz", "P2", "POz",
)
# fmt: on

# Linked mastoids leave the data of full rank, as an average reference would not, and make the
# topography at one electrode independent of which others are recorded.
_REFERENCE = ("M1", "M2")

# Sphere fitted to all 10-05 electrodes, in m, head coordinates.
_CENTRE = np.array([-0.001, 0.015, 0.041])
_RADIUS = 0.098

# Area, imagery that desynchronises it, electrode above it, distance from the centre in radii: a
# dipole that stands for a patch of cortex lies deeper than the patch.
_AREAS = (
    ("left hand area", "right_hand", "C3", 0.72),
    ("right hand area", "left_hand", "C4", 0.72),
    ("foot area", "feet", "Cz", 0.66),
    ("left tongue area", "tongue", "C5", 0.72),
    ("right tongue area", "tongue", "C6", 0.72),
)
_ABOVE = tuple(electrode for _, _, electrode, _ in _AREAS)

# The dipoles of a head, in this order.
_OCCIPITAL, _EYES, _N_BACKGROUND = ("O1", "O2"), ("Fp1", "Fp2"), 60
_MOTOR = slice(0, 5)
_ALPHA = slice(5, 7)
_BLINK = slice(7, 9)
_BACKGROUND = slice(9, 9 + _N_BACKGROUND)
_N_DIPOLES = _BACKGROUND.stop

# Dipole moments in A m: root mean square, of the blinks the peak.
_BACKGROUND_MOMENT, _ALPHA_MOMENT, _BLINK_MOMENT = 35e-9, 60e-9, 600e-9
_BETA_TO_MU = 0.5
_HAND_SNR = 0.2  # of the hand areas where they are not what is decoded

# Standard deviations of the spectral peaks in Hz.
_MU_WIDTH, _BETA_WIDTH, _ALPHA_WIDTH = 0.7, 2.0, 0.7

# Of an electrode, in V: white noise per root Hz, root mean square of the drift, peak of the line.
_WHITE, _DRIFT, _LINE = 0.1e-6, 10e-6, 1e-6
_DRIFT_CORNER, _LINE_FREQ = 0.05, 50.0  # Hz

# In s. After the cue the desynchronisation is complete over _INTERVAL, with ramps before and after.
_INTERVAL, _RAMP = (0.5, 3.5), 0.5
_LEAD_IN, _TRIAL, _JITTER = 3.0, 5.5, 1.0
_BLINK_DURATION, _BLINKS_PER_S = 0.3, 0.2

# A wave runs along an arc between the places below two electrodes, at a depth in radii. At
# 26 Hz and 2 m/s a wave is 8 cm long and the path 11 cm.
_WAVE_ENDS, _WAVE_MIDDLE = ("Fz", "Pz"), "Cz"
_WAVE_DEPTH, _N_WAVE = 0.72, 15
_WAVE_FREQS, _WAVE_SPEEDS, _WAVE_WIDTH = (24.0, 28.0), (1.5, 2.5), 1.0  # Hz, m/s, Hz


@dataclass(frozen=True, eq=False)
class Source:
    """A dipole whose rhythms one imagery desynchronises.

    Attributes
    ----------
    name : str
        For example ``"left hand area"``.
    event : str
        The imagery that desynchronises it, for example ``"right_hand"``.
    ch_names : tuple of str, length n_chans
        Electrodes of the topography, in the order of the recording.
    topography : ndarray of shape (n_chans,)
        Potential of the dipole at the electrodes, in V per A m, with the reference of the data
        (linked mastoids).
    position : ndarray of shape (3,)
        In m, MNE head coordinates.
    orientation : ndarray of shape (3,)
        Unit vector, MNE head coordinates.
    mu_freq, beta_freq : float
        Peak frequencies, in Hz.
    mu_moment, beta_moment : float
        Root-mean-square dipole moments of the two rhythms at rest, in A m, but for the factors of a
        session; times ``topography`` they give volts at the scalp.
    erd : float
        Mean share of the rhythms' power that the imagery takes away, between 0 and 1.
    """

    name: str
    event: str
    ch_names: tuple[str, ...]
    topography: np.ndarray
    position: np.ndarray
    orientation: np.ndarray
    mu_freq: float
    beta_freq: float
    mu_moment: float
    beta_moment: float
    erd: float

    def pick(self, ch_names):
        """Topography at some of the electrodes, as after a paradigm's choice of channels.

        Parameters
        ----------
        ch_names : sequence of str, length n_picks
            Names out of ``self.ch_names``, in any order.

        Returns
        -------
        topography : ndarray of shape (n_picks,)
            In V per A m.

        Raises
        ------
        ValueError
            If an electrode was not recorded.
        """
        return self.topography[_picks(ch_names, self.ch_names)]


@dataclass(frozen=True, eq=False)
class TravellingWave:
    """Dipoles along a path that one rhythm passes in turn, one way or the other by imagery.

    Attributes
    ----------
    name : str
        ``"fronto-parietal wave"``.
    forward, backward : str
        Imagery during which dipole 0 is the first that the wave reaches, and the last.
    ch_names : tuple of str, length n_chans
        Electrodes of the topographies, in the order of the recording.
    topographies : ndarray of shape (n_chans, n_dipoles)
        Potential of each dipole at the electrodes, in V per A m, with the reference of the data
        (linked mastoids).
    positions, orientations : ndarray of shape (n_dipoles, 3)
        In m, and unit vectors; MNE head coordinates.
    delays : ndarray of shape (n_dipoles,)
        When the forward wave passes each dipole, in s, 0 in the middle of the path. The backward
        wave has the opposite delays.
    moments : ndarray of shape (n_dipoles,)
        Root-mean-square dipole moments during imagery, in A m, but for the factors of a session
        and a trial.
    freq : float
        Peak frequency, in Hz.
    """

    name: str
    forward: str
    backward: str
    ch_names: tuple[str, ...]
    topographies: np.ndarray
    positions: np.ndarray
    orientations: np.ndarray
    delays: np.ndarray
    moments: np.ndarray
    freq: float

    @property
    def topography(self):
        """Complex topography of the forward wave at its frequency, shape (n_chans,), in V.

        The sum of the dipoles' topographies times their moments, each turned by the phase of its
        delay. Its real and imaginary parts are the maps a quarter of a cycle apart; the backward
        wave has its complex conjugate.
        """
        turns = np.exp(-2j * np.pi * self.freq * self.delays)
        return self.topographies @ (self.moments * turns)

    def pick(self, ch_names):
        """Complex topography at some of the electrodes, as after a paradigm's choice of channels.

        Parameters
        ----------
        ch_names : sequence of str, length n_picks
            Names out of ``self.ch_names``, in any order.

        Returns
        -------
        topography : ndarray of complex, shape (n_picks,)
            In V.

        Raises
        ------
        ValueError
            If an electrode was not recorded.
        """
        return self.topography[_picks(ch_names, self.ch_names)]


class SimulatedMotorImagery(FakeDataset):
    """Simulated motor imagery with known sources.

    Every subject has dipoles in the two hand areas, the foot area and the two tongue areas. All of
    them have a mu (8-13 Hz) and a beta (16-25 Hz) rhythm of narrow-band Gaussian noise, whose power
    falls during one imagery (event-related desynchronisation, [1]_): of the left hand area when the
    right hand is imagined and so on. An area whose imagery is not among the classes never
    desynchronises. The rest is independent of the class: 60 dipoles of 1/f activity, an occipital
    alpha rhythm, blinks at random times, slow drift, line noise of 50 Hz and the noise of the
    electrodes. So nothing but the power of the rhythms tells the classes apart.

    Subjects differ in the place, orientation, frequencies and strength of their sources and in how
    deep the desynchronisation goes. Sessions differ in the overall gain, in the strength of all
    sources and in the noise of each electrode, but not in the topographies.

    Parameters
    ----------
    n_subjects, n_sessions, n_runs : int
        Subjects (numbered from 1), sessions of each, and runs of each session.
    n_trials_per_class : int
        Trials of each class in each run.
    n_classes : {2, 3, 4}
        The first so many of left hand, right hand, feet and tongue.
    channels : sequence of str
        Electrodes to record, by their names in the 10-05 system; by default the 22 of BCI
        competition IV, data set 2a. ``"M1"`` and ``"M2"`` are the reference.
    sfreq : float
        Sampling frequency in Hz, at least 80.
    snr : float
        Power of the mu rhythm at rest over the power that the 1/f activity has between 8 and 30 Hz,
        at the electrode above the area (C3, C4, Cz, C5, C6); the geometric mean of the subjects,
        which scatter by about 2 dB.
    random_state : int
        Seed. The same seed gives the same bits, whichever subjects are loaded and in what order.

    Attributes
    ----------
    channels : tuple of str, length n_chans
    sfreq, snr : float
    n_sessions, n_runs, n_trials_per_class, n_classes, random_state : int
    code : str
        ``"SimulatedMotorImagery"``; with settings other than the default a hash of them follows, so
        that MOABB does not take the stored results of one dataset for those of another.

    Raises
    ------
    ValueError
        If a parameter is out of its range or an electrode unknown.

    Notes
    -----
    Data are in volts against linked mastoids, trial markers are annotations at the cue, imagery
    lasts from 0.5 to 3.5 s after it. The head is MNE's four-shell sphere; the electrodes are those
    of the 10-05 template of the Colin 27 head. The class derives from MOABB's ``FakeDataset``
    because ``moabb.benchmark`` takes no other dataset from outside MOABB.

    References
    ----------
    .. [1] Pfurtscheller, G., & Lopes da Silva, F. H. (1999). Event-related EEG/MEG synchronization
       and desynchronization: basic principles. Clinical Neurophysiology, 110(11), 1842-1857.

    Examples
    --------
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> dataset = SimulatedMotorImagery(n_subjects=1)
    >>> [(source.name, source.event) for source in dataset.sources(1)]
    [('left hand area', 'right_hand'), ('right hand area', 'left_hand')]
    """

    def __init__(
        self,
        *,
        n_subjects=4,
        n_sessions=2,
        n_runs=2,
        n_trials_per_class=20,
        n_classes=2,
        channels=_CHANNELS,
        sfreq=128.0,
        snr=0.2,
        random_state=0,
    ):
        self.n_subjects = _integer("n_subjects", n_subjects, 1)
        self.n_runs = _integer("n_runs", n_runs, 1)
        self.n_trials_per_class = _integer("n_trials_per_class", n_trials_per_class, 1)
        self.n_classes = _integer("n_classes", n_classes, 2, len(_EVENTS))
        self.channels = _electrodes(channels)
        self.sfreq = _number("sfreq", sfreq, 80)
        self.snr = _number("snr", snr, 0)
        self.random_state = _integer("random_state", random_state, 0)
        # FakeDataset's own constructor would set an environment variable and make a folder.
        BaseDataset.__init__(
            self,
            subjects=list(range(1, self.n_subjects + 1)),
            sessions_per_subject=_integer("n_sessions", n_sessions, 1),
            events=dict(list(_EVENTS.items())[: self.n_classes]),
            code=type(self).__name__,
            interval=list(_INTERVAL),
            paradigm="imagery",
        )
        changed = {
            name: getattr(self, name)
            for name, parameter in inspect.signature(type(self)).parameters.items()
            if getattr(self, name) != parameter.default
        }
        if changed:
            self.code += "-" + hashlib.sha256(repr(changed).encode()).hexdigest()[:8]

    @property
    def info(self):
        """Electrodes with their positions, for plotting (mne.Info)."""
        info = make_info(self.channels, self.sfreq)
        info["line_freq"] = _LINE_FREQ
        return info

    def sources(self, subject):
        """Truth about one subject: the sources that some class desynchronises.

        Parameters
        ----------
        subject : int
            One of ``subject_list``.

        Returns
        -------
        sources : tuple of Source
            Left hand area, right hand area, and with 3 and 4 classes the foot area and both tongue
            areas.

        Raises
        ------
        ValueError
            If there is no such subject.
        """
        brain = self._brain(subject)
        return tuple(
            Source(
                name=name,
                event=event,
                ch_names=self.channels,
                topography=brain.gains[:, i],
                position=brain.positions[i],
                orientation=brain.orientations[i],
                mu_freq=float(brain.mu_freqs[i]),
                beta_freq=float(brain.beta_freqs[i]),
                mu_moment=float(brain.mu_moments[i]),
                beta_moment=float(_BETA_TO_MU * brain.mu_moments[i]),
                erd=brain.erd,
            )
            for i, (name, event, _, _) in enumerate(_AREAS)
            if event in self.event_id
        )

    def data_path(self, subject, path=None, force_update=False, update_path=None, verbose=None):
        """No files: the data are made when asked for.

        Parameters
        ----------
        subject : int
            One of ``subject_list``.
        path, force_update, update_path, verbose : object
            Not used; MOABB passes them.

        Returns
        -------
        paths : list
            Empty.

        Raises
        ------
        ValueError
            If there is no such subject.
        """
        self._check_subject(subject)
        return []

    def _check_subject(self, subject):
        if subject not in self.subject_list:
            raise ValueError(f"there is no subject {subject!r}, only {self.subject_list}")

    def _rng(self, subject, session=-1, run=-1):
        """Independent generators: one for a subject, for a session of it, for a run of that."""
        key = (subject, session + 1, run + 1)
        return np.random.default_rng(np.random.SeedSequence(self.random_state, spawn_key=key))

    def _brain(self, subject):
        self._check_subject(subject)
        return _Brain.draw(self._rng(subject), self.channels, self.snr)

    def _get_single_subject_data(self, subject):
        brain = self._brain(subject)
        data = {}
        for i in range(self.n_sessions):
            session = _Session.draw(self._rng(subject, i), len(self.channels))
            data[str(i)] = {
                str(j): self._run(brain, session, self._rng(subject, i, j))
                for j in range(self.n_runs)
            }
        return data

    def _run(self, brain, session, rng):
        events = rng.permutation(np.repeat(list(self.event_id), self.n_trials_per_class))
        gaps = _TRIAL + rng.uniform(0, _JITTER, len(events))
        cues = np.round((_LEAD_IN + np.cumsum(gaps) - gaps[0]) * self.sfreq).astype(int)
        n_times = cues[-1] + int(_TRIAL * self.sfreq)

        activity = self._activity(brain, session, rng, events, cues, n_times)
        noise = session.electrode_noise(rng, n_times, self.sfreq)

        data = session.gain * (activity + _rereference(noise))
        raw = mne.io.RawArray(data, self.info, verbose=False)
        raw.set_annotations(
            mne.Annotations(cues / self.sfreq, _INTERVAL[1] + _RAMP, events.tolist())
        )
        return raw

    def _activity(self, brain, session, rng, events, cues, n_times):
        """Potentials of the brain and the eyes, (n_chans, n_times) in V."""
        moments = _noise(rng, brain.spectra, n_times, self.sfreq)
        moments[_MOTOR] *= np.sqrt(
            _remaining_power(rng, events, cues, brain.erd, n_times, self.sfreq)
        )
        moments[_BLINK] = _blinks(rng, n_times, self.sfreq)
        return (brain.gains * session.strengths) @ moments


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
        channels=_CHANNELS,
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
        brain = _Brain.draw(rng, self.channels, _HAND_SNR)
        return _WaveBrain(**vars(brain), wave=_draw_wave(rng, self.channels, self.snr, brain))

    def _activity(self, brain, session, rng, events, cues, n_times):
        moments = _noise(rng, brain.spectra, n_times, self.sfreq)
        moments[_BLINK] = _blinks(rng, n_times, self.sfreq)
        passing = _passing(rng, brain.wave, events, cues, n_times, self.sfreq)
        return (brain.gains * session.strengths) @ moments + brain.wave.topographies @ passing


@dataclass(frozen=True, eq=False)
class _Brain:
    """What a subject keeps: dipoles, their gains (n_chans, n_dipoles) in V per A m, rhythms."""

    positions: np.ndarray
    orientations: np.ndarray
    gains: np.ndarray
    mu_freqs: np.ndarray
    beta_freqs: np.ndarray
    mu_moments: np.ndarray
    alpha_freq: float
    background_moments: np.ndarray
    erd: float

    @classmethod
    def draw(cls, rng, channels, snr):
        named = _directions(_ABOVE + _OCCIPITAL + _EYES)
        named = _unit(named + rng.normal(0, 0.07, named.shape))
        # Background evenly over the sphere, down to the height of the ears.
        height = rng.uniform(-0.3, 1, _N_BACKGROUND)
        azimuth = rng.uniform(0, 2 * np.pi, _N_BACKGROUND)
        around = np.sqrt(1 - height**2)
        anywhere = np.column_stack([around * np.cos(azimuth), around * np.sin(azimuth), height])
        radial = np.concatenate([named, anywhere])
        depths = [depth for *_, depth in _AREAS] + [0.75] * len(_OCCIPITAL) + [0.85] * len(_EYES)
        depths = depths * rng.uniform(0.96, 1.04, len(depths))
        depths = np.concatenate([depths, rng.uniform(0.4, 0.8, _N_BACKGROUND)])
        positions = _CENTRE + _RADIUS * depths[:, None] * radial

        # Roughly radial, as where a rhythm is seen best; background in any direction.
        sideways = _unit(np.cross(radial, rng.normal(size=radial.shape)))
        tilt = np.radians(rng.uniform(0, 50, (_N_DIPOLES, 1)))
        tilt[_BACKGROUND] = np.arccos(rng.uniform(-1, 1, (_N_BACKGROUND, 1)))
        orientations = np.cos(tilt) * radial + np.sin(tilt) * sideways

        gains = _forward((*channels, *_ABOVE, *_REFERENCE), positions, orientations)
        gains, gains_above = np.split(_rereference(gains), [len(channels)])
        background_moments = _BACKGROUND_MOMENT * rng.lognormal(0, 0.5, _N_BACKGROUND)

        power = _background_power(gains_above[:, _BACKGROUND], background_moments)
        decibels = rng.normal(0, 2) + rng.normal(0, 1, len(_AREAS))
        mu_moments = np.sqrt(snr * 10 ** (decibels / 10) * power)
        mu_moments /= np.abs(np.diagonal(gains_above))

        alpha_freq = rng.uniform(9.3, 11.3)
        return cls(
            positions=positions,
            orientations=orientations,
            gains=gains,
            mu_freqs=alpha_freq + rng.uniform(-0.8, 1.2, len(_AREAS)),
            beta_freqs=rng.uniform(17, 24) + rng.uniform(-1, 1, len(_AREAS)),
            mu_moments=mu_moments,
            alpha_freq=alpha_freq,
            background_moments=background_moments,
            erd=rng.uniform(0.25, 0.7),
        )

    def spectra(self, freqs):
        """Power spectral densities of the dipoles at rest, (n_dipoles, n_freqs) in (A m)^2/Hz."""
        spectra = np.zeros((_N_DIPOLES, len(freqs)))
        mu = _peaks(freqs, self.mu_freqs, _MU_WIDTH)
        beta = _peaks(freqs, self.beta_freqs, _BETA_WIDTH)
        spectra[_MOTOR] = self.mu_moments[:, None] ** 2 * (mu + _BETA_TO_MU**2 * beta)
        spectra[_ALPHA] = _ALPHA_MOMENT**2 * _peaks(freqs, [self.alpha_freq], _ALPHA_WIDTH)
        spectra[_BACKGROUND] = self.background_moments[:, None] ** 2 * _pink(freqs)
        return spectra


@dataclass(frozen=True, eq=False)
class _WaveBrain(_Brain):
    """A brain that a wave travels over."""

    wave: TravellingWave


@dataclass(frozen=True, eq=False)
class _Session:
    """What a session keeps: gain, strengths (n_dipoles,), noise of channels and reference."""

    gain: float
    strengths: np.ndarray
    white: np.ndarray
    drift: np.ndarray
    line: np.ndarray

    @classmethod
    def draw(cls, rng, n_chans):
        n_electrodes = n_chans + len(_REFERENCE)
        # The brain comes first, here and in a run, so that it does not depend on the electrodes.
        return cls(
            gain=rng.lognormal(0, 0.1),
            strengths=rng.lognormal(0, 0.2, _N_DIPOLES),
            white=_WHITE * rng.lognormal(0, 0.4, n_electrodes),
            drift=_DRIFT * rng.lognormal(0, 0.4, n_electrodes),
            line=_LINE
            * np.exp(
                rng.normal(0, 0.5, n_electrodes) + 2j * np.pi * rng.uniform(size=n_electrodes)
            ),
        )

    def electrode_noise(self, rng, n_times, sfreq):
        """White noise, drift and line at the electrodes, (n_chans + 2, n_times) in V."""

        def spectra(freqs):
            # Of integral 1, and falling with the square of the frequency.
            drift = 2 / (np.pi * _DRIFT_CORNER) / (1 + (freqs / _DRIFT_CORNER) ** 2)
            return self.white[:, None] ** 2 + self.drift[:, None] ** 2 * drift

        noise = _noise(rng, spectra, n_times, sfreq)
        if sfreq > 2 * _LINE_FREQ:  # else the amplifier's own low-pass has removed it
            turns = np.exp(2j * np.pi * (_LINE_FREQ * np.arange(n_times) / sfreq + rng.uniform()))
            noise += np.real(self.line[:, None] * turns)
        return noise


def _noise(rng, spectra, n_times, sfreq):
    """Gaussian signals (n_signals, n_times) with the one-sided densities ``spectra(freqs)``."""
    # A second more, so that the end of the series is not the neighbour of its beginning.
    n = next_fast_len(n_times + int(sfreq), real=True)
    spectra = spectra(np.fft.rfftfreq(n, 1 / sfreq))
    white = rng.standard_normal((*spectra.shape, 2)).view(complex)[..., 0]
    return irfft(white * np.sqrt(spectra * (sfreq * n / 4)), n)[:, :n_times]


def _remaining_power(rng, events, cues, erd, n_times, sfreq):
    """Share of the rhythms' power that the imagery leaves, (n_areas, n_times)."""
    course = _course(sfreq)
    depths = rng.beta(4 * erd, 4 * (1 - erd), len(events))
    power = np.ones((len(_AREAS), n_times))
    driven = np.array([event for _, event, _, _ in _AREAS])
    for event, cue, depth in zip(events, cues, depths, strict=True):
        power[driven == event, cue : cue + len(course)] -= depth * course
    return power


def _draw_wave(rng, channels, snr, brain):
    """Draw the wave of a subject whose other sources are drawn."""
    ends = _directions(_WAVE_ENDS)
    start, stop = _unit(ends + rng.normal(0, 0.1, ends.shape))
    angle = np.arccos(start @ stop)
    along = np.linspace(0, 1, _N_WAVE)[:, None]
    radial = (np.sin((1 - along) * angle) * start + np.sin(along * angle) * stop) / np.sin(angle)
    depth = _WAVE_DEPTH * rng.uniform(0.96, 1.04)
    positions = _CENTRE + _RADIUS * depth * radial
    # one tilt for all: neighbours on a smooth piece of cortex point the same way
    orientations = _unit(radial + rng.normal(0, 0.2, 3))

    electrodes = (_WAVE_MIDDLE, *_REFERENCE)
    gains = _rereference(_forward((*channels, *electrodes), positions, orientations))
    background = _forward(electrodes, brain.positions[_BACKGROUND], brain.orientations[_BACKGROUND])
    power = _background_power(_rereference(background), brain.background_moments)
    freq, speed = rng.uniform(*_WAVE_FREQS), rng.uniform(*_WAVE_SPEEDS)
    delays = (along[:, 0] - 0.5) * angle * depth * _RADIUS / speed
    moments = hann(_N_WAVE + 2)[1:-1]
    at_middle = np.abs(gains[-1] @ (moments * np.exp(-2j * np.pi * freq * delays)))
    moments *= np.sqrt(snr * 10 ** (rng.normal(0, 2) / 10) * power[0]) / at_middle
    return TravellingWave(
        name="fronto-parietal wave",
        forward="left_hand",
        backward="right_hand",
        ch_names=channels,
        topographies=gains[:-1],
        positions=positions,
        orientations=orientations,
        delays=delays,
        moments=moments,
        freq=freq,
    )


def _passing(rng, wave, events, cues, n_times, sfreq):
    """Dipole moments of a wave that comes with every imagery, (n_dipoles, n_times) in A m."""
    n = next_fast_len(n_times + int(sfreq), real=True)
    freqs = np.fft.rfftfreq(n, 1 / sfreq)
    white = rng.standard_normal((len(freqs), 2)).view(complex)[:, 0]
    rhythm = white * np.sqrt(_peaks(freqs, [wave.freq], _WAVE_WIDTH)[0] * (sfreq * n / 4))
    turns = np.exp(-2j * np.pi * freqs * wave.delays[:, None])
    strengths = rng.lognormal(0, 0.2, len(events))
    course = _course(sfreq)
    moments = np.zeros((len(wave.delays), n_times))
    for event, direction in ((wave.forward, turns), (wave.backward, turns.conj())):
        gate = np.zeros(n_times)
        for cue, strength in zip(cues[events == event], strengths[events == event], strict=True):
            gate[cue : cue + len(course)] = strength * course
        moments += gate * irfft(rhythm * direction, n)[:, :n_times]
    return wave.moments[:, None] * moments


def _course(sfreq):
    """How far the response to a cue is developed, from 0 to 1, in samples from the cue on."""
    start, stop = _INTERVAL
    times = np.arange(int((stop + _RAMP) * sfreq)) / sfreq
    return np.interp(times, [start - _RAMP, start, stop, stop + _RAMP], [0, 1, 1, 0])


def _background_power(gains, moments):
    """Power of the 1/f activity from 8 to 30 Hz at electrodes, in V^2."""
    freqs = np.linspace(8, 30, 221)
    return np.square(gains * moments).sum(1) * np.trapezoid(_pink(freqs), freqs)


def _blinks(rng, n_times, sfreq):
    """Dipole moments of eye blinks at random times, (n_times,) in A m."""
    impulses = np.zeros(n_times)
    n_blinks = rng.poisson(_BLINKS_PER_S * n_times / sfreq)
    impulses[rng.integers(n_times, size=n_blinks)] = rng.lognormal(0, 0.3, n_blinks)
    return _BLINK_MOMENT * np.convolve(impulses, hann(int(_BLINK_DURATION * sfreq)), "same")


def _pink(freqs):
    """One-sided density of the background activity per unit of variance, in 1/Hz."""
    slope = 1.3
    return slope / np.pi * np.sin(np.pi / slope) / (1 + freqs**slope)


def _peaks(freqs, centres, width):
    """Gaussian densities of integral 1, (n_centres, n_freqs) in 1/Hz."""
    z = (freqs - np.reshape(centres, (-1, 1))) / width
    return np.exp(-(z**2) / 2) / (width * np.sqrt(2 * np.pi))


def _picks(ch_names, recorded):
    unknown = [name for name in ch_names if name not in recorded]
    if unknown:
        raise ValueError(f"electrodes {unknown} were not recorded, only {recorded}")
    return [recorded.index(name) for name in ch_names]


def _rereference(potentials):
    """Against the mean of the reference electrodes, which are the last rows."""
    return potentials[: -len(_REFERENCE)] - potentials[-len(_REFERENCE) :].mean(0)


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _directions(ch_names):
    """Return the unit vectors (n_electrodes, 3) from the centre of the head to electrodes."""
    chs = make_info(ch_names, 1.0)["chs"]
    return _unit(np.array([ch["loc"][:3] for ch in chs]) - _CENTRE)


def _forward(ch_names, positions, orientations):
    """Potentials of dipoles in the four-shell sphere, (n_electrodes, n_dipoles) in V per A m."""
    n = len(positions)
    dipoles = mne.Dipole(np.arange(n), positions, np.ones(n), orientations, np.ones(n))
    # A name may come twice: in the recording and above an area.
    unique = list(dict.fromkeys(ch_names))
    with mne.use_log_level("ERROR"):
        sphere = mne.make_sphere_model(_CENTRE, _RADIUS)
        forward, _ = mne.make_forward_dipole(dipoles, sphere, make_info(unique, 1.0))
    return forward["sol"]["data"][[unique.index(name) for name in ch_names]]


@cache
def montage():
    """Give the electrodes that there are, with their places."""
    # MNE 1.13 renamed the template and warns of the old name, which is all that MNE 1.11 knows.
    old, new = "standard_1005", "colin27_1005"
    known = mne.channels.get_builtin_montages()
    return mne.channels.make_standard_montage(new if new in known else old)


def make_info(ch_names, sfreq):
    """Make an Info of some of them."""
    info = mne.create_info(list(ch_names), sfreq, "eeg", verbose=False)
    return info.set_montage(montage(), verbose=False)


def _electrodes(channels):
    if isinstance(channels, str) or not isinstance(channels, Iterable):
        raise ValueError(f"channels must be a sequence of electrode names, not {channels!r}")
    channels = tuple(map(str, channels))
    if not channels or len(set(channels)) < len(channels):
        raise ValueError(f"channels must be one or more different electrodes, not {channels}")
    unknown = [name for name in channels if name not in montage().ch_names]
    if unknown:
        raise ValueError(f"channels {unknown} are not in the 10-05 system")
    if set(channels) & set(_REFERENCE):
        raise ValueError(f"channels {_REFERENCE} are the reference and cannot be recorded")
    return channels


def _integer(name, value, low, high=None):
    if not isinstance(value, Integral) or value < low or (high is not None and value > high):
        limits = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be an integer {limits}, not {value!r}")
    return int(value)


def _number(name, value, low):
    if not isinstance(value, Real) or not low <= value < np.inf:
        raise ValueError(f"{name} must be a finite number of at least {low}, not {value!r}")
    return float(value)
