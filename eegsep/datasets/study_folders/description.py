"""``study.yml``: its keys, and what may be written for each, checked before files are read.

All that is wrong is refused in a line that names the file, the key, and what to write.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from eegsep._utils.errors import RequestError
from eegsep._utils.yaml_files import read_yaml

from .markers import is_of_recording
from .patterns import compile_pattern

FILE_NAME = "study.yml"
PARADIGMS = ("imagery", "p300", "ssvep", "cvep", "rstate")
TYPES = ("eeg", "eog", "ecg", "emg", "stim", "misc")
# Volts of each.
UNITS = {"V": 1.0, "mV": 1e-3, "µV": 1e-6, "μV": 1e-6, "uV": 1e-6, "nV": 1e-9}
# What is to be written for each key.
HINTS = {
    "name": "a short name for tables, of letters, digits and dashes",
    "folder": "the folder of the recordings, if this file is not in it",
    "files": "a path below the folder, such as sub{subject}/day{session}/run{run}.edf; * stands "
    "for anything",
    "ignore": "patterns of recordings that are not to be used",
    "task": "the task of a BIDS folder that has several",
    "paradigm": ", ".join(PARADIGMS[:-1]) + f" or {PARADIGMS[-1]}",
    "window": "start and end of a trial in seconds after its marker, such as [0.5, 3.5]",
    "markers": "annotations, {channel: its name} or {file: a path such as sub{subject}-eve.fif}",
    "classes": "what markers mean, such as T1: left_hand, a line for each that counts",
    "unit": "V, mV, µV, nV or a number of volts: what the numbers in the files are",
    "sfreq": "the sampling rate of tables (CSV) in Hz",
    "montage": "a montage of MNE such as colin27_1005, a file with positions, or none",
    "rename": "channels' names in the files and those to use, such as EEG Fp1-REF: Fp1",
    "types": f"types of channels that are not EEG, such as EOG1: eog ({', '.join(TYPES)})",
}
# What a class is called in MOABB's paradigms that know no others.
CLASSES_OF = {"p300": ("Target", "NonTarget")}
# Of a trial, from its marker on; an hour is more than anybody means.
_MOST_SECONDS = 3600
_MARKER_KEYS = ("channel", "file", "onset", "sample", "label")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")


@dataclass(frozen=True)
class Description:
    """What a study is said to be.

    Attributes
    ----------
    file : pathlib.Path | None
        The ``study.yml``; None where a BIDS folder says it all.
    folder : pathlib.Path
        Where the recordings are.
    name : str
        Code of the dataset.
    files : tuple of str | None
        Patterns of the recordings' paths; None for those of a BIDS folder.
    ignore : tuple of str
        Patterns of recordings that are left out.
    task : str | None
        Of a BIDS folder.
    paradigm : str | None
        MOABB's kind of dataset. This, ``window`` and ``classes`` are None where a BIDS folder is
        to say it.
    window : tuple of float | None
        Start and end of trials in seconds after the marker.
    markers : dict of str
        ``{}`` for annotations, or ``channel``, or ``file`` and its columns.
    classes : dict of str | None
        Classes by the text of the marker.
    unit : float
        Volts of what is stored as 1.
    sfreq : float | None
        Sampling rate of tables in Hz.
    montage : str | None
        Name of a montage or a file; None for what the files have.
    rename, types : dict of str
        By name of the channel.
    """

    file: Path | None
    folder: Path
    name: str
    files: tuple | None = None
    ignore: tuple = ()
    task: str | None = None
    paradigm: str | None = None
    window: tuple | None = None
    markers: dict = field(default_factory=dict)
    classes: dict | None = None
    unit: float = 1.0
    sfreq: float | None = None
    montage: str | None = None
    rename: dict = field(default_factory=dict)
    types: dict = field(default_factory=dict)

    @property
    def place(self):
        """Where to write what is said otherwise (pathlib.Path)."""
        return self.file or self.folder / FILE_NAME


def find_file(path):
    """Find the ``study.yml`` of a folder, or a file that is named.

    It is None for a folder without one, which may be a BIDS folder, and a RequestError if there is
    neither.
    """
    try:
        if path.is_file():
            return path
        if path.is_dir():
            file = path / FILE_NAME
            return file if file.is_file() else None
    except OSError as error:
        raise RequestError(f"cannot look into {path}: {error.strerror}.") from error
    raise RequestError(f"there is no folder and no file {path}: write where the study lies.")


def read(file):
    """Read and check a ``study.yml``.

    Parameters
    ----------
    file : pathlib.Path

    Returns
    -------
    description : Description

    Raises
    ------
    RequestError
        If it cannot be read, has keys that there are not, lacks one, or one says what cannot be.
    """
    try:
        return _check(file, _load(file))
    except ValueError as error:
        raise RequestError(f"{file}: {error}.") from error


def unwritten(file):
    """List what is still to be written in a ``study.yml``: lines of a key and what to write."""
    return _unwritten(_load(file))


def _unwritten(content):
    lines = [f"{key}: {HINTS[key]}" for key, value in content.items() if value == ""]
    classes = content.get("classes")
    if isinstance(classes, dict):
        hint = "the class's name, or delete the line if it is none"
        lines += [f"{key} (in classes): {hint}" for key, value in classes.items() if value == ""]
    return lines


def _load(file):
    # every value is the text that it is: 13, no and 2026-01-01 too
    content = read_yaml(file, yaml.BaseLoader)
    if not isinstance(content, dict):
        raise ValueError("says nothing: `eegsep study init FOLDER` drafts it")
    return content


def _check(file, content):
    for key in content:
        if key not in HINTS:
            hint = _say_meant(key, HINTS, f"there are {', '.join(HINTS)}")
            raise ValueError(f"has the unknown key {key!r}: {hint}")
    left = _unwritten(content)
    if left:
        raise ValueError(f"is not complete, write {'; '.join(left)}")
    values = {key: _READERS[key](value) for key, value in content.items()}
    # other processes may work in other folders
    written = values.pop("folder", "")
    try:
        folder = (file.parent / Path(written).expanduser()).resolve()
    except (RuntimeError, ValueError):  # of nobody's home, or with a null
        folder = None
    if folder is None or not folder.is_dir():
        raise ValueError(f"folder: there is no folder {folder or repr(written)}")
    name = values.pop("name", None) or code_of(folder)
    if "files" in values:
        lacking = [key for key in ("paradigm", "window", "classes") if key not in values]
        if lacking:
            key = lacking[0]
            raise ValueError(f"has no {key}: write {key}: and {HINTS[key]}")
    elif not is_bids(folder):
        raise ValueError(f"has no files: write files: and {HINTS['files']}")
    if "classes" in values:
        check_classes(values)
    return Description(file.resolve(), folder, name, **values)


def _say_meant(written, known, otherwise):
    close = difflib.get_close_matches(written, known, n=1)
    return f"did you mean {close[0]}" if close else otherwise


def check_classes(values):
    """Refuse names of classes that cannot be; ``values`` has them and perhaps a ``paradigm``."""
    names = set(values["classes"].values())
    # MNE takes no trials of what it calls bad
    odd = [name for name in names if not name.isprintable() or is_of_recording(name)]
    if odd:
        raise ValueError(
            f"classes: none can be called {odd[0]!r}: write another name, a line of text that does "
            "not begin with bad or edge"
        )
    if len(names) < 2:
        raise ValueError(f"classes: there must be two or more, not {', '.join(names)} alone")
    known = CLASSES_OF.get(values.get("paradigm"))
    if known and names != set(known):
        raise ValueError(
            f"classes: those of the paradigm {values['paradigm']} are called "
            f"{' and '.join(known)}, not {', '.join(sorted(names))}"
        )


def is_bids(folder):
    """Tell whether a folder says that it is in BIDS (bool)."""
    return (folder / "dataset_description.json").is_file()


def code_of(folder):
    """Make a code of a dataset from a folder's name (str)."""
    return re.sub(r"[^A-Za-z0-9]+", "-", folder.resolve().name).strip("-") or "study"


