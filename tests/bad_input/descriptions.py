"""``study.yml`` with mistakes: in its syntax, its keys, and what is written for each."""

import shutil

from eegsep._utils.errors import RequestError
from tests.datasets import study_files as files

from .damage import READ_OR_REFUSED, bytes_of, described, first_recording, flips, recorded
from .table import Area

STUDY = Area("study.yml", recorded(files.write_fif, "sub1_raw.fif"), first_recording)
Y = STUDY
Y.same("in Windows's lines", bytes_of("study.yml", lambda c: c.replace(b"\n", b"\r\n")))
Y.same("with a byte order mark", bytes_of("study.yml", lambda c: b"\xef\xbb\xbf" + c))
Y.same("its path instead of the folder's", lambda folder: folder / "study.yml")
Y.same("its path as a text", str)
Y.same(
    "a path with spaces and beyond ASCII",
    lambda folder: shutil.copytree(folder, folder / "mine 手 é"),
)
for text, content in {
    "empty": b"",
    "only a comment": b"# nothing\n",
    "a list": b"- a\n- b\n",
    "a word": b"word",
    "a number": b"3",
}.items():
    Y.refused(
        text, bytes_of("study.yml", lambda c, content=content: content), RequestError, "study.yml"
    )
Y.refused(
    "in Latin-1",
    bytes_of("study.yml", lambda c: c + b"\n# \xe9\n"),
    RequestError,
    "UTF-8|study.yml",
)
Y.refused("with zeros in it", bytes_of("study.yml", lambda c: c + b"\0"), RequestError, "study.yml")
Y.refused(
    "with tabs for indentation",
    bytes_of("study.yml", lambda c: c + b"\nrename:\n\tC3: C4\n"),
    RequestError,
    "YAML in line",
)
Y.refused(
    "with an unclosed bracket",
    bytes_of("study.yml", lambda c: c + b"\nrename: {C3: C4"),
    RequestError,
    "YAML in line",
)
Y.refused(
    "an object of Python",
    bytes_of("study.yml", lambda c: c + b"\nname: !!python/object/apply:os.system [false]\n"),
    RequestError,
    "study.yml",
)
Y.refused(
    "an anchor that is not there",
    bytes_of("study.yml", lambda c: c + b"\nname: *nowhere\n"),
    RequestError,
    "study.yml",
)
Y.refused(
    "an anchor that holds itself",
    bytes_of("study.yml", lambda c: c + b"\nrename: &a {C3: *a}\n"),
    RequestError,
    "study.yml",
)
Y.refused(
    "two documents",
    bytes_of("study.yml", lambda c: c + b"\n---\nunit: V\n"),
    RequestError,
    "study.yml",
)
Y.refused(
    "a key twice",
    bytes_of("study.yml", lambda c: c + b"\nunit: V\nunit: V\n"),
    RequestError,
    "unit twice",
)
Y.refused(
    "a key that is a list",
    bytes_of("study.yml", lambda c: c + b"\n[a, b]: V\n"),
    RequestError,
    "study.yml",
)
Y.refused("a key that there is not", described(windw="[0, 1]"), RequestError, "did you mean window")
Y.refused(
    "a folder of its name",
    lambda folder: ((folder / "study.yml").unlink(), (folder / "study.yml").mkdir(), folder)[2],
    RequestError,
    "study init|study.yml",
)
Y.refused(
    "none", lambda folder: ((folder / "study.yml").unlink(), folder)[1], RequestError, "study init"
)
Y.refused("no folder", lambda folder: folder / "nowhere", RequestError, "no folder and no file")
Y.refused("None for a path", lambda folder: None, TypeError, "path|str|NoneType")
Y.refused("a number for a path", lambda folder: 3, TypeError, "path|str|int")
Y.refused(
    "an empty path",
    lambda folder: "/nowhere/" + "x" * 300,
    RequestError,
    "no folder and no file|too long|name",
)
Y.refused(
    "a zero in the path",
    lambda folder: "a\0b",
    (RequestError, ValueError),
    "no folder and no file|null",
)
for key, wrong in {
    "window": [
        "",
        "[0]",
        "[0, 1, 2]",
        "[1, 0]",
        "[0, 0]",
        "[a, b]",
        "[.nan, 1]",
        "[0, .inf]",
        "{0: 1}",
        "3",
        "[-1e9, 0]",
    ],
    "files": [
        '""',
        "[]",
        "{a: b}",
        "sub{subject_raw.fif",
        "sub{}_raw.fif",
        "sub{subjct}_raw.fif",
        "../{subject}.fif",
        "/{subject}.fif",
        "sub{subject}{subject}_raw.fif",
    ],
    "paradigm": ['""', "p30", "[imagery]", "3"],
    "markers": [
        '""',
        "annotation",
        "{channel: }",
        "{channel: None of these}",
        "{file: nowhere.tsv}",
        "[a]",
        "{channel: C3, file: x}",
        "{kanal: x}",
    ],
    "classes": [
        '""',
        "{}",
        "left_hand",
        "[left_hand]",
        "{left_hand: left_hand}",
        "{left_hand: a, right_hand: a}",
        "{left_hand: [a], right_hand: b}",
        "{left_hand: a, right_hand: }",
    ],
    "unit": ["volts", "0", "-1", ".nan", ".inf", "[V]", "kV"],
    "montage": ["wrong", "[a]", "study.yml", "sub1_raw.fif", "/dev/null"],
    "rename": ["C3", "[C3]", "{C3: Cz}", "{C3: }", "{C3: [a]}"],
    "types": ["{C3: eye}", "eog", "{C3: eog, Cz: eog, C4: eog}", "{C3: }"],
    "name": ['""', "my study!", "../x", "[a]", "é"],
    "folder": ["nowhere", "[a]", "study.yml", "sub1_raw.fif"],
    "ignore": ['"*"', "{a: b}"],
}.items():
    for text in wrong:
        Y.refused(
            f"{key}: {text}", described(**{key: text}), RequestError, "study.yml|no recording"
        )


Area(
    "A bit flipped in study.yml",
    recorded(files.write_fif, "sub1_raw.fif"),
    flips("study.yml", first_recording, 25),
    answer=READ_OR_REFUSED,
).same("25 times", lambda folder: folder)
