"""The truth about simulated recordings: sources, and travelling waves, as a user sees them.

Places, topographies, rhythms, and the imagery or the stimuli that change them.
"""

from dataclasses import dataclass

import numpy as np

from .head import CENTRE, RADIUS, REFERENCE, directions_of, forward_gains, rereference, unit_vectors


class _Recorded:
    """What is recorded of sources at electrodes: ``topography``, in the order of ``ch_names``."""

    def pick(self, ch_names):
        """Topography at some of the electrodes, as after a paradigm's choice of channels.

        Parameters
        ----------
        ch_names : sequence of str, length n_picks
            Names out of ``self.ch_names``, in any order.

        Returns
        -------
        topography : ndarray of shape (n_picks,)
            In the unit of ``self.topography``.

        Raises
        ------
        ValueError
            If an electrode was not recorded.
        """
        unknown = [name for name in ch_names if name not in self.ch_names]
        if unknown:
            raise ValueError(f"electrodes {unknown} were not recorded, only {self.ch_names}")
        return self.topography[[self.ch_names.index(name) for name in ch_names]]


@dataclass(frozen=True, eq=False)
class Source(_Recorded):
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

    Examples
    --------
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> source = SimulatedMotorImagery().sources(1)[0]
    >>> source.name, source.event, source.topography.shape == (len(source.ch_names),)
    ('left hand area', 'right_hand', True)
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


@dataclass(frozen=True, eq=False)
class EvokedSource(_Recorded):
    """A dipole that answers stimuli, always in the same way.

    Attributes
    ----------
    name : str
        For example ``"visual area"``.
    events : tuple of str
        Stimuli that it answers.
    ch_names : tuple of str, length n_chans
        Electrodes of the topography, in the order of the recording.
    topography : ndarray of shape (n_chans,)
        Potential of the dipole at the electrodes at the peak of its answer, in V, with the
        reference of the data (linked mastoids), but for the factor of a session.
    position, orientation : ndarray of shape (3,)
        In m, and a unit vector; MNE head coordinates.

    Examples
    --------
    >>> from eegsep.datasets import SimulatedP300
    >>> source = SimulatedP300().sources(1)[0]
    >>> source.topography.shape == (len(source.ch_names),)
    True
    """

    name: str
    events: tuple[str, ...]
    ch_names: tuple[str, ...]
    topography: np.ndarray
    position: np.ndarray
    orientation: np.ndarray

    @classmethod
    def draw(cls, rng, name, events, ch_names, *, above, depth, amplitude):
        """Draw a dipole below an electrode, where it reaches an amplitude in V.

        Parameters
        ----------
        rng : numpy.random.Generator
        name : str
        events : sequence of str
        ch_names : sequence of str
            Of the recording.
        above : str
            The electrode.
        depth : float
            Distance from the centre of the head, in radii.
        amplitude : float
            In V, the geometric mean of what is drawn.

        Returns
        -------
        source : EvokedSource
        """
        radial = directions_of([above])[0]
        radial = unit_vectors(radial + rng.normal(0, 0.07, 3))
        orientation = unit_vectors(radial + rng.normal(0, 0.2, 3))
        position = CENTRE + RADIUS * depth * rng.uniform(0.96, 1.04) * radial
        gains = forward_gains((*ch_names, above, *REFERENCE), position[None], orientation[None])
        gains = rereference(gains)[:, 0]
        topography = gains[:-1] / gains[-1] * amplitude * rng.lognormal(0, 0.2)
        return cls(name, tuple(events), tuple(ch_names), topography, position, orientation)


@dataclass(frozen=True, eq=False)
class TravellingWave(_Recorded):
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

    Examples
    --------
    >>> from eegsep.datasets import SimulatedTravellingWaves
    >>> wave = SimulatedTravellingWaves().sources(1)[0]
    >>> wave.name, len(wave.ch_names)
    ('fronto-parietal wave', 22)
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
