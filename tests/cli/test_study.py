"""``eegsep study`` drafts and checks a study, and studies take its folder, or a class in a file."""

import json

import pytest
from typer.testing import CliRunner

from eegsep.cli import app
from eegsep.datasets import Recordings
from tests.datasets import study_files as files


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_init_check_and_benchmark_of_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for subject in (1, 2):
        files.write_fif(tmp_path / f"mine/sub{subject}_raw.fif", seed=subject)
    result = run("study", "init", "mine")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == ["mine/study.yml", "then: eegsep study check mine"]
    result = run("study", "check", "mine", "--json")
    rows = json.loads(result.stdout)["recordings"]
    assert [(row["subject"], row["left_hand"], row["right_hand"]) for row in rows] == [
        (1, 3, 3),
        (2, 3, 3),
    ]
    options = ["--pipelines", "CSP+LDA", "--n-jobs", 1, "--no-report", "--json", "--output", "out"]
    result = run("benchmark", "mine", "--evaluation", "CrossSubject", *options)
    assert result.exit_code == 0, result.output
    written = json.loads(result.stdout)
    assert written["run"]["datasets"] == {"mine": [1, 2]}
    assert written["run"]["paths"] == {"mine": "mine"}
    assert len(written["scores"]) == 2


def test_scores_are_found_again_until_a_file_changes(tmp_path):
    for subject in (1, 2):
        files.write_fif(tmp_path / f"sub{subject}_raw.fif", seed=subject, n_trials=20)
    files.describe(tmp_path)
    options = ["--pipelines", "CSP+LDA", "--n-jobs", 1, "--no-report", "--json"]

    def computed():
        result = run("benchmark", tmp_path, *options, "--output", tmp_path / "out")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)["run"]["evaluated"]

    assert computed() == 2
    assert computed() == 0
    (tmp_path / "sub2_raw.fif").unlink()
    files.write_fif(tmp_path / "sub2_raw.fif", seed=3, n_trials=20)
    assert computed() == 1
    files.describe(tmp_path, window="[0, 0.9]")
    assert computed() == 2


def test_check_names_what_cannot_be_used(tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif")
    (tmp_path / "sub2_raw.fif").write_bytes(b"")
    files.describe(tmp_path)
    result = run("study", "check", tmp_path)
    assert result.exit_code == 3
    assert f"cannot read {tmp_path / 'sub2_raw.fif'}" in result.stdout.replace("\n", "")


def test_an_unknown_folder_is_one_line(tmp_path):
    result = run("benchmark", f"{tmp_path}/none", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.startswith("eegsep: there is no folder and no file")
    assert len(result.stderr.splitlines()) == 1


PROGRAM = """
from eegsep.datasets import SimulatedMotorImagery

class Mine(SimulatedMotorImagery):
    def __init__(self):
        super().__init__(n_subjects=2, n_sessions=1, n_runs=1, n_trials_per_class=6)
        self.code = "Mine"
"""


def test_a_class_in_a_file_is_run_only_where_it_is_trusted(tmp_path):
    (tmp_path / "mine.py").write_text(PROGRAM)
    name = f"{tmp_path / 'mine.py'}:Mine"
    options = ["--pipelines", "CSP+LDA", "--n-jobs", 1, "--no-report", "--json"]
    options += ["--output", tmp_path / "out"]
    result = run("benchmark", name, *options)
    assert result.exit_code == 2
    assert "if you trust the file, say --trust" in result.stderr
    result = run("benchmark", name, *options, "--trust")
    assert result.exit_code == 0, result.output
    written = json.loads(result.stdout)
    assert written["run"]["datasets"] == {"Mine": [1, 2]}
    assert Recordings.of_run(written["run"]).to_command().startswith(name)
    assert written["run"]["trust"] is True


@pytest.mark.parametrize(
    ("name", "text"),
    [("none.py:Mine", "there is no file"), ("mine.py:Mein", "Did you mean Mine")],
)
def test_a_class_that_is_not_there_is_one_line(name, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(PROGRAM)
    result = run("benchmark", name, "--trust", "--output", "out")
    assert result.exit_code == 2
    assert text in result.stderr
    assert len(result.stderr.splitlines()) == 1
