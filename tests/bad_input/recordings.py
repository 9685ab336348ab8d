"""Recordings and their events that are damaged, cut, missing, or may not be read."""

import os

import numpy as np

from eegsep._utils.errors import RequestError
from eegsep.datasets import study
from eegsep.datasets.study_folders import list_contents
from tests.datasets import study_files as files

from .damage import (
    READ_OR_REFUSED,
    TABLE,
    as_somebody_else,
    bytes_of,
    first_recording,
    flips,
    not_to_be_read,
    recorded,
)
from .table import Area

# -- damaged recordings ----------------------------------------------------------------------------

FORMATS = {
    "EDF": (files.write_edf, "sub1.edf", {}),
    "FIF": (files.write_fif, "sub1_raw.fif", {}),
    "BrainVision": (
        files.write_brainvision,
        "sub1.vhdr",
        {"classes": '{"Stimulus/S  7": left_hand, "Stimulus/S  9": right_hand}'},
    ),
    "EEGLAB": (files.write_set, "sub1.set", {}),
    "CSV": (files.write_csv, "sub1.csv", TABLE),
    "compressed CSV": (files.write_csv, "sub1.csv.gz", TABLE),
}
for kind, (write, name, lines) in FORMATS.items():
    area = Area(f"A recording in {kind}", recorded(write, name, **lines), first_recording)
    area.refused(
        "empty file", bytes_of(name, lambda c: b""), RequestError, "cannot read|is empty|no "
    )
    area.refused(
        "text of another kind",
        bytes_of(name, lambda c: b"this is no recording\n" * 20),
        RequestError,
        "cannot (be )?read|no |than numbers",
    )
    area.refused(
        "zeros",
        bytes_of(name, lambda c: bytes(len(c))),
        RequestError,
        "cannot (be )?read|no |column",
    )
    area.refused(
        "noise",
        bytes_of(name, lambda c: np.random.default_rng(0).bytes(len(c))),
        RequestError,
        "cannot (be )?read|no |column",
    )
    area.refused(
        "cut in the header",
        bytes_of(name, lambda c: c[:30]),
        RequestError,
        "cannot (be )?read|no |column",
    )
    area.refused(
        "a folder of this name",
        lambda folder, name=name: ((folder / name).unlink(), (folder / name).mkdir(), folder)[2],
        RequestError,
        "no recording|cannot read|folder|has a path",
    )
    area.refused(
        "a link to nowhere",
        lambda folder, name=name: (
            (folder / name).unlink(),
            os.symlink("nowhere", folder / name),
            folder,
        )[2],
        RequestError,
        "is a link to a file that is not there",
    )
    area.refused(
        "removed",
        lambda folder, name=name: ((folder / name).unlink(), folder)[1],
        RequestError,
        "no recording|has a path|no file",
    )
    area.refused(
        "an ending in capitals that belongs to nothing",
        lambda folder, name=name: ((folder / name).rename(folder / "sub1.DAT"), folder)[1],
        RequestError,
        "no recording|has a path|no file",
    )

for kind in ("EDF", "FIF", "BrainVision", "EEGLAB", "compressed CSV"):
    write, name, lines = FORMATS[kind]
    data = "sub1.eeg" if kind == "BrainVision" else name
    area = Area(
        f"A recording in {kind} that was cut", recorded(write, name, **lines), first_recording
    )
    for what, change in {
        "in half": lambda c: c[: len(c) // 2],
        "a tenth off": lambda c: c[: len(c) * 9 // 10],
    }.items():
        if kind == "EDF" or (kind, what) == ("BrainVision", "in half"):
            area.told(what, bytes_of(data, change), "does not match the file size|Omitted")
        elif kind == "BrainVision":  # of which nothing says how long it was
            area.same(
                what, bytes_of(data, change), lambda answer: (answer[0][:, :1260], *answer[1:])
            )
        else:
            area.refused(what, bytes_of(data, change), RequestError, "cannot (be )?read")
    if kind in ("FIF", "EEGLAB"):  # whose last bytes are no samples
        area.same("one byte off", bytes_of(data, lambda c: c[:-1]))
    elif kind == "EDF":
        area.told("one byte off", bytes_of(data, lambda c: c[:-1]), "does not match the file size")
    elif kind == "BrainVision":
        area.same(
            "one byte off",
            bytes_of(data, lambda c: c[:-1]),
            lambda answer: (answer[0][:, :-1], *answer[1:]),
        )
    else:
        area.refused(
            "one byte off", bytes_of(data, lambda c: c[:-1]), RequestError, "cannot be read"
        )


for kind, (write, name, lines) in FORMATS.items():
    if kind == "EEGLAB":  # of MATLAB's files, on some of which scipy's reader ends the process
        continue
    area = Area(
        f"A bit flipped in the first bytes of {kind}",
        recorded(write, name, **lines),
        flips(name, first_recording, 25),
        answer=READ_OR_REFUSED,
    )
    area.same("25 times", lambda folder: folder)


def checked_recording(folder):
    """The first recording, of which `eegsep study check` finds nothing wrong."""
    problem = list_contents(study(folder))[0]["problem"][0]
    if problem:
        raise RequestError(problem)
    return first_recording(folder)


EVENTS = Area(
    "A file of events",
    recorded(lambda path: files.write_fif(path, annotated=False), "sub1_raw.fif"),
    checked_recording,
)


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
EVENTS.told(
    "negative onsets",
    events(b"onset\ttrial_type\n-5\tleft_hand\n1\tright_hand\n"),
    "Omitted 1 annotation",
)
EVENTS.told(
    "onsets after the end",
    events(b"onset\ttrial_type\n1\tleft_hand\n99999\tright_hand\n"),
    "Omitted 1 annotation",
)
EVENTS.refused(
    "labels of no class",
    events(b"onset\ttrial_type\n1\tfeet\n"),
    RequestError,
    "no marker of left_hand, right_hand",
)


DENIED = Area(
    "Files that may not be read",
    recorded(files.write_fif, "sub1_raw.fif"),
    as_somebody_else(first_recording),
)
DENIED.refused(
    "a recording", not_to_be_read("sub1_raw.fif"), RequestError, "[Pp]ermission|cannot read"
)
DENIED.refused("study.yml", not_to_be_read("study.yml"), RequestError, "[Pp]ermission|cannot read")
DENIED.refused(
    "the folder", not_to_be_read("."), RequestError, "[Pp]ermission|cannot read|no folder"
)
