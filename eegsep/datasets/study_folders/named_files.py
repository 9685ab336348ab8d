"""Recordings that are named one by one, without a ``study.yml``: a study, or one to decode.

What they do not say, and nobody did, is refused with what to say.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from eegsep._utils.errors import RequestError, bare_name
from eegsep.datasets.channels import channel_key

from .bids import window_of
from .description import CLASSES_OF, Description, check_classes, read_unit
from .entries import FORMATS, TABLES, make_entries, may_be_recording, suffix_of
from .guesses import guess_classes
from .looks import count, look_at
from .markers import find_markers
from .reading import PLAUSIBLE, finish, open_recording
from .tables import read_table

_STANDARD_MONTAGE = "standard_1005"
_MOST_NAMED = 8


@dataclass(frozen=True)
class Files:
    """What is said of files where they do not say it themselves.

    Parameters
    ----------
    events : dict of str | None
        Classes by the text of the marker; None for what the markers' names tell.
    markers : str | None
        A channel of codes, or a file of events (``*-eve.fif``, or a table with ``onset`` and
        ``trial_type``); None for annotations, or else the channel of triggers.
    unit : str | float | None
        V, mV, µV, nV, or volts of what is stored as 1; None for volts, which tables need not be.
    sfreq : float | None
        Sampling rate of tables in Hz.
    """

    events: dict | None = None
    markers: str | None = None
    unit: str | float | None = None
    sfreq: float | None = None

    def check(self, paths):
        """Refuse a sampling rate that is none, or of files that have one themselves."""
        if self.sfreq is None:
            return
        if not 0 < self.sfreq < np.inf:
            raise RequestError(f"a sampling rate of {self.sfreq:g} Hz is none (--sfreq 256).")
        knowing = [path for path in paths if suffix_of(path) not in TABLES]
        if knowing:
            raise RequestError(
                f"{knowing[0]} has its sampling rate in it: leave out --sfreq, which is said of "
                "tables."
            )


def are_files(names):
    """Tell whether all names are of recordings, by their suffix; only some are a RequestError."""
    by_suffix = [suffix_of(name) in (*FORMATS, *TABLES) for name in names]
    # a folder may be called as it likes, but for formats that are folders
    are = [
        yes and (not Path(name).is_dir() or suffix_of(name) == ".mff")
        for name, yes in zip(names, by_suffix, strict=True)
    ]
    if any(are) and not all(are):
        other = names[are.index(False)]
        raise RequestError(
            f"{other} is no recording, as the others are: name files, or one folder or dataset."
        )
    return all(are)


def check_file(path):
    """Return a path; one that is no file of a recording is a RequestError."""
    path = Path(path).expanduser()
    if not path.exists():
        raise RequestError(f"there is no file {path}.")
    if path.is_dir() and suffix_of(path) != ".mff":
        raise RequestError(f"{path} is a folder: name a recording in it.")
    if not may_be_recording(path.name):
        raise RequestError(
            f"{path} is no recording by its name: there are {', '.join((*FORMATS, *TABLES))}."
        )
    return path


def study_of_files(paths, said=None, *, window=(None, None), paradigm=None, progress=None):
    """Make a study of recordings of one subject in one session, each a run.

    ``said`` is what is said of them; the window is in seconds after the marker, with None for what
    the markers say; the paradigm is MOABB's, None for what suits the classes. ``progress("read",
    done, total, label)`` is called meanwhile. It is a RequestError if they do not say which markers
    mean what, how long trials are, or which unit and rate they have, and nobody did.
    """
    from .dataset import Study

    said = said or Files()
    paths = [check_file(path) for path in paths]
    twice = [str(path) for k, path in enumerate(paths) if path in paths[:k]]
    if twice:
        raise RequestError(f"{twice[0]} is named more than once.")
    said.check(paths)
    look = _look(paths, progress)
    columns, file, there = _find_markers(look, paths, said)
    classes = _classes(there, said.events, paths)
    kind = _kind(paradigm, classes)
    try:
        check_classes({"paradigm": kind, "classes": classes})
    except ValueError as error:
        raise RequestError(f"{error} (--events).") from error
    description = Description(
        None,
        Path(),
        "recordings",
        files=tuple(map(str, paths)),
        paradigm=kind,
        window=_window(window, kind, classes, there),
        markers=columns,
        classes=classes,
        unit=_unit(said, look.is_table, look.amplitude, paths[0]),
        sfreq=(said.sfreq or look.sfreq) if look.is_table else None,
        montage=_STANDARD_MONTAGE if look.knows_electrodes and not look.has_places else None,
        rename=look.rename,
        types=look.types,
    )
    labels = {str(path): {"run": f"{k}{_bare_stem(path)}"} for k, path in enumerate(paths)}
    return Study(None, description, make_entries(description, labels, dict.fromkeys(labels, file)))


def _bare_stem(path):
    """Return letters and digits of a file's name, for the name of a run."""
    stem = re.sub(r"[^A-Za-z0-9]", "", path.name.partition(".")[0])
    return stem if stem[:1].isalpha() else f"file{stem}"


