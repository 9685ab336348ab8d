"""Fitted classifiers at work: on streams as they come, on whole recordings, in other runtimes.

A file a concept; packages that only one of them needs are imported where it begins.
"""

from eegsep._utils.names import names_of

_HOMES: dict[str, str] = {
    "decode_file": "eegsep.deployment.decoded_file",
    "DecodedFile": "eegsep.deployment.decoded_file",
    "load_model": "eegsep.deployment.stored_model",
    "predict_recording": "eegsep.deployment.recording",
    "Preparation": "eegsep.deployment.preparation",
    "StreamDecoder": "eegsep.deployment.stream_decoder",
    "causal_filter": "eegsep.deployment.causal_filters",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
