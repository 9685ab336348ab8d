"""A study in shares: all of it is done once, in folders that are joined, or in one."""

import json
from itertools import chain

import pandas as pd
import pytest
from typer.testing import CliRunner

from eegsep._utils.errors import RequestError
from eegsep.cli import app
from eegsep.datasets import SimulatedMotorImagery
from eegsep.studies.ablation import ablate
from eegsep.studies.benchmark import benchmark
from eegsep.studies.inspect import inspect_dataset
from eegsep.studies.merge import merge
from eegsep.studies.shards import missing_shards
from eegsep.studies.steps import Unit, pair
from eegsep.studies.store import FILE, Store, read

QUICK = ["CSP+LDA", "TS+LR"]


def small():
    return SimulatedMotorImagery(
        n_subjects=3, n_sessions=1, n_runs=1, n_trials_per_class=6, channels=("C3", "Cz", "C4")
    )


def without_times(scores):
    return scores.drop(columns="time")


@pytest.fixture(scope="module")
def shares(tmp_path_factory):
    """Folders of both shares of a benchmark, and what all of it comes to."""
    folder = tmp_path_factory.mktemp("shares")
    parts = [
        benchmark(small(), output=folder / f"{k}", pipelines=QUICK, shard=(k, 2)) for k in (1, 2)
    ]
    whole = benchmark(small(), output=folder / "whole", pipelines=QUICK)
    return folder, parts, whole


@pytest.mark.parametrize(("n_units", "n_variants", "n_shards"), [(109, 7, 8), (8, 3, 4), (3, 2, 5)])
def test_shares_are_all_pairs_once_and_of_the_same_size(n_units, n_variants, n_shards):
    units = [Unit(None, None, [k]) for k in range(n_units)]
    every = pair(units, "abcdefg"[:n_variants])
    shares = [pair(units, "abcdefg"[:n_variants], (k + 1, n_shards)) for k in range(n_shards)]
    assert sorted(map(every.index, chain(*shares))) == list(range(n_units * n_variants))
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1
    for variant in "abcdefg"[:n_variants]:  # of the slow pipelines all have as many
        n_own = [sum(each == variant for _, each in share) for share in shares]
        assert max(n_own) - min(n_own) <= 1


def test_shares_that_are_merged_are_the_whole_and_found_on_disk(shares, tmp_path):
    folder, parts, whole = shares
    assert [len(part.scores) for part in parts] == [3, 3]
    assert merge([folder / "1", folder / "2"], tmp_path) == 6
    merged = benchmark(small(), output=tmp_path, pipelines=QUICK)
    assert (merged.run["evaluated"], merged.run["found_on_disk"]) == (0, 6)
    pd.testing.assert_frame_equal(without_times(merged.scores), without_times(whole.scores))
    assert merged.key == whole.key
    assert merge([folder / "1", folder / "2"], tmp_path) == 0
    assert len(read(folder / "1")) == 3  # as it was


def test_shares_may_go_to_one_folder(tmp_path):
    for k in (1, 2, 3):
        benchmark(small(), output=tmp_path, pipelines="TS+LR", shard=(k, 3))
    result = benchmark(small(), output=tmp_path, pipelines="TS+LR")
    assert result.run["evaluated"] == 0
    assert result.scores["subject"].tolist() == [1, 2, 3]


