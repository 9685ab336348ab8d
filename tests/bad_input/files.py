"""Files that are damaged, missing, somebody else's or described wrongly."""

import os
import shutil
from contextlib import contextmanager

import numpy as np

from eegsep._utils.errors import RequestError
from eegsep.datasets import (
    Recordings,
    SimulatedMotorImagery,
    SimulatedP300,
    SimulatedSSVEP,
    SimulatedTravellingWaves,
    study,
)
from eegsep.datasets.study_folders import list_contents
from eegsep.studies.store import FILE, Store
from tests.datasets import study_files as files

from .table import Area

NUMBER = (ValueError, TypeError)
HANDS = "{7: left_hand, 9: right_hand}"
TABLE = {"unit": "µV", "sfreq": "100", "markers": "{channel: Marker}", "classes": HANDS}


def first_recording(folder):
    """Data and markers of a study's first recording."""
    raw = next(iter(next(iter(study(folder).get_data([1])[1].values())).values()))
    return np.round(1e6 * raw.get_data(), 1), np.round(raw.annotations.onset, 3), list(raw.annotations.description)


def checked_recording(folder):
    """The first recording, of which `eegsep study check` finds nothing wrong."""
    problem = list_contents(study(folder))[0]["problem"][0]
    if problem:
        raise RequestError(problem)
    return first_recording(folder)


def recorded(write, name, **lines):
    """A folder with a recording in a format, and its study.yml."""

    def clean(folder):
        write(folder / name)
        files.describe(folder, **({"files": name.replace("1", "{subject}", 1)} | lines))
        return folder

    return clean


def bytes_of(name, change):
    """Change the bytes of a file."""

    def make(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))
        return folder

    return make


def text_of(name, old, new):
    return bytes_of(name, lambda content: content.replace(old.encode(), new.encode()))


def described(**lines):
    def make(folder):
        files.describe(folder, **lines)
        return folder

    return make


def flipped(content, rng, n_bytes):
    """Flip a bit somewhere among the first bytes."""
    changed = bytearray(content)
    changed[rng.integers(min(n_bytes, len(content)))] ^= 1 << rng.integers(8)
    return bytes(changed)


# -- damaged recordings ----------------------------------------------------------------------------

FORMATS = {
    "EDF": (files.write_edf, "sub1.edf", {}),
    "FIF": (files.write_fif, "sub1_raw.fif", {}),
    "BrainVision": (files.write_brainvision, "sub1.vhdr", {"classes": '{"Stimulus/S  7": left_hand, "Stimulus/S  9": right_hand}'}),
    "EEGLAB": (files.write_set, "sub1.set", {}),
    "CSV": (files.write_csv, "sub1.csv", TABLE),
    "compressed CSV": (files.write_csv, "sub1.csv.gz", TABLE),
}
for kind, (write, name, lines) in FORMATS.items():
    area = Area(f"A recording in {kind}", recorded(write, name, **lines), first_recording)
    area.refused("empty file", bytes_of(name, lambda c: b""), RequestError, "cannot read|is empty|no ")
    area.refused("text of another kind", bytes_of(name, lambda c: b"this is no recording\n" * 20), RequestError, "cannot (be )?read|no |than numbers")
    area.refused("zeros", bytes_of(name, lambda c: bytes(len(c))), RequestError, "cannot (be )?read|no |column")
    area.refused("noise", bytes_of(name, lambda c: np.random.default_rng(0).bytes(len(c))), RequestError, "cannot (be )?read|no |column")
    area.refused("cut in the header", bytes_of(name, lambda c: c[:30]), RequestError, "cannot (be )?read|no |column")
    area.refused("a folder of this name", lambda folder, name=name: ((folder / name).unlink(), (folder / name).mkdir(), folder)[2], RequestError, "no recording|cannot read|folder|has a path")
    area.refused("a link to nowhere", lambda folder, name=name: ((folder / name).unlink(), os.symlink("nowhere", folder / name), folder)[2], RequestError, "is a link to a file that is not there")
    area.refused("removed", lambda folder, name=name: ((folder / name).unlink(), folder)[1], RequestError, "no recording|has a path|no file")
    area.refused("an ending in capitals that belongs to nothing", lambda folder, name=name: ((folder / name).rename(folder / "sub1.DAT"), folder)[1], RequestError, "no recording|has a path|no file")

