"""What EEGNet learned of a recording, and whether to believe it: scores, maps, controls, cost.

Each cross-validated fit is made once and gives its score, its confusions and its components.
"""

from __future__ import annotations

import time
import uuid
import warnings
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, replace

import joblib
import numpy as np
import pandas as pd

from eegsep._utils.errors import RequestError, in_a_line, look_up
from eegsep._utils.logs import about, by_text, quiet, quiet_workers
from eegsep._utils.processes import scratch_folder, side_by_side
from eegsep._utils.tables import origin
from eegsep.datasets.epochs import is_epochs
from eegsep.datasets.recordings import Failure, say_failures
from eegsep.datasets.selection import Recordings, given_as_objects, record
from eegsep.estimator.classifier import EEGNetClassifier
from eegsep.inspection.cross_validation import cross_fits
from eegsep.inspection.folds import check_groups
from eegsep.inspection.learned import components
from eegsep.inspection.pipelines import cut_pipeline, fit_with_groups, fresh_clone
from eegsep.inspection.worth import relevance
from eegsep.network.cost import network_table

from . import digests
from .folds import check_folds, fold_sessions, say, say_cv, say_folds
from .inspected import (
    DatasetInspection,
    Inspection,
    agree,
    agree_on_each,
    kinds_of_fits,
    leading_dipoles,
    pack,
    unpack,
)
from .pipelines import load_pipelines, make_variants
from .protocol import check_run, check_shard, take_share
from .shards import note_shard
from .store import opened
from .verdicts import chance_of_shuffled, confuse, reliability_interval, score_fit

_PACKAGES = ("moabb", "mne", "torch", "scikit-learn", "numpy")
# A consensus compares all pairs of components.
_MOST_COMPONENTS = 4000
# What subjects' inspections have in common.
_SHARED = (
    "evaluation",
    "estimator",
    "metric",
    "cv",
    "n_folds",
    "n_seeds",
    "controls",
    "min_similarity",
)
_PROTOCOLS = ("WithinSession", "CrossSession")

# -- one recording -------------------------------------------------------------------------------


