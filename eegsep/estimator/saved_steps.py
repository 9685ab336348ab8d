"""Pipelines as plain values: skops keeps the steps, of types that are known or trusted.

skops makes no object of a type that is not listed; what is listed here runs no code of a file's.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from importlib import import_module

import numpy as np
from sklearn.pipeline import Pipeline

from eegsep._utils.errors import in_a_line
from eegsep._utils.extras import MissingPackageError, import_extra
from eegsep._utils.warnings import warn
from eegsep.files.errors import ModelFileError, printable

# Public names of steps and of what they hold, beside scikit-learn's and numpy's, which skops knows.
_KNOWN = {
    "eegsep": ("EEGNetClassifier",),
    "eegsep.preprocessing": (
        "CommonMontage",
        "ExponentialMovingStandardizer",
        "FilterBankCSP",
        "GroupAlignment",
    ),
    "mne.channels": ("DigMontage",),
    "mne.decoding": (
        "CSP",
        "FilterEstimator",
        "PSDEstimator",
        "Scaler",
        "SPoC",
        "SSD",
        "TemporalFilter",
        "UnsupervisedSpatialFilter",
        "Vectorizer",
        "XdawnTransformer",
    ),
    "moabb.pipelines": ("AugmentedDataset", "SSVEP_CCA", "SSVEP_TRCA"),
    "moabb.pipelines.features": ("ExtendedSSVEPSignal",),
    "pyriemann.classification": ("FgMDM", "MDM", "TSClassifier"),
    "pyriemann.estimation": ("Covariances", "ERPCovariances", "XdawnCovariances"),
    "pyriemann.preprocessing": ("Whitening",),
    "pyriemann.spatialfilters": ("AJDC", "BilinearFilter", "CSP", "SPoC", "Xdawn"),
    "pyriemann.tangentspace": ("FGDA", "TangentSpace"),
    "sklearn.feature_selection": ("chi2", "f_classif", "mutual_info_classif"),
}
# What a montage of MNE's holds, which has no public name.
_PARTS = {"mne._fiff._digitization.DigPoint"}
# What skops trusts, but whose numbers are positions in memory that nothing checks.
_NOT_CHECKED = ("sklearn.tree._tree.Tree",)


def _skops():
    return import_extra("skops.io", "skops", "model files of pipelines need skops")


def to_plain(pipeline):
    """Take a pipeline: a dict with the bytes of skops, as an array.

    It is a ValueError if it has a memory, or skops cannot keep a step; a warning if there are types
    that are to be trusted where it is loaded.
    """
    _refuse_memory(pipeline)
    skops_io = _skops()
    try:
        whole = skops_io.dumps(pipeline)
        unknown = skops_io.get_untrusted_types(data=whole)
        # what cannot be loaded, such as an mne.Info, is to be known now
        skops_io.loads(whole, trusted=unknown)
    except Exception as error:  # of whatever type a step's own methods raise
        raise ValueError(
            f"skops cannot keep this pipeline ({in_a_line(error)}). Keep it with "
            "pickle, or save its classifier alone."
        ) from error
    unknown = sorted({*unknown, *_types_in(whole) & {*_NOT_CHECKED}} - _known({*unknown}))
    if unknown:
        warn(f"eegsep.load will ask for trust in steps of this pipeline: trusted={unknown}")
    return {"skops": np.frombuffer(whole, dtype=np.uint8)}


def _refuse_memory(pipeline):
    """Refuse joblib's memory: it loads the pickles that lie in its folder, which are programs."""
    params = pipeline.get_params()
    named = [name for name in params if name.split("__")[-1] == "memory"]
    if any(params[name] is not None for name in named):
        raise ValueError(
            "a pipeline with a memory loads pickles from there when it is fitted. Set memory=None."
        )


def from_plain(plain, trusted, path):
    """Make a pipeline of what :func:`to_plain` took, with further types that are trusted.

    It is a ModelFileError, naming the file, if there are types that are neither known nor trusted,
    and a ValueError if it is damaged.
    """
    skops_io = _skops()
    whole = plain.get("skops") if type(plain) is dict and len(plain) == 1 else None
    if type(whole) is not np.ndarray or whole.dtype != np.uint8:
        raise ValueError("it holds no pipeline")
    whole = whole.tobytes()
    trusted = [each if isinstance(each, str) else _name(each) for each in trusted]
    try:
        named = _types_in(whole)
        unknown = {*skops_io.get_untrusted_types(data=whole), *named & {*_NOT_CHECKED}}
        known = _known(unknown)
        refused = sorted(unknown - known - {*trusted})
        if not refused:
            pipeline = skops_io.loads(whole, trusted=sorted(known | {*trusted}))
    except ImportError as error:  # of a type that is trusted
        raise MissingPackageError(
            f"{os.fspath(path)} has a step whose package cannot be imported here "
            f"({printable(error)}): install it."
        ) from error
    except Exception as error:  # skops raises many types for files that it did not write
        raise ValueError(f"its pipeline cannot be made: {error}") from error
    if refused:
        raise ModelFileError(
            f"{os.fspath(path)} has a pipeline with {printable(', '.join(refused))}, whose loading "
            "may run code. If you know these types and who wrote the file, give their names: "
            f"eegsep.load(..., trusted={printable(refused[:3])})."
        )
    if type(pipeline) is not Pipeline:
        raise ValueError("it holds another estimator than a pipeline")
    _refuse_memory(pipeline)
    return pipeline


def _name(kind):
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__name__', '')}"


def _types_in(whole):
    """Return the names of all types in what skops wrote; nothing in it may be compressed."""
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        members = opened.infolist()
        if any(each.compress_type != zipfile.ZIP_STORED for each in members):
            raise ValueError("a part is compressed")
        if sum(each.file_size for each in members) > len(whole):
            raise ValueError("parts are larger than the whole")
        waiting, names = [json.loads(opened.read("schema.json"))], set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            names.add(f"{node.get('__module__')}.{node.get('__class__')}")
        if isinstance(node, (dict, list)):
            waiting += node.values() if isinstance(node, dict) else node
    return names


def _known(names):
    """Return those of some names that are of known types, whatever module defines them."""
    alike = {(name.partition(".")[0], name.rpartition(".")[2]) for name in names}
    known = set(_PARTS)
    for module, kinds in _KNOWN.items():
        for kind in kinds:
            # nothing is imported for names of which the file has none
            if (module.partition(".")[0], kind) in alike:
                known.add(_name(getattr(import_module(module), kind, None)))
    return known & names