for kind in ("EDF", "FIF", "BrainVision", "EEGLAB", "compressed CSV"):
    write, name, lines = FORMATS[kind]
    data = "sub1.eeg" if kind == "BrainVision" else name
    area = Area(f"A recording in {kind} that was cut", recorded(write, name, **lines), first_recording)
    for what, change in {
        "in half": lambda c: c[: len(c) // 2],
        "a tenth off": lambda c: c[: len(c) * 9 // 10],
    }.items():
        if kind == "EDF" or (kind, what) == ("BrainVision", "in half"):
            area.told(what, bytes_of(data, change), "does not match the file size|Omitted")
        elif kind == "BrainVision":  # of which nothing says how long it was
            area.same(what, bytes_of(data, change), lambda answer: (answer[0][:, :1260], *answer[1:]))
        else:
            area.refused(what, bytes_of(data, change), RequestError, "cannot (be )?read")
    if kind in ("FIF", "EEGLAB"):  # whose last bytes are no samples
        area.same("one byte off", bytes_of(data, lambda c: c[:-1]))
    elif kind == "EDF":
        area.told("one byte off", bytes_of(data, lambda c: c[:-1]), "does not match the file size")
    elif kind == "BrainVision":
        area.same("one byte off", bytes_of(data, lambda c: c[:-1]), lambda answer: (answer[0][:, :-1], *answer[1:]))
    else:
        area.refused("one byte off", bytes_of(data, lambda c: c[:-1]), RequestError, "cannot be read")


def flips_of(clean, name, n_bytes, act, n=25):
    """Whether a file with a bit flipped is read, or refused, n times."""

    def clean_or_flipped(folder):
        clean(folder)
        original = (folder / name).read_bytes()
        return folder, original

    def run(given):
        folder, original = given
        if isinstance(original, bytes):
            return ["read"] * n
        rng, outcomes = np.random.default_rng(0), []
        for _ in range(n):
            (folder / name).write_bytes(flipped(original[0], rng, n_bytes))
            try:
                act(folder)
                outcomes.append("read")
            except RequestError as error:
                assert "\n" not in str(error)
                outcomes.append("read")
        return outcomes

    return clean_or_flipped, run


for kind, (write, name, lines) in FORMATS.items():
    if kind == "EEGLAB":  # of MATLAB's files, on some of which scipy's reader ends the process
        continue
    clean, act = flips_of(recorded(write, name, **lines), name, 600, first_recording)
    Area(f"A bit flipped in the first bytes of {kind}", clean, act).same(
        "25 times: read, or refused in a line", lambda given: (given[0], [given[1]]))
clean, act = flips_of(recorded(files.write_fif, "sub1_raw.fif"), "study.yml", 600, first_recording)
Area("A bit flipped in study.yml", clean, act).same("25 times: read, or refused in a line", lambda given: (given[0], [given[1]]))

# -- study.yml -------------------------------------------------------------------------------------

STUDY = Area("study.yml", recorded(files.write_fif, "sub1_raw.fif"), first_recording)
Y = STUDY
Y.same("in Windows's lines", bytes_of("study.yml", lambda c: c.replace(b"\n", b"\r\n")))
Y.same("with a byte order mark", bytes_of("study.yml", lambda c: b"\xef\xbb\xbf" + c))
Y.same("its path instead of the folder's", lambda folder: folder / "study.yml")
Y.same("its path as a text", str)
Y.same("a path with spaces and beyond ASCII", lambda folder: shutil.copytree(folder, folder / "mine 手 é"))
for text, content in {
    "empty": b"", "only a comment": b"# nothing\n", "a list": b"- a\n- b\n", "a word": b"word", "a number": b"3",
}.items():
    Y.refused(text, bytes_of("study.yml", lambda c, content=content: content), RequestError, "study.yml")
Y.refused("in Latin-1", bytes_of("study.yml", lambda c: c + b"\n# \xe9\n"), RequestError, "UTF-8|study.yml")
Y.refused("with zeros in it", bytes_of("study.yml", lambda c: c + b"\0"), RequestError, "study.yml")
Y.refused("with tabs for indentation", bytes_of("study.yml", lambda c: c + b"\nrename:\n\tC3: C4\n"), RequestError, "YAML in line")
Y.refused("with an unclosed bracket", bytes_of("study.yml", lambda c: c + b"\nrename: {C3: C4"), RequestError, "YAML in line")
Y.refused("an object of Python", bytes_of("study.yml", lambda c: c + b"\nname: !!python/object/apply:os.system [false]\n"), RequestError, "study.yml")
Y.refused("an anchor that is not there", bytes_of("study.yml", lambda c: c + b"\nname: *nowhere\n"), RequestError, "study.yml")
Y.refused("an anchor that holds itself", bytes_of("study.yml", lambda c: c + b"\nrename: &a {C3: *a}\n"), RequestError, "study.yml")
Y.refused("two documents", bytes_of("study.yml", lambda c: c + b"\n---\nunit: V\n"), RequestError, "study.yml")
Y.refused("a key twice", bytes_of("study.yml", lambda c: c + b"\nunit: V\nunit: V\n"), RequestError, "written twice")
Y.refused("a key that is a list", bytes_of("study.yml", lambda c: c + b"\n[a, b]: V\n"), RequestError, "study.yml")
Y.refused("a key that there is not", described(windw="[0, 1]"), RequestError, "did you mean window")
Y.refused("a folder of its name", lambda folder: ((folder / "study.yml").unlink(), (folder / "study.yml").mkdir(), folder)[2], RequestError, "study init|study.yml")
Y.refused("none", lambda folder: ((folder / "study.yml").unlink(), folder)[1], RequestError, "study init")
Y.refused("no folder", lambda folder: folder / "nowhere", RequestError, "no folder and no file")
Y.refused("None for a path", lambda folder: None, TypeError, "path|str|NoneType")
Y.refused("a number for a path", lambda folder: 3, TypeError, "path|str|int")
Y.refused("an empty path", lambda folder: "/nowhere/" + "x" * 300, RequestError, "no folder and no file|too long|name")
Y.refused("a zero in the path", lambda folder: "a\0b", (RequestError, ValueError), "no folder and no file|null")
for key, wrong in {
    "window": ["", "[0]", "[0, 1, 2]", "[1, 0]", "[0, 0]", "[a, b]", "[.nan, 1]", "[0, .inf]", "{0: 1}", "3", "[-1e9, 0]"],
    "files": ['""', "[]", "{a: b}", "sub{subject_raw.fif", "sub{}_raw.fif", "sub{subjct}_raw.fif", "../{subject}.fif", "/{subject}.fif", "sub{subject}{subject}_raw.fif"],
    "paradigm": ['""', "p30", "[imagery]", "3"],
    "markers": ['""', "annotation", "{channel: }", "{channel: None of these}", "{file: nowhere.tsv}", "[a]", "{channel: C3, file: x}", "{kanal: x}"],
    "classes": ['""', "{}", "left_hand", "[left_hand]", "{left_hand: left_hand}", "{left_hand: a, right_hand: a}", "{left_hand: [a], right_hand: b}", "{left_hand: a, right_hand: }"],
    "unit": ["volts", "0", "-1", ".nan", ".inf", "[V]", "kV"],
    "montage": ["wrong", "[a]", "study.yml", "sub1_raw.fif", "/dev/null"],
    "rename": ["C3", "[C3]", "{C3: Cz}", "{C3: }", "{C3: [a]}"],
    "types": ["{C3: eye}", "eog", "{C3: eog, Cz: eog, C4: eog}", "{C3: }"],
    "name": ['""', "my study!", "../x", "[a]", "é"],
    "folder": ["nowhere", "[a]", "study.yml", "sub1_raw.fif"],
    "ignore": ['"*"', "{a: b}"],
}.items():
    for text in wrong:
        Y.refused(f"{key}: {text}", described(**{key: text}), RequestError, "study.yml|no recording")

EVENTS = Area("A file of events", recorded(lambda path: files.write_fif(path, annotated=False), "sub1_raw.fif"), checked_recording)


def events(content, markers='{file: "sub{subject}.tsv"}'):
    def make(folder):
        (folder / "sub1.tsv").write_bytes(content)
        files.describe(folder, markers=markers)
        return folder

    return make


for text, content in {
    "empty": b"",
    "a heading alone": b"onset\ttrial_type\n",
    "no onsets": b"time\ttrial_type\n1\tleft_hand\n",
    "no labels": b"onset\tname\n1\tleft_hand\n",
    "words for onsets": b"onset\ttrial_type\nsoon\tleft_hand\n",
    "infinite onsets": b"onset\ttrial_type\ninf\tleft_hand\n",
    "onsets that are missing": b"onset\ttrial_type\nn/a\tleft_hand\n1\tright_hand\n",
    "lines of other lengths": b"onset\ttrial_type\n1\tleft_hand\tx\ty\n",
    "columns twice": b"onset\tonset\ttrial_type\n1\t2\tleft_hand\n",
    "zeros": bytes(100),
    "noise": np.random.default_rng(0).bytes(300),
    "Latin-1": b"onset\ttrial_type\n1\tlinks\xe9\n",
}.items():
    EVENTS.refused(text, events(content), RequestError, "sub1|study.yml|marker")
EVENTS.told("negative onsets", events(b"onset\ttrial_type\n-5\tleft_hand\n1\tright_hand\n"), "Omitted 1 annotation")
EVENTS.told("onsets after the end", events(b"onset\ttrial_type\n1\tleft_hand\n99999\tright_hand\n"), "Omitted 1 annotation")
EVENTS.refused("labels of no class", events(b"onset\ttrial_type\n1\tfeet\n"), RequestError, "no marker of left_hand, right_hand")

# -- stores ----------------------------------------------------------------------------------------


def store(folder):
    with Store(folder, "test") as kept:
        kept.put("key", "value")
    return folder


def kept_value(folder):
    with Store(folder, "test") as kept:
        return kept.get("key")


STORE = Area("What a study has computed (SQLite)", store, kept_value)
for text, change in {
    "text": lambda c: b"no database", "noise": lambda c: np.random.default_rng(0).bytes(len(c)),
    "zeros": lambda c: bytes(len(c)), "cut in the header": lambda c: c[:50], "cut in half": lambda c: c[: len(c) // 2],
    "pages of noise": lambda c: c[:1000] + np.random.default_rng(0).bytes(len(c) - 1000),
    "another version of SQLite's format": lambda c: c[:18] + b"\x09\x09" + c[20:],
}.items():
    STORE.refused(text, bytes_of(FILE, change), RequestError, "computed.sqlite")
STORE.refused("a folder of its name", lambda folder: ((folder / FILE).unlink(), (folder / FILE).mkdir(), folder)[2], RequestError, "computed.sqlite|output folder")
STORE.refused("of another study", lambda folder: Store(folder, "other").__enter__() and folder, RequestError, "test|other|overwrite|--output")


def either(folder):
    value = kept_value(folder)
    assert value in ("value", None), value


clean, act = flips_of(store, FILE, 10**6, either, n=60)
Area("A bit flipped in what a study has computed", clean, act).same("60 times: found, not found, or refused in a line", lambda given: (given[0], [given[1]]))

# -- who may read and write ------------------------------------------------------------------------


@contextmanager
def somebody_else():
    """As another user, who may read and write what everybody may, and no more."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def not_to_be_read(name):
    def make(folder):
        for path in [folder, *folder.parents]:
            if path.stat().st_uid == 0 and path.name.startswith(("tmp", "pytest", "bad", "test", "popen")):
                path.chmod(0o755)
        (folder / name).chmod(0o000)
        return folder

    return make


def as_somebody_else(act):
    def run(folder):
        if os.geteuid() != 0:  # whose own files may be forbidden to himself
            return act(folder)
        with somebody_else():
            return act(folder)

    return run


DENIED = Area("Files that may not be read", recorded(files.write_fif, "sub1_raw.fif"), as_somebody_else(first_recording))
DENIED.refused("a recording", not_to_be_read("sub1_raw.fif"), RequestError, "[Pp]ermission|cannot read")
DENIED.refused("study.yml", not_to_be_read("study.yml"), RequestError, "[Pp]ermission|cannot read")
DENIED.refused("the folder", not_to_be_read("."), RequestError, "[Pp]ermission|cannot read|no folder")
DENIED_STORE = Area("A store that may not be written", store, as_somebody_else(lambda folder: Store(folder, "test", overwrite=True).__enter__()))
DENIED_STORE.refused("the file", not_to_be_read(FILE), RequestError, "[Pp]ermission|output folder|computed.sqlite")
DENIED_STORE.refused("the folder", not_to_be_read("."), RequestError, "[Pp]ermission|output folder|computed.sqlite")


# -- what is asked of datasets ---------------------------------------------------------------------

SIMULATED = Area("Simulated datasets", lambda folder: {}, lambda given: SimulatedMotorImagery(**{"n_subjects": 1, "n_sessions": 1, "n_runs": 1, "n_trials_per_class": 2} | given).subject_list)
for name in ("n_subjects", "n_sessions", "n_runs", "n_trials_per_class", "n_classes"):
    for value in (0, -1, 1.5, "two", None, True, np.nan):
        SIMULATED.refused(f"{name}: {value!r}", lambda _, name=name, value=value: {name: value}, NUMBER, name)
for name in ("sfreq", "snr"):
    for value in (-1, np.nan, np.inf, "a", None, True):
        SIMULATED.refused(f"{name}: {value!r}", lambda _, name=name, value=value: {name: value}, NUMBER, name)
for value in ("C3", [], ["Nowhere"], ["C3", "C3"], None, 3, [None]):
    SIMULATED.refused(f"channels: {value!r}", lambda _, value=value: {"channels": value}, NUMBER, "channel|electrode")
for value in ("seed", -1, 0.5):
    SIMULATED.refused(f"random_state: {value!r}", lambda _, value=value: {"random_state": value}, NUMBER, "random_state|[Ss]eed")
for kind, name, value in [(SimulatedP300, "amplitude", -1), (SimulatedP300, "amplitude", np.nan), (SimulatedSSVEP, "frequencies", [13.0]), (SimulatedSSVEP, "frequencies", [13.0, np.nan]), (SimulatedSSVEP, "frequencies", [13.0, 13.0]), (SimulatedSSVEP, "frequencies", [13.0, 500.0]), (SimulatedSSVEP, "frequencies", "a"), (SimulatedTravellingWaves, "snr", np.nan)]:
    SIMULATED.refused(f"{kind.__name__}, {name}: {value!r}", lambda _, kind=kind, name=name, value=value: kind(**{name: value}), NUMBER, name)

SMALL = SimulatedMotorImagery(n_subjects=2, n_sessions=1, n_runs=1, n_trials_per_class=2)
ASKED = Area("Recordings", lambda folder: {}, lambda given: [each.subjects for each in Recordings(**{"datasets": SMALL} | given).select()])
ASKED.same("subjects as an array", lambda _: {"subjects": np.array([1, 2])})
ASKED.same("subjects named twice", lambda _: {"subjects": [1, 2, 1]})
ASKED.same("subjects as a range", lambda _: {"subjects": range(1, 3)})
for name, wrong in {
    "datasets": [None, [], "", "Nowhere", 3, [3], "/nowhere", ["SimulatedMotorImagery", None], SimulatedMotorImagery],
    "subjects": [[], [99], "1", ["1"], [1.5], [None], 1, [-1], {"a": 1}, True],
    "paradigm": ["", "Wrong", 3, [None], SimulatedMotorImagery],
    "fmin": [-1, np.nan, "8", 100.0, [8], True],
    "fmax": [0, -1, np.nan, np.inf, "30", 1000.0, [30], True],
    "tmin": [np.nan, "0", 100.0, [0], True],
    "tmax": [np.nan, "1", -5.0, 1e9, [1]],
    "resample": [-1, np.nan, np.inf, "128", 1e9, [128], True],
    "channels": ["C3", [], ["C3", "c3"], [3], 3, [None]],
    "missing_channels": ["wrong", None, 3, ["error"]],
    "eeg_reference": ["wrong", [], 3, ["C3", "C3"], [None]],
}.items():
    for value in wrong:
        ASKED.refused(f"{name}: {value.__name__ if isinstance(value, type) else repr(value)}", lambda _, name=name, value=value: {name: value}, RequestError, ".")
