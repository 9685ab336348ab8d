"""MOABB motor-imagery datasets whose sources are known: separable ones, and travelling waves.

Dipoles in MNE's spherical head, their rhythms, noise and artefacts; nothing is downloaded.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "SimulatedMotorImagery": "eegsep.datasets.simulated.motor_imagery",
    "SimulatedTravellingWaves": "eegsep.datasets.simulated.travelling_waves",
    "Source": "eegsep.datasets.simulated.sources",
    "TravellingWave": "eegsep.datasets.simulated.sources",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
