"""A draft of ``study.yml``: what is found in a folder is written, what is to be told is left open.

Each line has a comment; what stands open is refused until it is written.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import yaml

from eegsep._utils.errors import RequestError
from eegsep._utils.shown import shown

from .bids import events_of, window_of
from .description import FILE_NAME, HINTS, UNITS, Description, code_of, is_bids, unwritten
from .draft_patterns import guess_marker_files, guess_patterns, is_marker_file, what_varies
from .entries import TABLES, files_below, may_be_recording, suffix_of
from .guesses import guess_classes
from .looks import count, look_at
from .markers import find_markers
from .patterns import compile_pattern, fill_pattern

_MOST_LOOKED_AT = 3
# Medians of EEG within a second, in volts, at which nobody need be asked for the unit.
_USUAL = (5e-7, 3e-4)


def draft_study(folder, output=None, *, overwrite=False, progress=None):
    """Look at a folder's recordings, and write a ``study.yml`` with what is found.

    Parameters
    ----------
    folder : path-like
        With recordings, in folders as it may be.
    output : path-like | None
        The file to write; None for ``study.yml`` in the folder. Elsewhere it names the folder.
    overwrite : bool
        Whether to replace a file that is there.
    progress : callable | None
        Called as ``progress("read", done, total, label)``.

    Returns
    -------
    file : pathlib.Path
        What was written.
    left : list of str
        What is still to be written there: a key, and what it may be.

    Raises
    ------
    RequestError
        If the folder has no recording or cannot be read, or the file is there or cannot be written.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise RequestError(f"there is no folder {folder} to look at.")
    file = folder / FILE_NAME if output is None else Path(output).expanduser()
    if file.exists() and not overwrite:
        raise RequestError(f"{file} is there already: --overwrite replaces it.")
    elsewhere = file.parent.resolve() != folder.resolve()
    lines = [
        "# What the recordings in this folder are, for eegsep: a draft by `eegsep study init`.",
        "# What stands open is to be written; the rest was found, and may be put right.",
    ]
    if elsewhere:
        lines.append(f"folder: {_quote(str(folder.resolve()))}")
    lines.append(f"name: {code_of(folder)}  # in tables and pictures")
    draft = _of_bids if is_bids(folder) else _of_files
    lines += draft(folder, progress)
    try:
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise RequestError(
            f"cannot write {file} ({error.strerror}): choose another file with --output."
        ) from error
    return file, unwritten(file)


def _of_bids(folder, progress):
    import mne_bids

    found = mne_bids.find_matching_paths(
        folder, datatypes="eeg", suffixes="events", extensions=".tsv"
    )
    tasks = sorted({each.task for each in found if each.task})
    task = tasks[0] if len(tasks) == 1 else ""
    markers = events_of(each.fpath for each in found)
    lines = ["# The folder is in BIDS, which says where recordings and events are."]
    if len(tasks) > 1:
        lines.append(f"task:  # {' or '.join(tasks)}")
    return lines + _say_trials(markers, len(found), task)


