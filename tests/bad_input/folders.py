"""Commands on folders: of one's own, of other people, and of studies that were damaged."""

import functools
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from tests.datasets import study_files as files

from .commands import QUICK, command
from .damage import as_somebody_else, not_to_be_read
from .table import Area, Refusal

# -- folders of one's own --------------------------------------------------------------------------


def own(folder):
    files.write_fif(folder / "sub1_raw.fif")
    files.describe(folder)
    return folder


CHECK = Area("`eegsep study`", own, command)
CHECK.refused(
    "check: a folder that is not there",
    lambda folder: ["study", "check", folder / "x"],
    Refusal,
    "no folder and no file",
)
CHECK.refused(
    "check: an empty folder",
    lambda folder: ((folder / "x").mkdir(), ["study", "check", folder / "x"])[1],
    Refusal,
    "study init",
)
CHECK.refused(
    "check: a recording",
    lambda folder: ["study", "check", folder / "sub1_raw.fif"],
    Refusal,
    "sub1_raw.fif",
)
CHECK.refused(
    "check: an empty study.yml",
    lambda folder: ((folder / "study.yml").write_text(""), ["study", "check", folder])[1],
    Refusal,
    "says nothing",
)
CHECK.refused(
    "check: an empty path", lambda folder: ["study", "check", ""], Refusal, "no folder|study"
)
CHECK.refused(
    "check: a path with a zero in it",
    lambda folder: ["study", "check", "a\0b"],
    Refusal,
    "no folder|null",
)
CHECK.refused(
    "check: /dev/null", lambda folder: ["study", "check", "/dev/null"], Refusal, "/dev/null"
)
CHECK.refused(
    "init: a folder that is not there",
    lambda folder: ["study", "init", folder / "x"],
    Refusal,
    "folder",
)
CHECK.refused(
    "init: a file", lambda folder: ["study", "init", folder / "study.yml"], Refusal, "folder"
)
CHECK.refused(
    "init: an empty folder",
    lambda folder: ((folder / "x").mkdir(), ["study", "init", folder / "x"])[1],
    Refusal,
    "no recording",
)
CHECK.refused(
    "init: where a study.yml is", lambda folder: ["study", "init", folder], Refusal, "--overwrite"
)
CHECK.refused(
    "init: to a folder that is not there",
    lambda folder: ["study", "init", folder, "--output", folder / "x" / "y.yml"],
    Refusal,
    "y.yml|no such|No such",
)
CHECK.refused(
    "init: to a folder",
    lambda folder: (
        (folder / "x").mkdir(),
        ["study", "init", folder, "--output", folder / "x", "--overwrite"],
    )[1],
    Refusal,
    "x",
)
CHECK.refused(
    "init: nothing but damaged recordings",
    lambda folder: (
        (folder / "sub1_raw.fif").write_bytes(b"x"),
        ["study", "init", folder, "--overwrite"],
    )[1],
    Refusal,
    "sub1_raw.fif",
)


def named(problem):
    """The answer where a recording is named with its problem."""
    return lambda answer: problem


NAMED = Area(
    "`eegsep study check`: recordings that cannot be used are named, with status 3",
    own,
    lambda folder: [
        row["problem"].replace(str(folder), "…").split("(")[0]
        for row in json.loads(command(["study", "check", folder, "--json"]))["recordings"]
    ],
)
NAMED.same("nothing wrong", lambda folder: folder)
NAMED.same(
    "a recording that is noise",
    lambda folder: (
        (folder / "sub2_raw.fif").write_bytes(np.random.default_rng(0).bytes(500)),
        folder,
    )[1],
    lambda answer: ["", "cannot read …/sub2_raw.fif "],
)
NAMED.same(
    "an empty recording",
    lambda folder: ((folder / "sub2_raw.fif").write_bytes(b""), folder)[1],
    lambda answer: ["", "cannot read …/sub2_raw.fif "],
)
NAMED.same(
    "without markers",
    lambda folder: (files.write_fif(folder / "sub2_raw.fif", annotated=False), folder)[1],
    lambda answer: ["", "has no marker of left_hand, right_hand"],
)
NAMED.same(
    "names with spaces and beyond ASCII",
    lambda folder: shutil.copytree(folder, folder / "zwei wörter 手"),
)


