"""Files of a study: which recordings there are, of whom, and the files with their markers.

A recording that no pattern knows, and two of one subject, session and run, are refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from eegsep._utils.errors import RequestError
from eegsep._utils.file_states import state_of_file

from .patterns import FIELDS, compile_pattern, fill_pattern, natural_key

# What MNE reads by its suffix, folders among it, and tables.
_FOLDERS = (".mff",)
FORMATS = (".edf", ".bdf", ".gdf", ".vhdr", ".set", ".fif", ".cnt", ".mff", ".nxe", ".cdt")
TABLES = (".csv", ".tsv")
_PACKED = (".gz", ".bz2", ".xz", ".zip")
# Of MNE's names: what is in FIF files that are no recordings.
_NO_RECORDING = re.compile(
    r"[-_](eve|epo|ave|cov|fwd|src|ica|proj|trans|bem|sol|tfr|ann|annot|inv|evoked|spectrum)"
    r"(-\d+)?\.fif",
    re.IGNORECASE,
)
# A name by which MOABB knows the order.
_ORDERED = re.compile(r"(\d+)([a-zA-Z][a-zA-Z0-9]*)?", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """A recording of a study.

    The path is below the study's folder. ``session`` and ``run`` are names by which MOABB knows
    them, ``"0"`` or ``"1post"``; ``labels`` are what the path says of subject, session and run.
    ``markers`` is the file with the markers, if they are in one of their own, and ``states`` sizes
    and dates of these files: trials of others are others.
    """

    path: str
    subject: int
    session: str
    run: str
    labels: dict
    markers: str | None
    states: tuple


def suffix_of(path):
    """Return the suffix of a file, in lower case, without that of a compression (str)."""
    path = Path(path)
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in _PACKED else suffix


def files_below(folder):
    """List the files below a folder, hidden ones aside: paths with ``/``, in natural order.

    It is a RequestError if a folder may not be read, or a link leads nowhere.
    """

    def refuse(error):
        raise RequestError(f"no permission to read the folder {error.filename}.") from error

    paths = []
    for where, folders, names in os.walk(folder, onerror=refuse):
        # one that is a recording is a file to whoever looks for recordings
        names += [name for name in folders if suffix_of(name) in _FOLDERS]
        folders[:] = [n for n in folders if not n.startswith(".") and n not in names]
        below = Path(where).relative_to(folder)
        paths += [(below / name).as_posix() for name in names if not name.startswith(".")]
    for path in paths:
        if not (folder / path).exists():
            raise RequestError(f"{folder / path} is a link to a file that is not there: remove it.")
    return sorted(paths, key=natural_key)


def may_be_recording(path, tables=True):
    """Tell by its name whether a file can be a recording (bool)."""
    suffix = suffix_of(path)
    return (suffix in FORMATS and not _NO_RECORDING.search(path)) or (tables and suffix in TABLES)


def find_entries(description):
    """Find the recordings that a study's patterns know.

    The entries are by subject, session and run. It is a RequestError if there is none, one that no
    pattern knows, two that are the same, or no file of markers.
    """
    say, paths = f"{description.file}: ", files_below(description.folder)
    patterns = {pattern: compile_pattern(pattern) for pattern in description.files}
    ignore = list(map(compile_pattern, description.ignore))
    where_markers = description.markers.get("file")
    of_markers = [] if where_markers is None else [compile_pattern(where_markers)]
    found = {}
    for path in paths:
        if any(each.fullmatch(path) for each in ignore):
            continue
        labels = [each.fullmatch(path) for each in patterns.values()]
        labels = [match.groupdict() for match in labels if match]
        if labels:
            found[path] = labels[0]
    if not found:
        raise RequestError(
            f"{say}no file in {description.folder} has a path such as "
            f"{' or '.join(description.files)}: write a pattern of those that are there."
        )
    tables = any(suffix_of(path) in TABLES for path in found)
    unknown = [
        path
        for path in paths
        if path not in found
        and may_be_recording(path, tables)
        and not any(each.fullmatch(path) for each in [*ignore, *of_markers])
    ]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise RequestError(
            f"{say}{unknown[0]}{more} in {description.folder} match none of the patterns in files "
            f"({', '.join(description.files)}): write one that does, or name what is not to be "
            "used in ignore."
        )
    markers = dict.fromkeys(found)
    if where_markers is not None:
        try:
            for path, labels in found.items():
                markers[path] = _markers_of(path, fill_pattern(where_markers, labels), paths)
        except ValueError as error:
            raise RequestError(f"{say}markers: {error}.") from error
    return make_entries(description, found, markers)


def _markers_of(path, expression, paths):
    there = [other for other in paths if expression.fullmatch(other)]
    if len(there) != 1:
        plain = re.sub(r"\\(.)", r"\1", expression.pattern).replace("[^/]*", "*")
        what = f"the files {' and '.join(there)}" if there else "no file"
        raise ValueError(
            f"there is {what} {'' if there else plain} for {path}: write a path that each "
            "recording has, or name the recording in ignore".replace("  ", " ")
        )
    return there[0]


def make_entries(description, labels, markers):
    """Give subjects numbers, and sessions and runs names that MOABB takes (list of Entry).

    By path come ``labels``, ``subject``, ``session`` and ``run`` as far as they are known, and
    ``markers``. It is a RequestError if two are of one subject, session and run.
    """
    say = f"{description.file or description.folder}: "
    full = {path: {name: each.get(name) or "" for name in FIELDS} for path, each in labels.items()}
    seen = {}
    for path, each in full.items():
        other = seen.setdefault(tuple(each.values()), path)
        if other != path:
            which = ", ".join(f"{name} {label}" for name, label in each.items() if label)
            raise RequestError(
                f"{say}{other} and {path} are both of {which or 'one subject, session and run'}: "
                "write a pattern with {subject}, {session} and {run} that tells them apart, or "
                "name one in ignore."
            )
    try:
        subjects = _number_subjects(each["subject"] for each in full.values())
        sessions = _name_in_order((each["subject"], each["session"]) for each in full.values())
        runs = _name_in_order(
            ((each["subject"], each["session"]), each["run"]) for each in full.values()
        )
    except ValueError as error:
        raise RequestError(f"{say}{error}.") from error
    entries = [
        Entry(
            path=path,
            subject=subjects[each["subject"]],
            session=sessions[each["subject"], each["session"]],
            run=runs[(each["subject"], each["session"]), each["run"]],
            labels=each,
            markers=markers[path],
            states=tuple(
                _state(description.folder / file) for file in (path, markers[path]) if file
            ),
        )
        for path, each in full.items()
    ]
    return sorted(entries, key=lambda e: (e.subject, natural_key(e.session), natural_key(e.run)))


def _state(path):
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return tuple(tuple(state_of_file(file)) for file in files if file.is_file())


def _number_subjects(labels: Iterable[str]):
    """Take subjects' own numbers, if all have one, or else number them by name."""
    labels = sorted(set(labels), key=natural_key)
    if not all(re.fullmatch(r"\d{1,9}", label, re.ASCII) for label in labels):
        return {label: k for k, label in enumerate(labels, 1)}
    numbers = {label: int(label) for label in labels}
    twice = [label for label in labels if list(numbers.values()).count(int(label)) > 1]
    if twice:
        raise ValueError(f"subjects {' and '.join(twice)} have the same number: name them alike")
    return numbers


def _name_in_order(labels):
    """Name sessions, or runs, so that MOABB knows their order.

    Labels stay as they are where each begins with a number of its own. Else they are numbered, and
    words such as ``post`` go with their number, which is the same for all subjects.
    """
    # what was before comes first, whatever the alphabet says
    labels = sorted(set(labels), key=lambda pair: (pair[1][:3] != "pre", natural_key(pair[1])))
    groups = {}
    for group, label in labels:
        groups.setdefault(group, []).append(label)
    ordered = [[_ORDERED.fullmatch(label) for label in each] for each in groups.values()]
    if all(all(each) and len({int(match[1]) for match in each}) == len(each) for each in ordered):
        return {pair: pair[1] for pair in labels}
    words = list(dict.fromkeys(label for _, label in labels))
    if all(re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", word, re.ASCII) for word in words):
        return {pair: f"{words.index(pair[1])}{pair[1]}" for pair in labels}
    return {pair: str(groups[pair[0]].index(pair[1])) for pair in labels}