def inspect(
    estimator,
    X,
    y,
    *,
    groups=None,
    cv=5,
    n_seeds=3,
    controls=True,
    min_similarity=0.8,
    random_state=0,
    n_jobs=None,
    progress=None,
):
    """Cross-validate a network on one recording, and look at what every fit learned.

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Cloned for each fit, with ``spatial="depthwise"``.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials; Epochs (in volts) with electrode positions for maps.
    y : array-like, shape (n_trials,)
        Their classes.
    groups : array-like, shape (n_trials,) | None
        What must not be on both sides of a fold, such as the trial that overlapping windows come
        from, the run, or the session; see :func:`eegsep.inspection.cross_fits`. Chance and the
        labels of the controls are shuffled by groups, too.
    cv : int, cross-validation splitter, or iterable of (train, test), default=5
        Folds; an integer makes stratified ones of consecutive trials, or of whole ``groups``.
    n_seeds : int, default=3
        Repetitions of the cross-validation, from other random weights each. Fits of different
        repetitions are not compared: those of the same trials may start alike.
    controls : bool, default=True
        Whether to make as many fits to shuffled labels, without learning and with it: without them
        nobody knows whether maps recur for any other reason than what was learned.
    min_similarity : float, default=0.8
        Where the consensus cuts clusters, see :func:`eegsep.inspection.consensus`.
    random_state : int, default=0
        Seed of the fits' seeds, and of the fit on all trials.
    n_jobs : int | None, default=None
        Fits at a time, by joblib.
    progress : callable | None
        Called as ``progress("fit", done, total, label)`` at the start and after each fit.

    Returns
    -------
    inspection : Inspection
        Scores are ROC-AUC for two classes, else accuracy.

    Raises
    ------
    RequestError
        Before the study: if a setting cannot be, a fold lacks a class, groups do not go with trials
        or folds, or the network's components have no single spatial filters.
    TypeError
        If ``estimator`` is neither an EEGNetClassifier nor a pipeline that ends in one.

    Examples
    --------
    >>> import mne
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.studies.inspect import inspect
    >>> info = mne.create_info(["C3", "Cz", "C4", "Pz"], sfreq=128, ch_types="eeg")
    >>> X, y = np.random.default_rng(0).normal(scale=1e-5, size=(24, 4, 64)), np.arange(24) % 2
    >>> epochs = mne.EpochsArray(X, info.set_montage("standard_1020"))
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> inspection = inspect(clf, epochs, y, cv=2, n_seeds=1, controls=False)
    >>> len(inspection.scores)
    2
    """
    started = time.time()
    progress = progress or (lambda *_: None)
    X, y = X if is_epochs(X) else np.asarray(X), np.asarray(y)
    _check_settings(n_seeds, min_similarity, random_state)
    n_seeds, min_similarity, random_state = int(n_seeds), float(min_similarity), int(random_state)
    folds = check_folds(cv, X, y, groups)
    groups = check_groups(groups, len(y))
    _try(estimator, X, y, groups)
    kinds = kinds_of_fits(controls)
    done, total = 0, 1 + len(kinds) * len(folds) * n_seeds
    progress("fit", done, total, "")
    whole = fit_with_groups(fresh_clone(estimator, random_state=random_state), X, y, groups)
    found = {}
    for kind in kinds:
        found[kind] = []
        for fit in cross_fits(
            estimator,
            X,
            y,
            groups=groups,
            cv=folds,
            n_seeds=n_seeds,
            control=None if kind == "trained" else kind,
            random_state=random_state,
            n_jobs=n_jobs,
        ):
            found[kind].append(fit)
            done += 1
            progress("fit", done, total, f"{kind}, fold {fit.fold + 1}")
    described = replace(components(whole, X), relevance=relevance(whole, X, y))
    progress("fit", total, total, "all trials")

    _, clf = cut_pipeline(whole)
    fits = {kind: [fit.components for fit in each] for kind, each in found.items()}
    agreed = agree_on_each(fits, min_similarity)
    labels, counts = np.unique(y, return_counts=True)
    metric = "roc_auc" if len(labels) == 2 else "accuracy"
    run = {
        "study": "inspection",
        "estimator": say(estimator),
        "metric": metric,
        "chance": chance_of_shuffled(
            found["trained"], y, metric, groups, random_state=random_state
        ),
        "cv": say_cv(cv),
        "folds": say_folds(cv, len(folds), groups),
        "n_folds": len(folds),
        "n_groups": None if groups is None else len(np.unique(groups)),
        "n_tested": len(np.unique(np.concatenate([test for _, test in folds]))),
        "n_seeds": n_seeds,
        "seed": random_state,
        "controls": bool(controls),
        "min_similarity": min_similarity,
        "n_trials": {str(label): int(n) for label, n in zip(labels, counts, strict=True)},
        "n_chans": described.patterns.shape[1],
        "n_times": (X.get_data(copy=False) if is_epochs(X) else X).shape[2],
        "sfreq_hz": X.info["sfreq"] if is_epochs(X) else clf.sfreq,
        "band_hz": [X.info["highpass"], X.info["lowpass"]] if is_epochs(X) else None,
        "n_jobs": n_jobs,
        **origin(started, _PACKAGES),
    }
    return Inspection(
        scores=_score(found["trained"], y, metric, len(folds)),
        confusion=confuse(found["trained"], y),
        fits=fits,
        consensus=agreed["trained"],
        dipoles=leading_dipoles(agreed["trained"]),
        reliability={kind: each.reliability for kind, each in agreed.items()},
        interval=reliability_interval(fits["trained"], [fit.fold for fit in found["trained"]]),
        components=described,
        # without an epoch, where the start itself serves best, too
        history=pd.DataFrame(
            clf.history_, columns=None if clf.n_iter_ else ["epoch", "train_loss"]
        ),
        costs=network_table(clf.module_),
        run=run,
        estimator=whole,
    )


