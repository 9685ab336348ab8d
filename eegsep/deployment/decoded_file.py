"""A recording in a file, decoded by a model in a file: what the model says, and what is true.

And the files of it: a table, JSON, and annotations that MNE reads.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score

from eegsep._utils.errors import RequestError, look_up
from eegsep._utils.logs import by_text, quiet
from eegsep._utils.tables import check_free, records, to_json, written_aside
from eegsep.datasets.study_folders.entries import TABLES, suffix_of
from eegsep.datasets.study_folders.named_files import Files, read_file

from .recording import predict_recording
from .stored_model import load_model

_MOST_NAMED = 8
_ANNOTATIONS = (".fif", ".fif.gz", ".csv", ".txt")
_TABLES = (".csv", ".json")


@dataclass(frozen=True, eq=False)
class DecodedFile:
    """What a model says of a recording.

    Attributes
    ----------
    predictions : pandas.DataFrame
        As of :func:`predict_recording`, with the text of the ``marker``, and with the ``truth``
        where markers mean classes.
    classes : list of str
    step : float | None
        Seconds between sliding windows; None for windows after markers.
    meas_date : datetime.datetime | None
        When the recording began.
    first_time : float
        Seconds from then to the recording's first sample, as MNE has them.
    run : dict
        What JSON can hold: model, recording, how many windows were left out, and, where the truth
        is known, ``accuracy``, ``roc_auc`` of two classes, and the ``confusion`` of classes (rows)
        with decisions (columns).

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.deployment import DecodedFile
    >>> windows = {"start": [0.0, 1.0], "stop": [2.0, 3.0], "decision": ["left", "right"]}
    >>> decoded = DecodedFile(pd.DataFrame(windows), ["left", "right"], 1.0, None, 0.0, {})
    >>> decoded.to_annotations().onset.tolist()  # each decision stands for its window's middle
    [0.5, 1.5]
    """

    predictions: pd.DataFrame
    classes: list
    step: float | None
    meas_date: datetime | None
    first_time: float
    run: dict

    def to_document(self):
        """Return what a JSON file has (dict)."""
        return {"run": self.run, "classes": self.classes, "windows": records(self.predictions)}

    def to_annotations(self, *, dated=True):
        """Make annotations of the decisions.

        Parameters
        ----------
        dated : bool
            Whether they have the date of a recording that has one; else onsets are seconds after
            its first sample.

        Returns
        -------
        annotations : mne.Annotations
            Of each window after a marker; of a sliding one of its middle, as long as the step, so
            that they do not lie over each other.
        """
        import mne

        starts, stops = (self.predictions[name].to_numpy() for name in ("start", "stop"))
        durations = stops - starts
        if self.step is not None:
            durations = np.minimum(durations, self.step)
        onsets = (starts + stops - durations) / 2
        texts = self.predictions["decision"].to_list()
        if self.meas_date is None or not dated:
            return mne.Annotations(onsets, durations, texts)
        return mne.Annotations(self.first_time + onsets, durations, texts, self.meas_date)

    def save(self, output=None, annotations=None):
        """Write the table, and annotations: each file is whole or not there.

        Parameters
        ----------
        output : path-like | None
            A ``.csv`` or ``.json`` file.
        annotations : path-like | None
            What :func:`mne.read_annotations` reads: ``-annot.fif``, ``.csv`` or ``.txt``.

        Returns
        -------
        files : dict of pathlib.Path

        Raises
        ------
        RequestError
            If one cannot be written.
        """
        check_outputs(output, annotations, overwrite=True)
        undated = self.meas_date is None and annotations is not None
        if undated and Path(annotations).suffix.lower() == ".csv":
            raise RequestError(
                f"cannot write {annotations}: the recording has no date, without which MNE "
                "reads other times from such a table. Name a file -annot.fif or .txt."
            )
        files = {}
        with ExitStack() as both:  # neither appears where one cannot be written
            if output is not None:
                files["predictions"] = Path(output)
                file = both.enter_context(written_aside(output))
                if file.suffix.lower() == ".csv":
                    self.predictions.to_csv(file, index=False)
                else:
                    file.write_text(to_json(self.to_document()) + "\n", encoding="utf-8")
            if annotations is not None:
                files["annotations"] = Path(annotations)
                file = both.enter_context(written_aside(annotations))
                # of which MNE reads no date unless it has microseconds
                dated = file.suffix.lower() != ".txt"
                self.to_annotations(dated=dated).save(file, verbose="error")
        return files


def check_outputs(output, annotations, *, overwrite, sources=()):
    """Refuse files to write that are there, or whose endings nobody knows: a RequestError.

    They are those of :meth:`DecodedFile.save`; ``overwrite`` says whether they may be there, and
    ``sources`` are read for them, and stay.
    """
    for file, endings in ((output, _TABLES), (annotations, _ANNOTATIONS)):
        if file is None:
            continue
        if not Path(file).name.lower().endswith(endings):
            raise RequestError(f"cannot write {file}: its name must end in {' or '.join(endings)}.")
        check_free(file, overwrite, sources=sources)
    both = None not in (output, annotations)
    if both and Path(output).resolve() == Path(annotations).resolve():
        raise RequestError(f"{output} cannot hold both predictions and annotations.")


def decode_file(
    model,
    recording,
    *,
    events=None,
    step=None,
    markers=None,
    unit=None,
    sfreq=None,
    trusted=(),
    progress=None,
):
    """Decode a recording by a model that ``eegsep fit`` saved.

    Parameters
    ----------
    model, recording : path-like
    events : dict of (str | None) | None
        Markers to decode, and the class of each if it is known; None for those of the fit.
    step : float | None
        Seconds between windows that slide over all of the recording, in place of markers.
    markers, unit, sfreq
        Of the recording, see :class:`eegsep.datasets.study_folders.named_files.Files`; None for
        what the files of the fit had.
    trusted : sequence of str
        Types of a pipeline's steps that may be loaded, see :func:`eegsep.load`.
    progress : callable | None
        Called as ``progress(stage, done, total, label)``.

    Returns
    -------
    decoded : DecodedFile

    Raises
    ------
    RequestError
        If a file cannot be read, the recording does not go with the model, or it has no markers to
        decode.

    Examples
    --------
    >>> import eegsep
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> from eegsep.deployment import decode_file
    >>> from eegsep.studies.fit import fit
    >>> recordings = SimulatedMotorImagery(n_subjects=1, n_sessions=1, n_runs=1)
    >>> model = fit(recordings, score=False)
    >>> eegsep.save(model.estimator, "model.eegsep", metadata=model.metadata())
    >>> raw = recordings.get_data([1])[1]["0"]["0"]
    >>> _ = raw.save("tuesday_raw.fif", verbose="error")
    >>> decoded = decode_file("model.eegsep", "tuesday_raw.fif", step=0.5)
    >>> decoded.predictions.columns.tolist()
    ['time', 'start', 'stop', 'p_left_hand', 'p_right_hand', 'decision']
    >>> sorted(decoded.save("tuesday.csv", annotations="tuesday-annot.fif"))
    ['annotations', 'predictions']
    """
    if events is not None and step is not None:
        raise RequestError("windows are after markers (--events) or slide (--sliding), not both.")
    caught: Counter = Counter()
    name = Path(recording).name
    with quiet(caught):
        estimator, preparation, fitted = load_model(model, trusted=trusted)
        classes = [str(label) for label in estimator.classes_]
        means = _meanings(events, preparation, classes)
        said = _said(preparation, recording, markers, unit, sfreq)
        raw, onsets, texts = read_file(
            recording,
            said,
            wanted=[*preparation.ch_names, *(preparation.eeg_reference or ())],
            rename=preparation.files.get("rename"),
            classes=means,
        )
        preparation.find_channels(raw, name)
        chosen = [k for k, text in enumerate(texts) if text in means]
        if step is None and not chosen:
            _refuse_markers(recording, texts, means, events)
        sliding = {"step": step} if step is not None else {"onsets": onsets[chosen]}
        predictions = predict_recording(
            estimator, raw, preparation, name=name, progress=progress, **sliding
        )
    predictions["decision"] = predictions["decision"].astype(str)
    run = {
        "model": str(model),
        "recording": str(recording),
        "pipeline": fitted.get("pipeline"),
        "seconds": raw.n_times / raw.info["sfreq"],
        "step_s": step,
        "n_windows": len(predictions),
        "left_out": 0 if step is not None else len(chosen) - len(predictions),
        "fitted_to_it": name in [Path(each).name for each in fitted.get("recordings", ())],
    }
    if step is None:
        used = [texts[chosen[k]] for k in predictions.index]
        predictions.insert(1, "marker", used)
        truth = [means[text] for text in used]
        if None not in truth:
            predictions["truth"] = truth
            run |= _compare(predictions, classes)
    run["warnings"] = by_text(caught)
    predictions = predictions.reset_index(drop=True)
    date, first_time = raw.info["meas_date"], raw.first_time
    return DecodedFile(predictions, classes, step, date, first_time, run)


def _said(preparation, recording, markers, unit, sfreq):
    """Complete what is said of the recording by what files of its kind had in the fit."""
    of_fit = preparation.files
    if (of_fit.get("sfreq") is None) == (suffix_of(recording) in TABLES):
        of_fit = {}
    where = of_fit.get("markers") or {}
    said = Files(None, where.get("channel"), of_fit.get("unit"), of_fit.get("sfreq"))
    given = {"markers": markers, "unit": unit, "sfreq": sfreq}
    return replace(said, **{key: value for key, value in given.items() if value is not None})


def _meanings(events, preparation, classes):
    """Return the class of each marker that is to be decoded, None where it is not known."""
    if events is None:
        return {name: name for name in classes} | dict(preparation.classes)
    known = {name: name for name in classes}
    return {
        text: None if name is None else look_up("class", name, known)
        for text, name in events.items()
    }


def _refuse_markers(recording, texts, means, events):
    counts = Counter(texts)
    listed = ", ".join(f"{text} ({n})" for text, n in counts.most_common(_MOST_NAMED))
    wanted = "none of the markers " + ", ".join(means)
    if events is None:
        wanted += ", which the model knows"
    raise RequestError(
        f"{recording} has {wanted}; it has {listed or 'no marker at all'}: name those to decode "
        "(--events T1,T2, or with their classes --events left_hand=T1,right_hand=T2), or decode "
        "all of it (--sliding 0.5)."
    )


def _compare(predictions, classes):
    truth, decision = predictions["truth"], predictions["decision"]
    told = {
        "accuracy": float(accuracy_score(truth, decision)),
        "confusion": confusion_matrix(truth, decision, labels=classes).tolist(),
    }
    if len(classes) == 2 and truth.nunique() == 2:
        second = predictions[f"p_{classes[1]}"]
        told["roc_auc"] = float(roc_auc_score(truth == classes[1], second))
    return told