def _look(paths, progress):
    tables = {suffix_of(path) in TABLES for path in paths}
    if len(tables) > 1:
        raise RequestError("tables and other recordings cannot go together: name one kind.")
    return look_at(paths, progress)


def _find_markers(look, paths, said):
    """Return where markers are, for a description, the file that has them, and which there are."""
    if said.markers is None:
        if look.annotations or not look.codes:
            return {}, None, look.annotations
        return {"channel": look.marker_channel}, None, look.codes
    as_stored = replace(said, unit=1.0, sfreq=said.sfreq or look.sfreq)
    if not _is_file(said.markers):
        return {"channel": said.markers}, None, _read_markers(paths, as_stored)
    if len(paths) > 1:
        raise RequestError(
            "a file of events goes with one recording: for several, write a study.yml, which "
            f"`eegsep study init {paths[0].parent}` drafts."
        )
    file = str(Path(said.markers).expanduser())
    return {"file": said.markers}, file, _read_markers(paths, as_stored)


def _read_markers(paths, said):
    """Read markers as :attr:`.looks.Look.codes` has them."""
    found = {}
    for k, path in enumerate(paths):
        _, onsets, texts = read_file(path, said)
        for onset, text in zip(onsets, texts, strict=True):
            found.setdefault(text, []).append((k, onset, 0.0))
    return found


def _is_file(markers):
    return suffix_of(markers) in (*TABLES, ".fif") or Path(markers).is_file()


def _classes(there, events, paths):
    """Return classes by the text of the marker, as they are said or as they are called."""
    names = f"{paths[0]}" + ("" if len(paths) == 1 else f" and {len(paths) - 1} more")
    counts = count(there)
    listed = ", ".join(f"{text} ({n})" for text, n in list(counts.items())[:_MOST_NAMED])
    if events is not None:
        lacking = [text for text in events if text not in counts]
        if lacking:
            what = f"they are {listed}" if counts else "there is none at all"
            raise RequestError(f"{names}: no marker is called {lacking[0]!r}: {what} (--events).")
        return dict(events)
    if not counts:
        raise RequestError(
            f"{names}: there is no annotation and no channel of triggers: say where trials begin "
            "(--markers, a channel of codes or a file of events)."
        )
    _, classes = guess_classes(counts)
    if not classes and len(counts) == 2:
        classes = {text: text for text in counts}
    if not classes:
        example = ",".join(f"{name}={text}" for name, text in zip("ab", counts, strict=False))
        raise RequestError(
            f"{names}: the markers are {listed}: say which of them are of which class "
            f"(--events {example})."
        )
    return classes


def _kind(paradigm, classes):
    """Return the kind of dataset that goes with MOABB's paradigm, or with the classes' names."""
    from eegsep.datasets.paradigms import SUITED

    if paradigm is not None:
        kinds = {bare_name(name): kind for kind, name in SUITED.items()}
        return kinds.get(bare_name(paradigm), "imagery")
    return "p300" if set(classes.values()) == set(CLASSES_OF["p300"]) else "imagery"


