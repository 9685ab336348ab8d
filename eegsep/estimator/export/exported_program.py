"""A fitted classifier as a program of ``torch.export``, which needs torch and no eegsep."""

from __future__ import annotations

import io
import json

import torch

from eegsep._utils.tables import written_aside

from .description import describe
from .folded import fold

# What the file has beside the program: the description, as JSON.
DESCRIPTION = "eegsep.json"


def to_exported_program(clf, path=None, metadata=None):
    """Write a classifier; see :meth:`eegsep.EEGNetClassifier.to_exported_program`."""
    description = describe(clf, metadata)
    chain = fold(clf)
    n_trials = torch.export.Dim("n_trials", min=1)
    example = torch.zeros(2, clf.n_features_in_, clf.n_times_in_)
    program = torch.export.export(chain, (example,), dynamic_shapes=({0: n_trials},))
    if path is not None:
        # whose values are JSON already
        said = ", ".join(f"{json.dumps(key)}: {value}" for key, value in description.items())
        content = io.BytesIO()  # torch writes to names of one ending alone
        torch.export.save(program, content, extra_files={DESCRIPTION: f"{{{said}}}"})
        with written_aside(path) as file:
            file.write_bytes(content.getvalue())
    return program
