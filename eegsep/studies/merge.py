"""Folders of shares of one study are joined into a folder in which the study finds all of it."""

from __future__ import annotations

from eegsep._utils.errors import RequestError

from .store import Store, kind_of


def merge(folders, output):
    """Join what studies have computed in several folders, such as shares of one study.

    The same study, asked for with this ``output``, then finds all of it. The folders stay as they
    are; they may be at work still.

    Parameters
    ----------
    folders : sequence of path-like
        Of one kind of study: benchmark, ablation or inspection.
    output : path-like
        Folder to join them in; made if need be. What it has is kept.

    Returns
    -------
    n_new : int
        How many results it had not.

    Raises
    ------
    RequestError
        If a folder has no study or another kind of study, or two have other scores of the same
        trials, pipeline and code: nothing is joined then.

    Examples
    --------
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> from eegsep.studies.benchmark import benchmark
    >>> from eegsep.studies.merge import merge
    >>> recordings = SimulatedMotorImagery(n_subjects=2, n_sessions=1, n_trials_per_class=10)
    >>> for k in (1, 2):
    ...     result = benchmark([recordings], pipelines="CSP+LDA", output=f"share-{k}", shard=(k, 2))
    >>> merge(["share-1", "share-2"], "all")
    2
    """
    kinds = {folder: kind_of(folder) for folder in folders}
    if not kinds:
        raise RequestError("there is no folder to merge: name one or more.")
    if len(set(kinds.values())) > 1:
        said = ", ".join(f"{folder} ({kind})" for folder, kind in kinds.items())
        raise RequestError(f"folders of one kind of study can be merged, not {said}.")
    with Store(output, next(iter(kinds.values()))) as store:
        return store.absorb(folders)