def _window(window, kind, classes, there):
    start, end = window
    guess, is_known = window_of(kind, classes, there)
    if end is None and not is_known and kind != "p300":
        gap = "" if guess is None else f"; they are {guess[1]:g} s apart or more"
        raise RequestError(
            f"markers do not say how long trials are{gap}: say from when to when they last, in "
            "seconds after the marker (--tmin 0 --tmax 3)."
        )
    start, end = 0.0 if start is None else start, guess[1] if end is None else end
    if not (np.isfinite([start, end]).all() and start < end):
        raise RequestError(f"the window from {start:g} to {end:g} s has nothing in it (--tmin).")
    return float(start), float(end)


def _unit(said, is_table, amplitude, path):
    if said.unit is not None:
        try:
            return read_unit(said.unit)
        except ValueError as error:
            raise RequestError(f"{error}.") from error
    low, high = PLAUSIBLE
    if is_table or (amplitude and not low <= amplitude <= high):
        raise RequestError(
            f"{path}: EEG varies by {amplitude:,.3g} {'' if is_table else 'volts '}within a "
            "second: say in which unit the numbers are (--unit µV)."
        )
    return 1.0


def read_file(path, said, *, wanted=None, rename=None, classes=None):
    """Read a recording that is named, with its markers.

    The events that are said of it are not looked at. ``wanted`` are channels to take of a table,
    whose other columns are left out, None for all of numbers; ``rename`` has channels' names in the
    file, and those to use; ``classes`` markers that count, whatever else their texts look like.

    Returns the recording, loaded, in volts, without channels of markers; and of its markers the
    onsets, in seconds after its first sample, and the texts. It is a RequestError if it cannot be
    read, or does not go with what is said of it.
    """
    path = check_file(path)
    said.check([path])
    is_table = suffix_of(path) in TABLES
    columns = {}
    if said.markers is not None:
        columns = {"file" if _is_file(said.markers) else "channel": said.markers}
    if is_table and said.sfreq is None:
        raise RequestError(f"{path} is a table: say its sampling rate in Hz (--sfreq 256).")
    if is_table and said.unit is None:
        raise RequestError(f"{path} is a table: say in which unit its numbers are (--unit µV).")
    description = Description(
        None,
        path.parent,
        "recording",
        files=(path.name,),
        markers=columns,
        classes=classes,
        unit=_unit(said, is_table, 0.0, path),
        sfreq=said.sfreq,
        rename=rename or {},
        types=_other_columns(path, wanted, rename or {}, columns) if is_table else {},
    )
    with warnings.catch_warnings():
        # of other recordings of the same study
        warnings.filterwarnings("ignore", message=".* has no channel .*, which .* names")
        raw = open_recording(description, path)
    if not columns and not len(raw.annotations):
        description = replace(description, markers=_triggers(raw))
    file = Path(said.markers).expanduser() if "file" in columns else None
    if file is not None and not file.is_file():
        raise RequestError(f"there is no file {file} of events.")
    samples, texts = find_markers(raw, description, path, file)
    finish(raw, description, path)
    return raw, (samples - raw.first_samp) / raw.info["sfreq"], texts


def _triggers(raw):
    import mne

    stim = mne.pick_types(raw.info, meg=False, stim=True)
    return {"channel": raw.ch_names[stim[0]]} if len(stim) else {}


def _other_columns(path, wanted, rename, columns):
    """Tell which columns of a table are neither wanted nor markers."""
    names = list(read_table(path))
    if wanted is None:
        return look_at([path]).types
    renamed = {channel_key(old): new for old, new in rename.items()}
    kept = {channel_key(name) for name in [*wanted, *columns.values()]}
    here = {name: channel_key(renamed.get(channel_key(name), name)) for name in names}
    return {name: "misc" for name, key in here.items() if key not in kept}
