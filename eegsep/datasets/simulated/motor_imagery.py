"""Simulated motor imagery as a MOABB dataset, whose sources are known and separable.

Nothing is downloaded or read: runs are made when they are asked for.
"""

import hashlib
import inspect
from collections.abc import Iterable
from numbers import Integral, Real

import mne
import numpy as np
from moabb.datasets.base import BaseDataset
from moabb.datasets.fake import FakeDataset

from eegsep.datasets.electrodes import make_info, montage

from .brain import AREAS, BETA_TO_MU, BLINK, MOTOR, Brain
from .head import REFERENCE, rereference
from .session import LINE_FREQ, Session
from .signals import INTERVAL, RAMP, blink_moments, gaussian_noise, response_course
from .sources import Source

_EVENTS = {"left_hand": 1, "right_hand": 2, "feet": 3, "tongue": 4}

# The 22 electrodes of BCI competition IV, data set 2a.
# fmt: off
CHANNELS = (
    "Fz", "FC3", "FC1", "FCz", "FC2", "FC4", "C5", "C3", "C1", "Cz", "C2", "C4", "C6",
    "CP3", "CP1", "CPz", "CP2", "CP4", "P1", "Pz", "P2", "POz",
)
# fmt: on

# In s.
_LEAD_IN = 3.0


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

    # From a cue to the next at least, and at random on top of it, in s.
    _trial, _jitter = 5.5, 1.0

    def __init__(
        self,
        *,
        n_subjects=4,
        n_sessions=2,
        n_runs=2,
        n_trials_per_class=20,
        n_classes=2,
        channels=CHANNELS,
        sfreq=128.0,
        snr=0.2,
        random_state=0,
    ):
        self.n_subjects = _integer("n_subjects", n_subjects, 1)
        self.n_runs = _integer("n_runs", n_runs, 1)
        self.n_trials_per_class = _integer("n_trials_per_class", n_trials_per_class, 1)
        self.n_classes = _integer("n_classes", n_classes, 2, len(_EVENTS))
        self.channels = _electrodes(channels)
        self.sfreq = number("sfreq", sfreq, 80)
        self.snr = number("snr", snr, 0)
        self.random_state = _integer("random_state", random_state, 0)
        # FakeDataset's own constructor would set an environment variable and make a folder.
        BaseDataset.__init__(
            self,
            subjects=list(range(1, self.n_subjects + 1)),
            sessions_per_subject=_integer("n_sessions", n_sessions, 1),
            events=dict(list(_EVENTS.items())[: self.n_classes]),
            code=type(self).__name__,
            interval=list(INTERVAL),
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
        info["line_freq"] = LINE_FREQ
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
                beta_moment=float(BETA_TO_MU * brain.mu_moments[i]),
                erd=brain.erd,
            )
            for i, (name, event, _, _) in enumerate(AREAS)
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
        return Brain.draw(self._rng(subject), self.channels, self.snr)

    def _get_single_subject_data(self, subject):
        brain = self._brain(subject)
        data = {}
        for i in range(self.n_sessions):
            session = Session.draw(self._rng(subject, i), len(self.channels))
            data[str(i)] = {
                str(j): self._run(brain, session, self._rng(subject, i, j))
                for j in range(self.n_runs)
            }
        return data

    def _run(self, brain, session, rng):
        events = rng.permutation(self._events())
        gaps = self._trial + rng.uniform(0, self._jitter, len(events))
        cues = np.round((_LEAD_IN + np.cumsum(gaps) - gaps[0]) * self.sfreq).astype(int)
        n_times = cues[-1] + int(max(self._trial, self._answer() + 1) * self.sfreq)

        activity = self._activity(brain, session, rng, events, cues, n_times)
        noise = session.electrode_noise(rng, n_times, self.sfreq)

        data = session.gain * (activity + rereference(noise))
        raw = mne.io.RawArray(data, self.info, verbose=False)
        raw.set_annotations(mne.Annotations(cues / self.sfreq, self._answer(), events.tolist()))
        return raw

    def _events(self):
        """Name the event of each trial of a run, in whatever order (ndarray of str)."""
        return np.repeat(list(self.event_id), self.n_trials_per_class)

    def _answer(self):
        """How long the answer to a cue lasts, in s."""
        return INTERVAL[1] + RAMP

    def _activity(self, brain, session, rng, events, cues, n_times):
        """Potentials of the brain and the eyes, (n_chans, n_times) in V."""
        moments = gaussian_noise(rng, brain.spectra, n_times, self.sfreq)
        moments[MOTOR] *= np.sqrt(
            _remaining_power(rng, events, cues, brain.erd, n_times, self.sfreq)
        )
        moments[BLINK] = blink_moments(rng, n_times, self.sfreq)
        return (brain.gains * session.strengths) @ moments

    def _activity_at_rest(self, brain, session, rng, n_times):
        """Potentials where no event changes any rhythm, (n_chans, n_times) in V."""
        moments = gaussian_noise(rng, brain.spectra, n_times, self.sfreq)
        moments[BLINK] = blink_moments(rng, n_times, self.sfreq)
        return (brain.gains * session.strengths) @ moments


def _remaining_power(rng, events, cues, erd, n_times, sfreq):
    """Share of the rhythms' power that the imagery leaves, (n_areas, n_times)."""
    course = response_course(sfreq)
    depths = rng.beta(4 * erd, 4 * (1 - erd), len(events))
    power = np.ones((len(AREAS), n_times))
    driven = np.array([event for _, event, _, _ in AREAS])
    for event, cue, depth in zip(events, cues, depths, strict=True):
        power[driven == event, cue : cue + len(course)] -= depth * course
    return power


def _electrodes(channels):
    if isinstance(channels, str) or not isinstance(channels, Iterable):
        raise ValueError(f"channels must be a sequence of electrode names, not {channels!r}")
    channels = tuple(map(str, channels))
    if not channels or len(set(channels)) < len(channels):
        raise ValueError(f"channels must be one or more different electrodes, not {channels}")
    unknown = [name for name in channels if name not in montage().ch_names]
    if unknown:
        raise ValueError(f"channels {unknown} are not in the 10-05 system")
    if set(channels) & set(REFERENCE):
        raise ValueError(f"channels {REFERENCE} are the reference and cannot be recorded")
    return channels


def _integer(name, value, low, high=None):
    wrong = isinstance(value, bool) or not isinstance(value, Integral)
    if wrong or value < low or (high is not None and value > high):
        limits = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be an integer {limits}, not {value!r}")
    return int(value)


def number(name, value, low):
    """Return a finite number of at least ``low`` as a float, or say what it must be."""
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value < np.inf:
        raise ValueError(f"{name} must be a finite number of at least {low}, not {value!r}")
    return float(value)
