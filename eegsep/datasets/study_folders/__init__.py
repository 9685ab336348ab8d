"""Studies of one's own: a folder of recordings, and a small file that says what they are.

A folder in BIDS needs no such file. What comes out is a MOABB dataset.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "list_contents": "eegsep.datasets.study_folders.contents",
    "draft_study": "eegsep.datasets.study_folders.draft",
    "study": "eegsep.datasets.study_folders.dataset",
    "Study": "eegsep.datasets.study_folders.dataset",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
