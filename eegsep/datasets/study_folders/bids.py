"""A BIDS folder as a study: recordings and events are found there, and need no description.

mne-bids finds and reads them; a ``study.yml`` may say what the folder does not.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace

import numpy as np

from eegsep._utils.errors import RequestError

from .description import HINTS, Description, code_of
from .entries import make_entries
from .guesses import guess_classes, guess_window
from .markers import is_of_recording

_EXTENSIONS = [".edf", ".bdf", ".vhdr", ".set", ".EDF", ".BDF"]


def find_bids(folder, description=None):
    """Find a BIDS folder's recordings, and what their trials are: a Description, and entries.

    What the Description of a ``study.yml`` says, if there is one, counts more; the one returned is
    complete. It is a RequestError if there is no EEG, there are several tasks, or the folder does
    not say what trials are.
    """
    if description is None:
        description = Description(None, folder.resolve(), code_of(folder))
    where = description.place
    found = _find_recordings(description, where)
    events = [each.find_matching_sidecar("events", ".tsv", on_error="ignore") for each in found]
    trials = events_of(path for path in events if path is not None)
    task = found[0].task or ""
    guessed, classes = guess_classes(trials, task)
    paradigm = description.paradigm or guessed
    classes = description.classes or classes
    if paradigm is None or not classes:
        key = "classes" if paradigm else "paradigm"
        kinds = ", ".join(f"{text} ({len(each)})" for text, each in list(trials.items())[:12])
        raise RequestError(
            f"{where}: the BIDS folder does not say its {key} by itself, its markers are "
            f"{kinds or 'none'}: write {key}: and {HINTS[key]}, which `eegsep study init "
            f"{description.folder}` drafts."
        )
    window = description.window or _guess_window(description, paradigm, classes, trials, where)
    unused = {text: len(each) for text, each in trials.items() if text not in classes}
    if unused and description.classes is None:
        others = ", ".join(f"{text} ({n})" for text, n in unused.items())
        warnings.warn(f"markers that are of no class are not used: {others}", stacklevel=3)
    description = replace(description, paradigm=paradigm, classes=classes, window=window)
    paths = {each.fpath.relative_to(description.folder).as_posix(): each for each in found}
    labels = {
        path: {"subject": each.subject, "session": each.session, "run": each.run}
        for path, each in paths.items()
    }
    # of these files mne-bids takes the events itself
    return description, make_entries(description, labels, dict.fromkeys(paths))


def _find_recordings(description, where):
    import mne_bids

    found = mne_bids.find_matching_paths(
        description.folder,
        tasks=description.task,
        datatypes="eeg",
        suffixes="eeg",
        extensions=_EXTENSIONS,
    )
    tasks = Counter(each.task for each in found)
    if not found:
        what = f" of the task {description.task}" if description.task else ""
        raise RequestError(f"the BIDS folder {description.folder} has no EEG{what}.")
    if len(tasks) > 1:
        raise RequestError(
            f"{where}: the BIDS folder has the tasks {', '.join(map(str, tasks))}: write task: and "
            "one of them."
        )
    return sorted(found, key=lambda each: each.fpath.as_posix())


def events_of(paths):
    """Read which markers the files ``*_events.tsv`` have.

    Returns, by the text of the marker, lists of the number of the file, onset and duration in
    seconds.
    """
    import mne_bids

    trials = {}
    for k, path in enumerate(paths):
        read = mne_bids.events_file_to_annotation_kwargs(path, verbose="error")
        for onset, duration, text in zip(
            read["onset"], read["duration"], read["description"], strict=True
        ):
            if not is_of_recording(str(text)):
                trials.setdefault(str(text), []).append((k, float(onset), float(duration)))
    return trials


def window_of(paradigm, classes, trials):
    """Guess trials' window from their markers, see :func:`.guesses.guess_window`."""
    used = [each for text in classes for each in trials.get(text, ())]
    by_file = {}
    for k, onset, _ in used:
        by_file.setdefault(k, []).append(onset)
    gaps = [np.diff(sorted(onsets)).min() for onsets in by_file.values() if len(onsets) > 1]
    durations = [duration for _, _, duration in used]
    return guess_window(paradigm, durations, min(gaps) if gaps else None)


def _guess_window(description, paradigm, classes, trials, where):
    window, is_known = window_of(paradigm, classes, trials)
    if window is None:
        raise RequestError(
            f"{where}: the BIDS folder does not say how long trials are: write window: and "
            f"{HINTS['window']}."
        )
    if not is_known:
        warnings.warn(
            f"{description.name}: events have no durations, so that trials are taken from "
            f"{window[0]:g} to {window[1]:g} s after their marker; a window in {where} says "
            "otherwise",
            stacklevel=4,
        )
    return window
