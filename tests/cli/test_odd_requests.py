"""Odd command lines: one line, exit status 2, no traceback, and before anything is read or fitted.

Options that cannot be are rows of the table of ``tests/bad_input``. Here, in another process, is
what streams and limits do.
"""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from eegsep._utils import tables
from eegsep._utils.errors import RequestError
from eegsep.cli import app, parse_subjects

BENCHMARK = ["benchmark", "--subjects", "1", "--pipelines", "CSP+LDA", "--n-jobs", "1"]
INSPECT = ["inspect", "--subjects", "1", "--max-epochs", "1", "--seeds", "1", "--n-jobs", "1"]
ABLATE = ["ablate", "--subjects", "1", "--variants", "joint", "--max-epochs", "1", "--n-jobs", "1"]


def refuse(arguments, text, folder):
    """Run a command that is to be refused, and check how it is."""
    result = CliRunner().invoke(app, [*arguments, "--output", str(folder)])
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert result.stderr.startswith("eegsep: ")
    assert text in result.stderr
    assert len(result.stderr.splitlines()) == 1


COMMANDS = [BENCHMARK, INSPECT, ABLATE, ["cost", "--no-time"]]


@pytest.fixture
def no_data(monkeypatch):
    """Let nothing be read, fitted or measured: what can be known before is to be known before."""

    def fail(*args, **kwargs):
        raise AssertionError("this comes too late")

    monkeypatch.setattr("eegsep.datasets.selection.Selection.trials", fail)
    monkeypatch.setattr("eegsep.network.cost.result.network_table", fail)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("kind", ["a file", "in a file", "read-only"])
def test_a_folder_that_cannot_be_written_is_found_out_first(command, kind, tmp_path, no_data):
    file = tmp_path / "file"
    file.write_text("")
    folder = {"a file": file, "in a file": file / "x", "read-only": tmp_path / "r"}[kind]
    if kind == "read-only":
        folder.mkdir(mode=0o500)
        if os.access(folder, os.W_OK):  # root may write everywhere but where the kernel itself is
            folder = "/proc/self"
    refuse(command, "the output folder", folder)


# No file can have more than half a megabyte, as on a disk that is full.
FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (2**19, resource.RLIM_INFINITY))
sys.argv = ["eegsep", *sys.argv[1:]]
from eegsep.cli import main
main()
"""


def run(*arguments, code=None, stdout=subprocess.PIPE, **environment):
    how = ["-m", "eegsep.cli"] if code is None else ["-c", code]
    return subprocess.run(
        [sys.executable, *how, *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
        timeout=120,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="limits and /dev/full are Linux's")
@pytest.mark.parametrize("command", [BENCHMARK, INSPECT], ids=lambda words: words[0])
def test_a_full_disk_is_one_line(command, tmp_path):
    done = run(*command, "--output", tmp_path / "output", code=FULL)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("eegsep: cannot write to the output folder ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="limits and /dev/full are Linux's")
def test_where_the_table_cannot_be_printed_a_line_says_so():
    with open("/dev/full", "wb") as full:
        done = run("cost", "--no-time", stdout=full)
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("eegsep: No space left on device. Make room")


def test_whoever_reads_no_further_sees_no_traceback():
    # a pipe of which nobody reads the other end
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run("cost", "--no-time", stdout=writer)
    finally:
        os.close(writer)
    assert done.stderr == b""


def test_a_terminal_without_unicode_is_shown_what_it_can_show():
    done = run("cost", "--no-time", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode("ascii")
    assert "459 of 1,944" in text
    assert "10^6 multiply-adds" in text
    assert "?" not in text


def test_a_fault_inside_is_a_line_that_asks_to_be_reported(tmp_path):
    code = (
        "import eegsep.network.cost.result, eegsep.cli\n"
        "def fail(*args, **kwargs):\n    raise RuntimeError('a\\nfault')\n"
        "eegsep.network.cost.result.network_table = fail\n"
        "eegsep.cli.main()"
    )
    done = run("cost", "--no-time", code=code)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("eegsep: unexpected RuntimeError: a fault. Please report it")
    assert b"Traceback" in run("cost", "--no-time", code=code, EEGSEP_DEBUG="1").stderr


def test_many_subjects_are_never_counted_out():
    with pytest.raises(ValueError, match="more subjects than any dataset has"):
        parse_subjects("1-999999999")
    assert parse_subjects("1-9999") == list(range(1, 10_000))


def test_json_has_null_for_what_is_no_number(tmp_path):
    document = {"a": [float("nan"), 1.5, float("inf")], "b": {"c": float("-inf")}, "d": (1, None)}
    expected = {"a": [None, 1.5, None], "b": {"c": None}, "d": [1, None]}

    def refuse_constant(name):
        raise AssertionError(name)

    files = tables.save_tables(tmp_path, {"t": pd.DataFrame({"x": [1]})}, "run", document)
    for text in (tables.to_json(document), files["run"].read_text()):
        assert json.loads(text, parse_constant=refuse_constant) == expected


def test_a_folder_that_can_be_written_is_left_empty(tmp_path):
    assert list(tables.make_folder(tmp_path / "a" / "b").iterdir()) == []


def test_a_window_outside_the_recording_is_refused(tmp_path):
    refuse([*BENCHMARK, "--tmin", "-1000"], "lies within the recording", tmp_path)


def test_a_request_error_of_a_folder_is_one_of_the_api_too(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(RequestError, match="cannot make the output folder"):
        tables.make_folder(tmp_path / "x")