def _check_settings(n_seeds, min_similarity, seed):
    if n_seeds < 1:
        raise RequestError(f"seeds must be 1 or more, not {n_seeds}.")
    if not 0 < min_similarity < 1:
        raise RequestError(f"min_similarity must be between 0 and 1, not {min_similarity}.")
    if not 0 <= seed < 2**32:
        raise RequestError(f"the seed must be 0 or more and below 2**32, not {seed}.")


def _try(estimator, X, y, groups):
    """Refuse, after an epoch, what cannot be fitted or has no maps."""
    brief = fresh_clone(estimator, max_epochs=1, random_state=0)
    try:
        components(fit_with_groups(brief, X, y, groups), X)
    except (AttributeError, ValueError, FloatingPointError) as error:
        why = in_a_line(error).rstrip(".")
        raise RequestError(f"cannot inspect this: {why}.") from error


def _score(fits, y, metric, n_folds):
    rows = []
    for k, fit in enumerate(fits):
        rows.append(
            {
                "seed": k // n_folds,
                "fold": fit.fold,
                "n_train": fit.n_train,
                "n_test": len(fit.test),
                "score": score_fit(y[fit.test], fit.probabilities, np.unique(y), metric),
                "seconds": fit.seconds,
            }
        )
    return pd.DataFrame(rows)


# -- a dataset -----------------------------------------------------------------------------------