# -- values by key --------------------------------------------------------------------------------


def _text(key):
    def read_text(value):
        if not isinstance(value, str):
            raise ValueError(f"{key}: write {HINTS[key]}")
        return value

    return read_text


def _name(value):
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"name: write {HINTS['name']}, not {value!r}")
    return value


def _paradigm(value):
    if value not in PARADIGMS:
        hint = _say_meant(str(value).casefold(), PARADIGMS, f"write {HINTS['paradigm']}")
        raise ValueError(f"paradigm: {value!r} is none, {hint}")
    return value


def _patterns(key):
    def read_patterns(value):
        patterns = [value] if isinstance(value, str) else value
        if not isinstance(patterns, list) or not all(isinstance(each, str) for each in patterns):
            raise ValueError(f"{key}: write {HINTS[key]}")
        for pattern in patterns:
            compile_pattern(pattern)
        return tuple(patterns)

    return read_patterns


def _window(value):
    try:
        start, end = map(float, value if isinstance(value, list) else ())
    except (TypeError, ValueError):
        raise ValueError(f"window: {value!r} is none, write {HINTS['window']}") from None
    if not max(abs(start), abs(end)) <= _MOST_SECONDS:
        raise ValueError(f"window: [{start:g}, {end:g}] is too far from the marker, in seconds")
    if not start < end:
        raise ValueError(f"window: its end must come after its start, not [{start:g}, {end:g}]")
    return start, end


def _markers(value):
    if value == "annotations":
        return {}
    if not isinstance(value, dict) or len({"channel", "file"} & value.keys()) != 1:
        raise ValueError(f"markers: write {HINTS['markers']}")
    for key, each in value.items():
        if key not in _MARKER_KEYS or not isinstance(each, str) or not each:
            hint = _say_meant(key, _MARKER_KEYS, f"write {', '.join(_MARKER_KEYS)}")
            raise ValueError(f"markers: {key} is not one of its keys: {hint}")
    if "file" in value:
        compile_pattern(value["file"])
        if "onset" in value and "sample" in value:
            raise ValueError("markers: write onset (in seconds) or sample, not both")
    elif len(value) > 1:
        raise ValueError("markers: a channel has no columns, leave out all but channel")
    return dict(value)


def _mapping(key, known=None):
    def read_mapping(value):
        if not isinstance(value, dict) or not value:
            raise ValueError(f"{key}: write {HINTS[key]}")
        for name, each in value.items():
            if not isinstance(each, str) or not each or (known and each not in known):
                raise ValueError(f"{key}: {name} cannot be {each!r}: write {HINTS[key]}")
        return dict(value)

    return read_mapping


def _number(key, known):
    def read_number(value):
        try:
            number = known[value] if value in known else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not (math.isfinite(number) and number > 0):
            raise ValueError(f"{key}: {value!r} is none, write {HINTS[key]}")
        return number

    return read_number


read_unit = _number("unit", UNITS)
_READERS = {
    "name": _name,
    "folder": _text("folder"),
    "files": _patterns("files"),
    "ignore": _patterns("ignore"),
    "task": _text("task"),
    "paradigm": _paradigm,
    "window": _window,
    "markers": _markers,
    "classes": _mapping("classes"),
    "unit": read_unit,
    "sfreq": _number("sfreq", {}),
    "montage": _text("montage"),
    "rename": _mapping("rename"),
    "types": _mapping("types", TYPES),
}