def test_folders_that_contradict_each_other_are_not_merged(shares, tmp_path):
    folder, _, _ = shares
    with Store(folder / "1", "benchmark") as store, store._open() as database:
        key, value = database.execute("SELECT key, value FROM computed").fetchone()
        rows = [
            json.loads(row)
            for (row,) in database.execute("SELECT row FROM rows WHERE key = ?", (key,))
        ]
    with Store(tmp_path / "other", "benchmark") as store:
        store.put(key, value, [row | {"score": 0.123} for row in rows])
    with pytest.raises(RequestError, match=r"another score of .*CSP\+LDA, 1.*0.123"):
        merge([folder / "2", folder / "1", tmp_path / "other"], tmp_path / "all")
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("other", [[0.5, 0.7], [0.5]], ids=["score", "number"])
@pytest.mark.parametrize("inside", [True, False], ids=["permutations", "scores"])
def test_values_that_contradict_each_other_are_not_merged(inside, other, tmp_path):
    for name, scores in (("a", [0.5, 0.6]), ("b", other)):
        rows = [{"subject": k, "score": score} for k, score in enumerate(scores)]
        value = json.dumps({"rows": rows if inside else [], "failed": []})
        with Store(tmp_path / name, "benchmark") as store:
            store.put("key", value, [] if inside else rows)
    with pytest.raises(RequestError, match=f"{tmp_path / 'b'} has .* leave out one"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")


def test_what_is_incomplete_gives_way_to_what_is_complete(tmp_path):
    for name, complete in [("a", False), ("b", True)]:
        with Store(tmp_path / name, "benchmark") as store:
            store.put("key", name, [{"subject": 1, "score": 0.5}][:complete], complete=complete)
            store.note("files", name)
    for order in ("ab", "ba"):
        merge([tmp_path / name for name in order], tmp_path / order)
        with Store(tmp_path / order, "benchmark") as store:
            assert store.get("key") == "b"
            assert store.rows("key") == [{"subject": 1, "score": 0.5}]
            assert store.recall("files") == order[0]


def test_folders_of_other_studies_or_none_are_refused(tmp_path):
    for kind in ("benchmark", "ablation"):
        with Store(tmp_path / kind, kind) as store:
            store.put("key", "1")
    with pytest.raises(RequestError, match=r"one kind of study .*ablation \(ablation\)"):
        merge([tmp_path / "benchmark", tmp_path / "ablation"], tmp_path / "new")
    with pytest.raises(RequestError, match="another kind of study"):
        merge([tmp_path / "benchmark"], tmp_path / "ablation")
    with pytest.raises(RequestError, match=FILE):
        merge([tmp_path / "nothing"], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_ablations_and_inspections_are_shared_too(tmp_path):
    budget = {"max_epochs": 1, "n_seeds": 1}
    request = {"output": tmp_path / "ablation", "variants": ["joint"], **budget}
    ablation = ablate(small(), shard=(1, 2), **request)
    assert len(ablation.scores) == 3  # of 2 variants on 3 subjects
    assert ablation.table.empty
    request = {"output": tmp_path / "inspection", "cv": 2, "controls": False, **budget}
    inspection = inspect_dataset(small(), shard=(2, 3), **request)
    assert list(inspection.subjects) == [2]


@pytest.mark.parametrize(
    ("shard", "text"),
    [((3, 2), "3/2"), ((0, 2), "0/2"), ((1, 7), "6 eval"), ("1/2", "a pair"), ((1.5, 2), "a pair")],
)
def test_a_share_that_cannot_be_is_refused(shard, text, tmp_path):
    with pytest.raises(RequestError, match=text):
        benchmark(small(), output=tmp_path, pipelines=QUICK, shard=shard)
    assert list(tmp_path.iterdir()) == []


def test_commands_compute_shares_and_merge_them(tmp_path):
    def run(*arguments):
        result = CliRunner().invoke(app, [str(each) for each in arguments])
        assert result.exit_code == 0, result.output
        return result.output

    study = ["benchmark", "SimulatedMotorImagery", "--subjects", "1-2", "--channels", "C3,Cz,C4"]
    study += ["--pipelines", "TS+LR", "--n-jobs", 1, "--no-report"]
    for k in (1, 2):
        assert f"Shard {k} of 2" in run(*study, "--shard", f"{k}/2", "--output", tmp_path / f"{k}")
        assert [path.name for path in (tmp_path / f"{k}").iterdir()] == [FILE]
    assert "2 results" in run("merge", tmp_path / "1", tmp_path / "2", "--output", tmp_path / "all")
    assert "2 of 2 evaluations" in run(*study, "--output", tmp_path / "all")
    refused = CliRunner().invoke(app, [*map(str, study), "--shard", "two"])
    assert refused.exit_code == 2
    assert "write it as 2/8" in refused.stderr


def test_merging_says_which_share_is_missing_and_a_page_that_there_are_shares_alone(
    shares, tmp_path
):
    folder, _, _ = shares
    runner = CliRunner()
    one = runner.invoke(app, ["merge", str(folder / "1"), "--output", str(tmp_path)])
    assert "not among them: shard 2/2" in one.stderr
    page = runner.invoke(app, ["report", str(tmp_path)])
    assert page.exit_code == 2
    assert "a share of a study (shard 1/2)" in page.stderr
    both = runner.invoke(app, ["merge", str(folder / "2"), "--output", str(tmp_path)])
    assert both.stderr == ""
    assert missing_shards(tmp_path) == []
    page = runner.invoke(app, ["report", str(folder / "nowhere")])
    assert "no run.json" in page.stderr
    assert not (folder / "nowhere").exists()