def inspect_dataset(
    dataset="SimulatedMotorImagery",
    *,
    pipeline="EEGNet",
    evaluation="WithinSession",
    cv=5,
    n_seeds=3,
    controls=True,
    min_similarity=0.8,
    max_epochs=None,
    trust=False,
    seed=42,
    n_jobs=1,
    shard=None,
    output=None,
    overwrite=False,
    progress=None,
    **options,
):
    """Inspect subjects of a MOABB dataset, and what their fits have in common.

    What is found in ``output`` is not computed again: a
    stopped study goes on where it was.

    Parameters
    ----------
    dataset : Recordings | str | BaseDataset
        What is read, of one dataset; or this, by name or as an object, with the ``options``.
    pipeline : str | path-like
        One that is shipped, or a YAML file; it must end in an :class:`eegsep.EEGNetClassifier`.
    evaluation : {"WithinSession", "CrossSession"}, default="WithinSession"
        Where a subject has several sessions: folds in each of them, with fits on the other trials
        of the same session, or one fold a session, with fits on all others, as MOABB's evaluations
        of these names have them. The consensus is of all fits either way. A session that has not
        the trials for the folds is left out, and ``run`` of the subject says so.
    cv : int, default=5
        Stratified folds of consecutive trials in each session. Windows that overlap, as those of
        event-related potentials may, do so across folds at the folds' borders only.
    max_epochs : int | None
        Replaces that of the pipeline, for a quick look.
    trust : bool, default=False
        Whether the pipeline's file may run as a program, see
        :func:`eegsep.studies.pipelines.load_pipelines`.
    seed : int, default=42
        Each subject's seeds come from it and the subject's number, so that neither depends on which
        others there are nor are initial weights the same, which would make maps alike.
    n_jobs : int, default=1
        Processes; -1 for one a core. With more than one each computes on a single thread.
    shard : (int, int) | None
        ``(2, 8)`` inspects the second of eight shares of the subjects alone, see
        :func:`eegsep.studies.benchmark.benchmark`; all are read, for the channels that they share.
    output : path-like | None
        Folder where each subject's inspection is kept once it is made, and looked for: what is
        taken is of the same trials, estimator, settings and code, see
        :func:`eegsep.studies.benchmark.benchmark`. None to keep nothing.
    overwrite : bool
        Throw away all that was computed in the folder first.
    progress : callable | None
        Called as ``progress(stage, done, total, label)``, with ``stage`` ``"read"`` a subject read
        or ``"fit"`` a fit made, at the start (``done`` is what was found on disk) and after each.
    n_seeds, controls, min_similarity
        See :func:`inspect`.
    **options
        Of :class:`eegsep.datasets.Recordings`.

    Returns
    -------
    inspection : DatasetInspection

    Raises
    ------
    RequestError
        Before the study: if anything that is asked for is unknown, does not go together, or cannot
        be found.

    Examples
    --------
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> recordings = SimulatedMotorImagery(n_subjects=2, n_sessions=1, n_trials_per_class=10)
    >>> from eegsep.studies.inspect import inspect_dataset
    >>> found = inspect_dataset(recordings, subjects=[1], cv=2, n_seeds=1, controls=False)
    >>> list(found.subjects)
    [1]
    """
    started = time.time()
    progress = progress or (lambda *_: None)
    _check_settings(n_seeds, min_similarity, seed)
    check_run(seed, n_seeds, n_jobs)
    check_shard(shard)
    n_jobs = joblib.effective_n_jobs(n_jobs)
    recordings = Recordings.of(dataset, options | ({"trust": True} if trust else {}))
    evaluation = look_up("evaluation", evaluation, {name: name for name in _PROTOCOLS})
    caught = Counter()
    with quiet(caught), recordings.reading(), scratch_folder() as scratch, ExitStack() as stack:
        (selection,) = recordings.select()
        paradigm_name = type(selection.paradigm).__name__
        name, file, estimator = _load(pipeline, paradigm_name, max_epochs, trust)
        code = selection.dataset.code
        chosen = take_share(list(selection.subjects), shard, "subjects")
        seeds = {
            subject: int(np.random.SeedSequence((seed, subject)).generate_state(1)[0])
            for subject in selection.subjects
        }
        settings = {"n_seeds": n_seeds, "controls": controls, "min_similarity": min_similarity}
        folding = {"evaluation": evaluation, "cv": cv}
        store = stack.enter_context(
            opened(scratch / "kept" if output is None else output, "inspection", overwrite)
        )
        asked = [estimator, settings | folding]
        keys, failures, data = _identify(selection, store, asked, folding, seeds, progress)
        keys = {subject: key for subject, key in keys.items() if subject in chosen}
        failures = [failure for failure in failures if failure.subject in chosen]
        found, made = {}, []
        n_found = sum(store.get(key) is not None for key in keys.values())
        subject_of = {key: subject for subject, key in keys.items()}

        def follow(stage, done, total, label):
            if label or not made:
                label = f"subject {subject}, {label}" if label else ""
                done += (n_found + len(made)) * total
                progress(stage, done, total * len(chosen), label)

        with side_by_side(n_jobs):
            for key in store.to_do(keys.values()):
                subject = subject_of[key]
                epochs, y, folds, words, left_out = data.pop(subject)
                try:
                    with about(code, subject), quiet_workers(n_jobs):
                        inspection = inspect(
                            estimator,
                            epochs,
                            y,
                            cv=folds,
                            **settings,
                            random_state=seeds[subject],
                            n_jobs=n_jobs,
                            progress=follow,
                        )
                except (ValueError, FloatingPointError) as error:  # of what cannot be fitted
                    why = in_a_line(error).rstrip(".")
                    failures.append(Failure(code, subject, None, name, why))
                    store.release(key)
                    continue
                asked_for = {"evaluation": evaluation, "cv": say_cv(cv)}
                inspection.run.update(asked_for, dataset=code, folds=words, left_out=left_out)
                whose = {"dataset": code, "evaluation": evaluation, "pipeline": name}
                whose |= {"subject": subject, "metric": inspection.run["metric"]}
                fits = [whose | fit for fit in inspection.scores.to_dict("records")]
                store.put(key, pack(inspection, scratch), fits)
                made.append(subject)
                found[subject] = inspection
        for subject, key in keys.items():
            value = None if subject in found else store.get(key)
            if value is not None:
                found[subject] = unpack(value, scratch)
        note_shard(store, shard)
    found = {key: found[key] for key in chosen if key in found}
    if not found:
        raise RequestError(f"no subject can be inspected. {say_failures(failures)}.")
    inspection = found[list(found)[-1]]
    n_components = max(
        len(fit.patterns) for each in found.values() for fits in each.fits.values() for fit in fits
    )
    n_fits = min(each.consensus.n_fits for each in found.values())
    n_fits = min(n_fits, _MOST_COMPONENTS // (n_components * len(found)))
    run = {
        "study": "inspection",
        "datasets": {code: list(found)},
        "failed": [asdict(failure) for failure in failures],
        **record([selection]),
        "pipeline": name,
        "pipeline_file": file,
        "trust": recordings.trust,
        "objects": [*recordings.objects, *given_as_objects(cv=cv)],
        "max_epochs": max_epochs,
        "joint_fits": max(1, n_fits),
        **{key: inspection.run[key] for key in _SHARED},
        "seed": seed,
        "evaluated": len(made),
        "found_on_disk": n_found,
        "evaluated_elsewhere": len(found) - n_found - len(made),
        "n_jobs": n_jobs,
        "shard": shard,
        **origin(started, _PACKAGES),
        "warnings": by_text(caught),
    }
    joint, reliability = agree(found, run)
    return DatasetInspection(found, joint, leading_dipoles(joint), reliability, run)


def _identify(selection, store, asked, folding, seeds, progress):
    """Tell the key of each subject's inspection; read all of them where one is not in the store.

    Maps are to be compared, so channels are those that all subjects have, in the same order.
    Returns keys, by subject, but for those who cannot be inspected; failures, which say why not;
    and data, by subject Epochs, classes and what :func:`fold_sessions` gives but for the trials
    that are kept, empty where everything is in the store.
    """
    try:
        asked = digests.describe(asked)
    except digests.NotReproducible as error:
        warnings.warn(f"what is found cannot be kept for another run: {error}", stacklevel=2)
        asked = uuid.uuid4().hex

    def keys_of(trials):
        return {
            subject: digests.digest("inspection", asked, seeds[subject], found)
            for subject, found in trials
        }

    recordings = digests.key_of_recordings(selection, "inspection", selection.subjects)
    keys = keys_of(digests.recall(store, recordings) or ())
    if keys and all(store.get(key) is not None for key in keys.values()):
        return keys, [], {}
    code, parts, data = selection.dataset.code, [], {}
    progress("read", 0, len(selection.subjects), "")
    with digests.files_opened() as files:
        for subject in selection.subjects:
            parts.append(selection.trials(subject))
            progress("read", len(parts), len(selection.subjects), f"{code}, subject {subject}")
    trials = selection.stack(parts)
    failures = list(trials.failures)
    for subject in dict.fromkeys(each.subject for each in trials.recordings):
        own = trials.only(lambda each, subject=subject: each.subject == subject)
        epochs, y = own.epochs(), own.labels
        try:
            kept, *folded = fold_sessions(epochs, y, own.metadata["session"].to_numpy(), **folding)
        except RequestError as error:
            failures.append(Failure(code, subject, None, None, str(error).rstrip(".")))
            continue
        *_, left_out = folded
        failures += [
            Failure(code, subject, session, None, why.rstrip("."))
            for session, why in left_out.items()
        ]
        # a copy only where a session is left out
        whole = len(kept) == len(y)
        data[subject] = (epochs, y, *folded) if whole else (epochs[kept], y[kept], *folded)
    found = [[subject, digests.digest_trials(*each[:2])] for subject, each in data.items()]
    if not failures:  # what failed is tried again
        digests.note(store, recordings, selection, files, found)
    return keys_of(found), failures, data


def _load(pipeline, paradigm, max_epochs, trust):
    """Load the one pipeline that is asked for; it ends in a network."""
    configs = load_pipelines(pipeline, paradigm, trust=trust)
    if len(configs) > 1:
        raise RequestError(f"an inspection is of one pipeline, not of {', '.join(configs)}.")
    ((name, config),) = configs.items()
    # the seeds are the inspection's own
    estimator = make_variants(configs, seed=0, max_epochs=max_epochs)[0].estimator
    if not isinstance(estimator[-1], EEGNetClassifier):
        raise RequestError(f"pipeline {name} does not end in an EEGNetClassifier: it has no maps.")
    if "param_grid" in config:
        raise RequestError(f"pipeline {name} is searched over a grid: choose the parameters first.")
    return name, config["file"], estimator
