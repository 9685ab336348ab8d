"""Where pages used to be made: documented imports go on working from here, with a warning."""

from eegsep._utils.names import names_of

_MOVED = {
    "chance_interval": "eegsep.statistics",
    "report": "eegsep.presentation.page",
    "study_call": "eegsep.presentation.origin",
    "study_command": "eegsep.presentation.origin",
}

__all__ = []

__getattr__, __dir__ = names_of(__name__, {}, _MOVED)
