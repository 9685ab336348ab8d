"""MOABB datasets whose sources are known: imagery, travelling waves, P300 and SSVEP.

Dipoles in MNE's spherical head, their rhythms, noise and artefacts; nothing is downloaded.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "SimulatedMotorImagery": "eegsep.datasets.simulated.motor_imagery",
    "SimulatedTravellingWaves": "eegsep.datasets.simulated.travelling_waves",
    "SimulatedP300": "eegsep.datasets.simulated.p300",
    "SimulatedSSVEP": "eegsep.datasets.simulated.ssvep",
    "EvokedSource": "eegsep.datasets.simulated.sources",
    "Source": "eegsep.datasets.simulated.sources",
    "TravellingWave": "eegsep.datasets.simulated.sources",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
