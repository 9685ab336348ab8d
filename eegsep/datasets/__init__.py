"""Recordings: which ones and how trials are cut, what lies on disk, and ones with known sources.

From files, folders and MOABB's datasets to trials; nothing here knows what is made of them.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "Recordings": "eegsep.datasets.selection",
    "SimulatedMotorImagery": "eegsep.datasets.simulated.motor_imagery",
    "SimulatedP300": "eegsep.datasets.simulated.p300",
    "SimulatedSSVEP": "eegsep.datasets.simulated.ssvep",
    "SimulatedTravellingWaves": "eegsep.datasets.simulated.travelling_waves",
    "study": "eegsep.datasets.study_folders.dataset",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