OTHERS = Area("Other people's files, at the command line", own, as_somebody_else(command))
OTHERS.refused(
    "a study.yml that may not be read",
    lambda folder: ["study", "check", not_to_be_read("study.yml")(folder)],
    Refusal,
    "[Pp]ermission|cannot",
)
OTHERS.refused(
    "a folder that may not be entered",
    lambda folder: ["study", "check", not_to_be_read(".")(folder)],
    Refusal,
    "[Pp]ermission|cannot",
)
OTHERS.refused(
    "init in a folder that may not be written",
    lambda folder: ["study", "init", not_to_be_written(folder), "--overwrite"],
    Refusal,
    "[Pp]ermission|cannot",
)
OTHERS.refused(
    "cost into a folder that may not be written",
    lambda folder: ["cost", "--no-time", "--output", not_to_be_written(folder)],
    Refusal,
    "the output folder",
)
OTHERS.refused(
    "benchmark into a folder that may not be written",
    lambda folder: [*QUICK["benchmark"], "--output", not_to_be_written(folder)],
    Refusal,
    "cannot write",
)
OTHERS.refused(
    "report of a folder that may not be read",
    lambda folder: ["report", not_to_be_read(".")(folder)],
    Refusal,
    "[Pp]ermission|cannot|no study",
)
OTHERS.refused(
    "merge of a folder that may not be read",
    lambda folder: ["merge", not_to_be_read(".")(folder), "--output", "/tmp"],
    Refusal,
    "[Pp]ermission|cannot|no study",
)


def not_to_be_written(folder):
    not_to_be_read("study.yml")(folder)
    folder.chmod(0o755)
    return folder


# -- folders of studies ----------------------------------------------------------------------------


@functools.cache
def finished():
    """The folder of a benchmark, which stays while the tests run."""
    keeper = tempfile.TemporaryDirectory()
    folder = Path(keeper.name) / "output"
    command([*QUICK["benchmark"], "--no-maps", "--no-report", "--output", folder])
    return keeper, folder


def finished_copy(folder):
    shutil.copytree(finished()[1], folder, dirs_exist_ok=True)
    return folder


def report(folder):
    command(["report", folder])
    return (folder / "report.html").exists()


REPORT = Area("`eegsep report`", finished_copy, report)
REPORT.same("nothing wrong", lambda folder: folder)
REPORT.same("again", lambda folder: (report(folder), folder)[1])
REPORT.refused("no folder", lambda folder: folder / "nowhere", Refusal, "nowhere")
REPORT.refused(
    "an empty folder",
    lambda folder: ((folder / "x").mkdir(), folder / "x")[1],
    Refusal,
    "no study|run.json|no run",
)
REPORT.refused("a file", lambda folder: folder / "run.json", Refusal, "run.json|folder")
for text, content in {
    "empty": b"",
    "a list": b"[]",
    "a word": b'"word"',
    "no JSON": b"{",
    "null": b"null",
    "an object of nothing": b"{}",
    "noise": np.random.default_rng(0).bytes(99),
    "Latin-1": b'{"a": "\xe9"}',
    "deep": b"[" * 100_000,
}.items():
    REPORT.refused(
        f"run.json: {text}",
        lambda folder, content=content: ((folder / "run.json").write_bytes(content), folder)[1],
        Refusal,
        "cannot read the results in",
    )
for text, content in {
    "empty": b"",
    "a heading alone": b"dataset,pipeline\n",
    "noise": np.random.default_rng(0).bytes(99),
    "zeros": bytes(99),
    "other columns": b"a,b\n1,2\n",
    "a line cut off": None,
}.items():
    REPORT.refused(
        f"scores.csv: {text}",
        lambda folder, content=content: (
            (folder / "scores.csv").write_bytes(
                (folder / "scores.csv").read_bytes()[:-40] if content is None else content
            ),
            folder,
        )[1],
        Refusal,
        "cannot read the results in",
    )
REPORT.refused(
    "scores.csv removed",
    lambda folder: ((folder / "scores.csv").unlink(), folder)[1],
    Refusal,
    "scores.csv",
)
REPORT.refused(
    "a folder for the page",
    lambda folder: ((folder / "report.html").mkdir(), folder)[1],
    Refusal,
    "report.html",
)

MERGE = Area("`eegsep merge`", finished_copy, lambda words: command(words) and None)
MERGE.refused("no output", lambda folder: ["merge", folder], Refusal, "Missing option")
MERGE.refused(
    "a folder that is not there",
    lambda folder: ["merge", folder, folder / "nowhere", "--output", folder / "all"],
    Refusal,
    "nowhere",
)
MERGE.refused(
    "an empty folder",
    lambda folder: (
        (folder / "x").mkdir(),
        ["merge", folder, folder / "x", "--output", folder / "all"],
    )[1],
    Refusal,
    "x",
)
MERGE.refused(
    "a file",
    lambda folder: ["merge", folder / "run.json", "--output", folder / "all"],
    Refusal,
    "run.json",
)
MERGE.refused(
    "a file for the output",
    lambda folder: ["merge", folder, "--output", folder / "run.json"],
    Refusal,
    "run.json",
)
for text, change in {
    "noise": lambda c: np.random.default_rng(0).bytes(len(c)),
    "empty": lambda c: b"",
    "cut": lambda c: c[: len(c) // 2],
}.items():
    MERGE.refused(
        f"computed.sqlite: {text}",
        lambda folder, change=change: (
            (folder / "computed.sqlite").write_bytes(
                change((folder / "computed.sqlite").read_bytes())
            ),
            ["merge", folder, "--output", folder / "all"],
        )[1],
        Refusal,
        "computed.sqlite|no study|nothing",
    )