def _of_files(folder, progress):
    paths = files_below(folder)
    recordings = _recordings(paths)
    if not recordings:
        raise RequestError(
            f"{folder} has no recording: there is no EDF, BDF, GDF, BrainVision, EEGLAB, FIF or "
            "CSV file below it."
        )
    patterns = guess_patterns(recordings)
    events = guess_marker_files(paths, recordings, patterns)
    chosen = recordings[:: max(1, len(recordings) // _MOST_LOOKED_AT)][:_MOST_LOOKED_AT]
    look = look_at([folder / path for path in chosen], progress)
    lines = ["", f"# {len(recordings)} recordings, such as {shown(recordings[0], keep='')}"]
    if patterns:
        names = ", ".join(f"{{{name}}}" for name in what_varies(patterns)) or "one recording"
        lines.append(f"# Found: {names}. There may be {{subject}}, {{session}}, {{run}} and *.")
        if len(patterns) == 1:
            lines.append(f"files: {_quote(patterns[0])}")
        else:
            lines += ["files:", *(f"  - {_quote(pattern)}" for pattern in patterns)]
    else:
        lines.append(f"files:  # {HINTS['files']}")
    lines.append("")
    if events is not None:
        markers = _markers_in_files(folder, chosen, patterns[0], events, look)
        lines.append(f"markers: {{file: {_quote(events)}}}")
    elif look.annotations:
        markers = look.annotations
        lines.append("markers: annotations")
    elif look.codes:
        markers = look.codes
        lines.append(f"markers: {{channel: {_quote(look.marker_channel)}}}")
    else:
        markers = {}
        lines.append(f"markers:  # none was found: {HINTS['markers']}")
    lines += _say_trials(markers, len(chosen), "")
    return [*lines, "", *_say_signal(look)]


def _recordings(paths):
    found = [
        path for path in paths if may_be_recording(path, tables=False) and not is_marker_file(path)
    ]
    tables = [path for path in paths if suffix_of(path) in TABLES and not is_marker_file(path)]
    return found or tables


def _markers_in_files(folder, chosen, pattern, events, look):
    """Read markers of files beside recordings (as :attr:`.looks.Look.codes`)."""
    import mne

    columns = {"file": events}
    asked = Description(None, folder, "draft", markers=columns)
    found, rate = {}, look.sfreq or 1.0
    for k, path in enumerate(chosen):
        labels = compile_pattern(pattern).fullmatch(path).groupdict()
        expression = fill_pattern(events, labels)
        (file,) = [each for each in files_below(folder) if expression.fullmatch(each)]
        raw = mne.io.RawArray([[0.0]], mne.create_info(1, rate), verbose="error")
        samples, texts = find_markers(raw, asked, folder / path, folder / file)
        for sample, text in zip(samples, texts, strict=True):
            found.setdefault(text, []).append((k, sample / rate, 0.0))
    return found


def _say_trials(markers, n_files, task):
    paradigm, classes = guess_classes(markers, task)
    window, is_known = None, False
    if markers:
        window, is_known = window_of(paradigm, classes or markers, markers)
    lines = [f"paradigm: {paradigm or ''}  # {HINTS['paradigm']}".replace(":   #", ":  #")]
    if is_known:
        lines.append(f"window: [{window[0]:g}, {window[1]:g}]  # in s after the marker")
    else:
        gap = "" if window is None or paradigm else f"; markers are {window[1]:g} s apart or more"
        lines.append(f"window:  # start and end of a trial in s after its marker: [0.5, 3.5]{gap}")
    where = "file" if n_files == 1 else f"{n_files} files"
    lines.append("classes:  # what each marker means; no line for one that is of no class")
    if not markers:
        lines[-1] = f"classes:  # {HINTS['classes']}"
    for text, n in sorted(count(markers).items(), key=lambda pair: _code_key(pair[0])):
        if not classes or text in classes:
            lines.append(f"  {_quote(text)}: {classes.get(text, '')}  # {n} in {where}")
        else:
            lines.append(f"  # {_quote(text)}:  {n} in {where}, of no class")
    return lines


def _code_key(text):
    return (0, int(text), "") if re.fullmatch(r"\d+", text, re.ASCII) else (1, 0, text)


def _say_signal(look):
    micro = f"{1e6 * look.amplitude:,.3g} µV"
    low, high = _USUAL
    if look.is_table or not low <= look.amplitude <= high:
        fitting = [
            f"{name} would make {1e6 * factor * look.amplitude:,.3g} µV"
            for name, factor in UNITS.items()
            if name in ("V", "mV", "µV", "nV") and low <= factor * look.amplitude <= high
        ]
        what = f"EEG varies by {look.amplitude:,.3g} of them within a second"
        hint = f"; {' and '.join(fitting)}" if fitting else ""
        lines = [f"unit:  # of the numbers in the files, V, mV or µV: {what}{hint}"]
    else:
        lines = [f"unit: V  # as MNE reads the files: EEG varies by {micro} within a second"]
    if look.is_table and look.sfreq:
        lines.append(f"sfreq: {look.sfreq:g}  # Hz, by the column of times")
    elif look.is_table:
        lines.append("sfreq:  # sampling rate in Hz")
    if look.has_places:
        lines.append("# The files say where electrodes are; montage: would say otherwise.")
    elif look.knows_electrodes:
        lines.append("montage: standard_1005  # all names are those of the 10-05 system")
    else:
        lines.append(
            "montage: none  # names are not those of the 10-05 system: no maps, unless a file with "
            "positions is named here, or channels below rename"
        )
    for key, mapping in (("rename", look.rename), ("types", look.types)):
        if mapping:
            lines.append(f"{key}:")
            lines += [f"  {_quote(name)}: {value}" for name, value in mapping.items()]
    return lines


def _quote(text):
    """Write a text as YAML takes it, with quotes where it needs them (str)."""
    plain = re.fullmatch(r"[\w/.+-]+( [\w/.+-]+)*", text) and not text.startswith("-")
    if plain:
        return text
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=math.inf).rstrip("\n")
