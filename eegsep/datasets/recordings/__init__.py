"""Recordings on disk as MOABB datasets: found by name, read from a folder, or one line why not.

Files (EDF, GDF, BrainVision, ...) are read by MOABB's dataset classes; from there to trials that
can be stacked.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "check_subjects": "eegsep.datasets.recordings.finding",
    "DataNotFoundError": "eegsep.datasets.recordings.loading",
    "dataset_classes": "eegsep.datasets.recordings.finding",
    "Failure": "eegsep.datasets.recordings.failures",
    "find_dataset": "eegsep.datasets.recordings.finding",
    "group_failures": "eegsep.datasets.recordings.failures",
    "is_path": "eegsep.datasets.recordings.finding",
    "load_subject": "eegsep.datasets.recordings.loading",
    "read_subject": "eegsep.datasets.recordings.reading",
    "read_trials": "eegsep.datasets.recordings.reading",
    "reading_from": "eegsep.datasets.recordings.folders",
    "say_failures": "eegsep.datasets.recordings.failures",
    "stack_subjects": "eegsep.datasets.recordings.reading",
    "Trials": "eegsep.datasets.recordings.trials",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
