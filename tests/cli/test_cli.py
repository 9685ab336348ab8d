"""The command line: quick help, one line for what cannot be, a table, files, and clean JSON."""

import html
import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from eegsep import __version__
from eegsep.cli import app, parse_subjects
from eegsep.cli.progress import Progress
from eegsep.studies.pipelines import shipped_pipelines


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the demo on a subject, with few epochs: the output folder and what was printed."""
    output = tmp_path_factory.mktemp("demo")
    result = run("benchmark", "--subjects", 1, "--max-epochs", 1, "--n-jobs", 1, "--output", output)
    assert result.exit_code == 0, result.output
    return output, result


def test_help_loads_no_heavy_library():
    code = (
        "import sys; sys.argv = ['eegsep', 'benchmark', '--help']\n"
        "from eegsep.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "sys.exit(bool({'torch', 'mne', 'moabb', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--data-dir" in done.stdout


def test_version_is_shown():
    assert run("--version").stdout.strip() == f"eegsep {__version__}"


def test_no_command_shows_the_help():
    assert "benchmark" in run().output


@pytest.mark.parametrize(
    ("text", "subjects"),
    [
        (None, None),
        ("3", [3]),
        ("1-4", [1, 2, 3, 4]),
        ("1,2,7", [1, 2, 7]),
        ("1-3, 9", [1, 2, 3, 9]),
    ],
)
def test_subjects_are_numbers_and_ranges(text, subjects):
    assert parse_subjects(text) == subjects


@pytest.mark.parametrize("text", ["", "a", "1-", "3-1", "1,,2"])
def test_other_subjects_are_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_subjects(text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["PhysioMI"], "unknown dataset 'PhysioMI'. Did you mean"),
        (["--pipelines", "EGNet"], "unknown pipeline 'EGNet'. Did you mean EEGNet"),
        (["--pipelines", "EEGNet,CSP"], "unknown pipeline 'CSP'"),
        (["--paradigm", "LeftRight"], "unknown paradigm"),
        (["--evaluation", "Within"], "unknown evaluation"),
        (["--subjects", "7"], "unknown subject: 7."),
        (["--subjects", "one"], "cannot read the subjects 'one'"),
        (["PhysionetMI", "--data-dir", "/no/such/folder"], "is not a folder"),
        (["PhysionetMI", "--evaluation", "CrossSession"], "one session a subject"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_gives_one_line_and_exit_code_2(arguments, text, tmp_path):
    result = run("benchmark", *arguments, "--output", tmp_path)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("eegsep: ")
    assert text in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_missing_data_give_one_line_and_no_traceback(tmp_path):
    (tmp_path / "data").mkdir()
    command = [sys.executable, "-m", "eegsep.cli", "benchmark", "PhysionetMI", "--subjects", "30"]
    command += ["--data-dir", str(tmp_path / "data"), "--output", str(tmp_path / "output")]
    # a proxy that is not there: no network, whatever the machine has
    environment = os.environ | {"https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "subject 30 are not in" in done.stderr


def test_a_bad_option_has_exit_code_2(tmp_path):
    assert run("benchmark", "--seeds", 0, "--output", tmp_path).exit_code == 2


def test_interruption_says_how_to_go_on(monkeypatch, tmp_path):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("eegsep.studies.benchmark.benchmark", stop)
    result = run("benchmark", "--output", tmp_path)
    assert result.exit_code == 130
    assert "the same command goes on" in result.stderr


def test_faults_of_the_program_are_not_hidden(monkeypatch, tmp_path):
    def fail(*args, **kwargs):
        raise RuntimeError("a fault")

    monkeypatch.setattr("eegsep.studies.benchmark.benchmark", fail)
    result = run("benchmark", "--output", tmp_path)
    assert isinstance(result.exception, RuntimeError)


@pytest.mark.parametrize("name", ["EEGNet", "EEGNet-standard", "CSP+LDA", "TS+LR", "FgMDM"])
def test_demo_ends_in_a_table_of(name, demo):
    assert any(line.split()[:1] == [name] for line in demo[1].stdout.splitlines())


def test_demo_says_what_it_leaves_out(demo):
    assert "braindecode's networks and others are left out" in " ".join(demo[1].stdout.split())


@pytest.mark.parametrize(
    "file", ["scores.csv", "summary.csv", "run.json", "scores.png", "maps.png", "scores.tex"]
)
def test_demo_writes_and_names(file, demo):
    output, result = demo
    assert (output / file).stat().st_size > 0
    assert str(output / file) in result.stdout


def test_table_fits_a_terminal_of_80_columns(demo):
    table = [line for line in demo[1].stdout.splitlines() if "/" not in line]
    assert max(map(len, table)) <= 80
    assert "…" not in demo[1].stdout


def test_second_run_says_what_was_found(demo):
    output, _ = demo
    again = run("benchmark", "--subjects", 1, "--max-epochs", 1, "--output", output)
    assert "5 of 5 evaluations were found on disk" in again.stdout


def test_json_is_all_that_is_printed(demo):
    output, _ = demo
    command = ["-m", "eegsep.cli", "benchmark", "--subjects", "1", "--max-epochs", "1", "--json"]
    command += ["--pipelines", "EEGNet,CSP+LDA"]
    done = subprocess.run(
        [sys.executable, *command, "--n-jobs", "2", "--overwrite", "--output", str(output)],
        capture_output=True,
        text=True,
        check=True,
    )
    printed = json.loads(done.stdout)
    assert {row["pipeline"] for row in printed["summary"]} == {"EEGNet", "CSP+LDA"}
    assert len(printed["scores"]) == 2 * 2
    assert printed["run"]["evaluation"] == "CrossSession"
    # on a slow machine there is time for lines that say how far it is
    stages = ("eegsep: evaluating ", "eegsep: fitting for scalp maps ")
    assert all(line.startswith(stages) for line in done.stderr.splitlines())


def test_maps_are_left_out_where_there_is_no_network_to_draw(tmp_path):
    arguments = ["--subjects", 1, "--pipelines", "TS+LR", "--n-jobs", 1, "--output", tmp_path]
    result = run("benchmark", *arguments)
    assert result.exit_code == 0
    assert "no scalp maps" in result.stdout
    assert not (tmp_path / "maps.png").exists()


def test_a_name_is_shown_as_it_is(tmp_path):
    # neither rich's markup, nor an emoji, nor matplotlib's formulae, nor HTML
    name, folder = "[/b] :heart: $b_{$ <i>", tmp_path / "[b]out"
    file = tmp_path / "x.yml"
    file.write_text(
        f"name: {json.dumps(name)}\nparadigms: [LeftRightImagery]\n"
        "pipeline: [{name: DummyClassifier, from: sklearn.dummy}]\n"
    )
    result = run(
        "benchmark", "--subjects", 1, "--n-jobs", 1, "--pipelines", file, "--output", folder
    )
    assert result.exit_code == 0, result.output
    assert f"− {name}" in result.stdout
    assert str(folder / "scores.csv") in result.stdout
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert html.escape(name) in page
    assert name not in page


def test_pipelines_may_be_a_folder(tmp_path):
    (tmp_path / "own.yml").write_text(
        "name: own\nparadigms: [LeftRightImagery]\n"
        "pipeline: [{name: DummyClassifier, from: sklearn.dummy}]\n"
    )
    arguments = ["--subjects", 1, "--pipelines", tmp_path, "--n-jobs", 1, "--output", tmp_path]
    result = run("benchmark", *arguments)
    assert result.exit_code == 0
    assert "own" in result.stdout


@pytest.fixture(scope="module")
def ablation(tmp_path_factory, memory_is_known):
    """Run a small ablation on two subjects: the output folder and what was printed."""
    output = tmp_path_factory.mktemp("ablation")
    result = run(*ABLATION, "--output", output)
    assert result.exit_code == 0, result.output
    return output, result


ABLATION = ["ablate", "--subjects", "1,2", "--max-epochs", 1, "--seeds", 1, "--n-jobs", 1]
ABLATION += ["--variants", "standard-spatial", "--learning-curve", "0.2"]
PAIRS = [["1", "0"], ["1", "1"], ["2", "0"], ["2", "1"]]  # subjects and sessions


def test_ablation_ends_in_scores_and_costs_of_each_variant(ablation):
    words = [line.split() for line in ablation[1].stdout.splitlines()]
    names = {"published", "standard-spatial"}
    rows = [row[0] for row in words if len(row) > 1 and row[0] in names and row[1][0].isdigit()]
    # scores, costs, learning curve
    assert rows == ["published", "standard-spatial"] * 3


def test_ablation_prints_mobilenets_comparison(ablation):
    words = [line.split() for line in ablation[1].stdout.splitlines()]
    assert ["full", "convolutions", "71.7", "4,866", "29.3"] in words
    assert ["depthwise", "separable", "70.6", "569", "4.2"] in words


def test_ablation_fits_a_terminal_of_80_columns(ablation):
    table = [line for line in ablation[1].stdout.splitlines() if "/" not in line]
    assert max(map(len, table)) <= 80
    assert "…" not in ablation[1].stdout


@pytest.mark.parametrize(
    "file",
    ["scores.csv", "ablation.csv", "learning_curve.csv", "separability.csv", "run.json"]
    + ["ablation.png", "learning_curve.png", "scores.tex", "columns.json"],
)
def test_ablation_writes_and_names(file, ablation):
    output, result = ablation
    assert (output / file).stat().st_size > 0
    assert str(output / file) in result.stdout


def test_ablation_as_json_is_what_was_found_on_disk(ablation):
    output, _ = ablation
    printed = json.loads(run(*ABLATION, "--json", "--output", output).stdout)
    assert printed["run"]["evaluated"] == 0
    assert [row["variant"] for row in printed["table"]] == ["published", "standard-spatial"]
    assert len(printed["learning_curve"]) == 4
    assert [row["subject"] for row in printed["separability"]] == [1, 1, 2, 2]


def test_ablation_prints_the_index_of_each_subject_and_session(ablation):
    output, result = ablation
    rows = [line.split() for line in result.stdout.splitlines()]
    index = pd.read_csv(output / "separability.csv")["index"]
    printed = [row[:3] for row in rows if len(row) == 7 and row[:2] in PAIRS]
    assert printed == [[*pair, f"{k:.2f}"] for pair, k in zip(PAIRS, index, strict=True)]


def test_ablation_says_what_the_index_tells(ablation):
    output, result = ablation
    assert "The index is the share of the class difference" in result.stdout
    assert "index, published − standard-spatial: no rank correlation, n = 2" in result.stdout
    assert (output / "separability.png").stat().st_size > 0


def test_ablation_without_separability_says_nothing_of_it(ablation):
    result = run(*ABLATION, "--no-separability", "--output", ablation[0])
    assert result.exit_code == 0
    assert "index" not in result.stdout
    assert "separability.png" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--variants", "standrad-spatial"], "Did you mean standard-spatial"),
        (["--lr", "fast"], "cannot read the learning rates 'fast'"),
        (["--learning-curve", "half"], "cannot read the fractions"),
        (["--learning-curve", "2"], "between 0 and 1, not 2"),
        (["--subjects", "one"], "cannot read the subjects 'one'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_ablation_that_cannot_be_gives_one_line_and_exit_code_2(arguments, text, tmp_path):
    result = run("ablate", *arguments, "--output", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
    assert len(result.stderr.splitlines()) == 1


# -- cost ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    """Run `eegsep cost` without times: the output folder and what was printed."""
    output = tmp_path_factory.mktemp("cost")
    result = run("cost", "--no-time", "--output", output)
    assert result.exit_code == 0, result.output
    return output, result


@pytest.mark.parametrize(
    "text",
    [
        "temporal            8×22×512        512 5,767,168 95.9%",
        "2,484 6,013,952",
        "459 of 1,944: 1/N + 1/(kh·kw) = 1/8 + 1/9 = 0.236",
        "256   28²    462.4      53.2 0.0039 0.1111  8.7x       97%",
        "groups=4      2,624  2,057,216 14.0x",
    ],
)
def test_cost_prints(text, costs):
    assert text in costs[1].stdout


def test_cost_writes_and_names_its_tables(costs):
    output, result = costs
    for name in ("network.csv", "example.csv", "sizes.csv", "family.csv", "cost.json"):
        assert (output / name).stat().st_size > 0
        assert str(output / name) in result.stdout


def test_cost_prints_clean_json():
    result = run("cost", "--no-time", "--json", "--spatial", "low_rank:2", "--F1", "matched")
    printed = json.loads(result.stdout)
    assert printed["run"]["settings"]["spatial"] == "low_rank:2"
    assert printed["run"]["parameters"] == 2116
    assert printed["machine"] is None


def test_cost_with_times_fits_80_columns_and_says_what_they_mean(monkeypatch):
    for module in ("tables", "timing"):
        monkeypatch.setattr(
            f"eegsep.network.cost.{module}.time_in_turns",
            lambda actions, _: dict.fromkeys(actions, 1e-2),
        )
    result = run("cost")
    lines = result.stdout.splitlines()
    assert lines.pop().startswith("With 7.9, 8.4, 8.7 times fewer multiply-adds")
    assert max(map(len, lines)) <= 80
    assert "Fewer multiply-adds is not proportionally faster." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--spatial", "joined"], "spatial must be one of"),
        (["--separable", "shuffle:3"], "groups dividing"),
        (["--F1", "eight"], "F1 must be an integer"),
        (["--n-chans", "0"], "n_chans must be at least 1"),
    ],
)
def test_cost_of_what_cannot_be_is_refused_in_a_line(arguments, text):
    result = run("cost", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert text in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_where_there_is_no_terminal_lines_say_how_far_a_study_is(monkeypatch, tmp_path):
    arguments = ["benchmark", "--subjects", 1, "--pipelines", "TS+LR", "--output", tmp_path]
    monkeypatch.setattr("eegsep.cli.progress.Progress.seconds_between_lines", 1e9)
    assert "subject 1" not in run(*arguments, "--no-report").stderr
    monkeypatch.setattr("eegsep.cli.progress.Progress.seconds_between_lines", 0)
    lines = run(*arguments, "--no-report", "--overwrite").stderr.splitlines()
    assert "eegsep: reading subjects 1/1, SimulatedMotorImagery, subject 1" in lines
    assert any(line.startswith("eegsep: evaluating 1/1, TS+LR") for line in lines)


def test_maps_can_be_left_out(tmp_path):
    arguments = ["benchmark", "--subjects", 1, "--channels", "C3,C4", "--pipelines", "EEGNet"]
    result = run(*arguments, "--no-report", "--no-maps", "--output", tmp_path)
    assert result.exit_code == 0
    assert (tmp_path / "scores.png").exists()
    assert not (tmp_path / "maps.png").exists()


def test_fits_for_maps_are_not_taken_for_those_of_the_scores(monkeypatch, capsys):
    monkeypatch.setattr("eegsep.cli.progress.Progress.seconds_between_lines", 0)
    with Progress() as progress:
        progress("map", 0, 16, "")
        progress("map", 1, 16, "trained, fold 1")
    assert capsys.readouterr().err == "eegsep: fitting for scalp maps 1/16, trained, fold 1\n"


# -- list ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lists():
    """All that `eegsep list` has, as JSON."""
    return json.loads(run("list", "--json").stdout)


def test_lists_are_of_all_that_can_be_asked_for(lists):
    names = {kind: {row["name"] for row in rows} for kind, rows in lists.items()}
    assert names["pipelines"] == {file.stem for file in shipped_pipelines().rglob("*.yml")}
    assert {"LeftRightImagery", "P300", "SSVEP"} <= names["paradigms"]
    assert {"SimulatedMotorImagery", "BNCI2014_001", "PhysionetMI"} <= names["datasets"]
    assert not any(name.startswith(("Fake", "Base")) for name in names["datasets"])


def test_list_says_what_a_dataset_is(lists):
    (row,) = [row for row in lists["datasets"] if row["name"] == "BNCI2014_001"]
    assert (row["subjects"], row["sessions"], row["paradigm"]) == (9, 2, "imagery")
    assert row["classes"] == ["left_hand", "right_hand", "feet", "tongue"]
    assert "Motor Imagery" in row["about"]


def test_list_is_narrowed_by_a_text_and_a_paradigm():
    printed = json.loads(run("list", "datasets", "--containing", "simulated", "--json").stdout)
    names = [row["name"] for row in printed["datasets"]]
    assert {"SimulatedMotorImagery", "SimulatedTravellingWaves"} <= set(names)
    assert "PhysionetMI" not in names
    printed = json.loads(run("list", "pipelines", "--paradigm", "p300", "--json").stdout)
    rows = {row["name"]: row for row in printed["pipelines"]}
    assert rows["XDAWN+TS+LR"]["paradigms"] == ["P300"]
    assert rows["XDAWN+TS+LR"]["default"] == "yes"
    assert rows["braindecode-Deep4Net"]["default"] == "by name"
    assert "CSP+LDA" not in rows


def test_list_prints_tables():
    printed = run("list", "pipelines").stdout
    assert printed.startswith(f"{len(list(shipped_pipelines().rglob('*.yml')))} pipelines")
    assert "Covariances, TangentSpace, LogisticRegression" in printed


def test_list_refuses_an_unknown_paradigm():
    result = run("list", "--paradigm", "P400")
    assert result.exit_code == 2
    assert "unknown paradigm 'P400'. Did you mean P300" in result.stderr
