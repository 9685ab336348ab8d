"""Simulated recordings of one source that answers stimuli: what P300 and SSVEP have in common.

The rest of the brain, the head and the noise are those of simulated motor imagery.
"""

from dataclasses import dataclass

from .brain import Brain
from .motor_imagery import SimulatedMotorImagery, number
from .sources import EvokedSource

_HAND_SNR = 0.2  # of the hand areas, which say nothing here


@dataclass(frozen=True, eq=False)
class EvokedBrain(Brain):
    """A subject whose brain has a source that answers stimuli."""

    source: EvokedSource


class SimulatedEvoked(SimulatedMotorImagery):
    """A dataset whose classes one dipole tells apart, by what it answers to a stimulus.

    Attributes
    ----------
    amplitude : float
        Of the answer at the electrode above the dipole, in V.
    """

    # Of the source: its name, the stimuli that it answers (or else all), the electrode above it,
    # and its distance from the centre of the head in radii.
    _name: str
    _answered: tuple[str, ...] = ()
    _above: str
    _depth: float

    def __init__(self, *, amplitude, **settings):
        self.amplitude = number("amplitude", amplitude, 0)
        super().__init__(**settings)

    def sources(self, subject):
        """Truth about one subject: the source that answers the stimuli.

        Parameters
        ----------
        subject : int
            One of ``subject_list``.

        Returns
        -------
        sources : tuple of EvokedSource
            One.

        Raises
        ------
        ValueError
            If there is no such subject.
        """
        return (self._brain(subject).source,)

    def _brain(self, subject):
        self._check_subject(subject)
        rng = self._rng(subject)
        brain = Brain.draw(rng, self.channels, _HAND_SNR)
        source = EvokedSource.draw(
            rng,
            self._name,
            self._answered or tuple(self.event_id),
            self.channels,
            above=self._above,
            depth=self._depth,
            amplitude=self.amplitude,
        )
        return EvokedBrain(**vars(brain), source=source)

    def _activity(self, brain, session, rng, events, cues, n_times):
        rest = self._activity_at_rest(brain, session, rng, n_times)
        course = self._course(rng, events, cues, n_times)
        return rest + brain.source.topography[:, None] * course
