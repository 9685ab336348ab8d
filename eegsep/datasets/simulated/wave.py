"""A travelling wave: its path over the head, drawn for a subject, and its moments in a run.

Dipoles along an arc that one rhythm passes in turn.
"""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len
from scipy.signal.windows import hann

from .brain import BACKGROUND, Brain, background_power
from .head import CENTRE, RADIUS, REFERENCE, directions_of, forward_gains, rereference, unit_vectors
from .signals import peak_densities, response_course
from .sources import TravellingWave

# A wave runs along an arc between the places below two electrodes, at a depth in radii. At
# 26 Hz and 2 m/s a wave is 8 cm long and the path 11 cm.
_WAVE_ENDS, _WAVE_MIDDLE = ("Fz", "Pz"), "Cz"
_WAVE_DEPTH, _N_WAVE = 0.72, 15
_WAVE_FREQS, _WAVE_SPEEDS, _WAVE_WIDTH = (24.0, 28.0), (1.5, 2.5), 1.0  # Hz, m/s, Hz


@dataclass(frozen=True, eq=False)
class WaveBrain(Brain):
    """A brain that a wave travels over."""

    wave: TravellingWave


def draw_wave(rng, channels, snr, brain):
    """Draw the wave of a subject whose other sources are drawn."""
    ends = directions_of(_WAVE_ENDS)
    start, stop = unit_vectors(ends + rng.normal(0, 0.1, ends.shape))
    angle = np.arccos(start @ stop)
    along = np.linspace(0, 1, _N_WAVE)[:, None]
    radial = (np.sin((1 - along) * angle) * start + np.sin(along * angle) * stop) / np.sin(angle)
    depth = _WAVE_DEPTH * rng.uniform(0.96, 1.04)
    positions = CENTRE + RADIUS * depth * radial
    # one tilt for all: neighbours on a smooth piece of cortex point the same way
    orientations = unit_vectors(radial + rng.normal(0, 0.2, 3))

    electrodes = (_WAVE_MIDDLE, *REFERENCE)
    gains = rereference(forward_gains((*channels, *electrodes), positions, orientations))
    background = forward_gains(
        electrodes, brain.positions[BACKGROUND], brain.orientations[BACKGROUND]
    )
    power = background_power(rereference(background), brain.background_moments)
    freq, speed = rng.uniform(*_WAVE_FREQS), rng.uniform(*_WAVE_SPEEDS)
    delays = (along[:, 0] - 0.5) * angle * depth * RADIUS / speed
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


def passing_moments(rng, wave, events, cues, n_times, sfreq):
    """Dipole moments of a wave that comes with every imagery, (n_dipoles, n_times) in A m."""
    n = next_fast_len(n_times + int(sfreq), real=True)
    freqs = np.fft.rfftfreq(n, 1 / sfreq)
    white = rng.standard_normal((len(freqs), 2)).view(complex)[:, 0]
    rhythm = white * np.sqrt(peak_densities(freqs, [wave.freq], _WAVE_WIDTH)[0] * (sfreq * n / 4))
    turns = np.exp(-2j * np.pi * freqs * wave.delays[:, None])
    strengths = rng.lognormal(0, 0.2, len(events))
    course = response_course(sfreq)
    moments = np.zeros((len(wave.delays), n_times))
    for event, direction in ((wave.forward, turns), (wave.backward, turns.conj())):
        gate = np.zeros(n_times)
        for cue, strength in zip(cues[events == event], strengths[events == event], strict=True):
            gate[cue : cue + len(course)] = strength * course
        moments += gate * irfft(rhythm * direction, n)[:, :n_times]
    return wave.moments[:, None] * moments
