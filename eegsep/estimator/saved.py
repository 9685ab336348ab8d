"""``eegsep.save`` and ``eegsep.load``: classifiers, and pipelines, as files.

A classifier is plain values; the steps of a pipeline are kept by skops, in ``saved_steps.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from eegsep._utils.extras import MissingPackageError
from eegsep.files import container
from eegsep.files.errors import ModelFileError
from eegsep.files.plain import Packer, unpack

from . import restoring, saved_steps, state
from .classifier import EEGNetClassifier

if TYPE_CHECKING:
    import os

_CLASSIFIER, _PIPELINE = "EEGNetClassifier", "Pipeline"


def save(
    estimator: BaseEstimator,
    path: str | os.PathLike,
    *,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Save a fitted classifier, or a pipeline, to a file that runs no code.

    The file has all that :func:`load` needs to give the classifier back, with the same bits in all
    that it does from then on: parameters, labels, network, centre and scale of the input, channels,
    maps, history, the optimiser's averages and the state of random generators; not ``callbacks_``,
    which are code. It holds arrays and
    plain values alone, as safetensors, and a digest of them. Of Epochs it keeps what describes
    channels and signal, nothing of persons, dates and devices.

    Parameters
    ----------
    estimator : EEGNetClassifier | sklearn.pipeline.Pipeline
        Fitted. A pipeline may end in any classifier; its steps are kept by skops, which is needed
        for them.
    path : path-like
        Of the file; by custom it ends in ``.eegsep``. A file of that name is replaced when the new
        one is whole, which it is or does not appear.
    metadata : dict | None
        What else is to be kept: text, numbers, arrays, and lists, tuples and dicts of these.
        :func:`eegsep.files.read_metadata` gives it back.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    TypeError
        If it is something else, or ``metadata`` has other values.
    ValueError
        If a parameter is code, such as a function of one's own as ``augmentation``; the network
        was changed to another one or is broken; or the file cannot be written.
    ImportError
        If it is a pipeline, and skops is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import eegsep
    >>> X = np.random.default_rng(0).normal(size=(20, 8, 128))
    >>> clf = eegsep.EEGNetClassifier(max_epochs=2, random_state=0).fit(X, np.arange(20) % 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     eegsep.save(clf, f"{folder}/model.eegsep")
    ...     loaded = eegsep.load(f"{folder}/model.eegsep")
    >>> np.array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    True
    """
    if metadata is not None and not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a dict, or None, not {type(metadata).__name__}.")
    if type(estimator) is EEGNetClassifier:
        check_is_fitted(estimator, "module_")
        kind, document = _CLASSIFIER, state.to_plain(estimator)
        _check_restorable(document)
    elif type(estimator) is Pipeline:
        check_is_fitted(estimator)
        kind, document = _PIPELINE, saved_steps.to_plain(estimator)
    else:
        raise TypeError(
            "eegsep.save takes a fitted EEGNetClassifier or Pipeline, not "
            f"{type(estimator).__name__}. Put others into a pipeline: "
            "sklearn.pipeline.make_pipeline(estimator)."
        )
    contents = container.Contents(kind, document, {} if metadata is None else dict(metadata))
    container.write(path, contents)


def _check_restorable(document):
    """Refuse to save what :func:`load` would refuse, such as weights that are not finite."""
    packer = Packer()
    copied = unpack(packer.pack(document), packer.arrays)
    try:
        restoring.restore(object.__new__(EEGNetClassifier), copied, EEGNetClassifier)
    except ValueError as error:
        raise ValueError(f"The classifier cannot be saved: {error}. Fit it anew.") from error


def load(path: str | os.PathLike, *, trusted: Sequence[str | type] = ()) -> BaseEstimator:
    """Load what :func:`save` has saved. Nothing in the file is run, whoever wrote it.

    Parameters
    ----------
    path : path-like
        Of the file.
    trusted : sequence of str or type
        Types of a pipeline's steps that may be loaded, beside those of eegsep, scikit-learn, MNE,
        pyRiemann and MOABB that are known to do no harm; as :func:`skops.io.load` takes them. Trust
        a type only where you know what loading it runs, and who wrote the file.

    Returns
    -------
    estimator : EEGNetClassifier | sklearn.pipeline.Pipeline
        Fitted, on the CPU.

    Raises
    ------
    eegsep.files.ModelFileError
        If there is no such file, it is damaged, changed or none of :func:`save`, of a newer format,
        or of types that are not trusted. A ``ValueError``.
    ImportError
        If it is a pipeline, and skops or the package of a step is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import eegsep
    >>> X, y = np.random.default_rng(0).normal(size=(20, 4, 64)), np.arange(20) % 2
    >>> clf = eegsep.EEGNetClassifier(max_epochs=1, random_state=0).fit(X, y)
    >>> clf.save("model.eegsep")
    >>> np.array_equal(eegsep.load("model.eegsep").predict_proba(X), clf.predict_proba(X))
    True
    """
    return _restore(container.read(path), trusted, path)


def load_with_metadata(
    path: str | os.PathLike, *, trusted: Sequence[str | type] = ()
) -> tuple[BaseEstimator, dict]:
    """Load what a command needs, in one look at the file, which may be replaced meanwhile.

    Returns the estimator and the metadata. It is a ModelFileError as of :func:`load`, and where a
    package is not installed that a pipeline needs.
    """
    contents = container.read(path)
    try:
        return _restore(contents, trusted, path), contents.metadata
    except ImportError as error:
        raise ModelFileError(f"{path}: {str(error).rstrip('.')}.") from error


def _restore(contents, trusted, path):
    kind, document, _ = contents
    try:
        if kind == _CLASSIFIER:
            clf = object.__new__(EEGNetClassifier)
            return restoring.restore(clf, document, EEGNetClassifier)
        if kind == _PIPELINE:
            return saved_steps.from_plain(document, trusted, path)
        raise ValueError(f"it holds something else, {kind[:40]!r}")
    except (ModelFileError, MissingPackageError):
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise container.damaged(path, error) from error
