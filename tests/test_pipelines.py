"""The shipped YAML pipelines: MOABB runs them as they are, and they are given the same budget."""

import shutil

import pytest
import yaml
from moabb import benchmark as moabb_benchmark
from moabb.analysis.results import get_digest
from moabb.pipelines.utils import parse_pipelines_from_directory

from eegsep.datasets import SimulatedMotorImagery
from eegsep.datasets.recordings import RequestError
from eegsep.studies.benchmark import load_pipelines, make_variants, shipped_pipelines

NAMES = {
    "EEGNet",
    "EEGNet-standard",
    "braindecode-EEGNet",
    "braindecode-ShallowFBCSPNet",
    "CSP+LDA",
    "TS+LR",
    "FgMDM",
}
NETWORKS = sorted(name for name in NAMES if "Net" in name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Copy of the shipped folder: MOABB leaves lock files beside what it reads."""
    copied = tmp_path_factory.mktemp("pipelines")
    for file in shipped_pipelines().glob("*.yml"):
        shutil.copy(file, copied)
    return copied


def test_moabbs_own_parser_reads_the_folder(folder):
    configs = parse_pipelines_from_directory(str(folder))
    assert {config["name"] for config in configs} == NAMES


def test_a_file_is_named_as_its_pipeline(folder):
    assert {file.stem for file in folder.glob("*.yml")} == NAMES


def test_our_parser_reads_what_moabbs_does(folder):
    theirs = {
        config["name"]: (get_digest(config["pipeline"]), config["paradigms"])
        for config in parse_pipelines_from_directory(str(folder))
    }
    ours = {
        name: (get_digest(config["pipeline"]), config["paradigms"])
        for name, config in load_pipelines().items()
    }
    assert ours == theirs


def test_our_parser_leaves_no_lock_files_behind(tmp_path):
    shutil.copytree(shipped_pipelines(), tmp_path, dirs_exist_ok=True)
    before = set(tmp_path.iterdir())
    load_pipelines(tmp_path)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", sorted(NAMES))
def test_pipeline_serves_both_imagery_paradigms(name):
    assert load_pipelines(name)[name]["paradigms"] == ["LeftRightImagery", "MotorImagery"]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_the_same_budget(name):
    network = load_pipelines(name)[name]["pipeline"][-1]
    assert (network.max_epochs, network.batch_size) == (100, 16)


def test_the_ablation_differs_in_its_convolutions_alone():
    published = load_pipelines("EEGNet")["EEGNet"]["pipeline"][-1].get_params()
    ablation = load_pipelines("EEGNet-standard")["EEGNet-standard"]["pipeline"][-1].get_params()
    differing = {key for key in published if published[key] != ablation[key]}
    assert differing == {"spatial", "separable"}


def test_moabbs_benchmark_runs_the_folder(folder, tmp_path):
    for file in folder.glob("*.yml"):
        config = yaml.safe_load(file.read_text())
        for step in config["pipeline"]:
            if "max_epochs" in step.get("parameters", {}):
                step["parameters"]["max_epochs"] = 1
        (tmp_path / file.name).write_text(yaml.safe_dump(config))
    dataset = SimulatedMotorImagery(n_subjects=1, n_sessions=1, n_runs=1, n_trials_per_class=5)
    results = moabb_benchmark(
        pipelines=str(tmp_path),
        evaluations=["WithinSession"],
        paradigms=["LeftRightImagery"],
        include_datasets=[dataset],
        results=str(tmp_path / "results"),
        output=str(tmp_path / "output"),
        n_jobs=1,
    )
    assert set(results["pipeline"]) == NAMES
    assert results["score"].between(0, 1).all()


def test_pipelines_can_be_named_in_any_case():
    assert list(load_pipelines(["eegnet", "csp+lda"])) == ["EEGNet", "CSP+LDA"]


def test_a_file_and_a_name_can_be_mixed(folder):
    assert set(load_pipelines([folder / "FgMDM.yml", "EEGNet"])) == {"FgMDM", "EEGNet"}


def test_a_folder_is_narrowed_to_the_paradigm(tmp_path):
    for name, paradigm in (("a", "P300"), ("b", "SSVEP")):
        text = f"name: {name}\nparadigms: [{paradigm}]\npipeline: []\n"
        step = "[{name: DummyClassifier, from: sklearn.dummy}]"
        (tmp_path / f"{name}.yml").write_text(text.replace("[]", step))
    assert list(load_pipelines(tmp_path, "SSVEP")) == ["b"]


def test_a_named_pipeline_must_be_for_the_paradigm():
    with pytest.raises(RequestError, match="EEGNet is not for P300"):
        load_pipelines("EEGNet", "P300")


def test_unknown_pipeline_suggests_one():
    with pytest.raises(RequestError, match=r"unknown pipeline 'EGNet'\. Did you mean EEGNet"):
        load_pipelines("EGNet")


def test_folder_without_pipelines_is_refused(tmp_path):
    with pytest.raises(RequestError, match="no pipeline"):
        load_pipelines(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "name: x\nparadigms: [P300]\npipeline: [{name: Nothing, from: sklearn.dummy}]\n",
        "name: x\nparadigms: [P300]\npipeline: [{name: X, from: no_such_package}]\n",
        "name: x\npipeline: [{name: DummyClassifier, from: sklearn.dummy}]\n",
        "name: [",
    ],
    ids=["no such class", "no such package", "no paradigms", "no YAML"],
)
def test_a_broken_file_gives_one_line(tmp_path, text):
    (tmp_path / "x.yml").write_text(text)
    with pytest.raises(RequestError, match="cannot load the pipeline") as error:
        load_pipelines(tmp_path / "x.yml")
    assert "\n" not in str(error.value)


def test_only_our_networks_are_repeated_over_seeds():
    variants = make_variants(load_pipelines(), seed=5, n_seeds=3)
    seeds = {}
    for variant in variants:
        seeds.setdefault(variant.name, []).append(variant.seed)
    ours = {"EEGNet", "EEGNet-standard"}
    assert seeds == {name: [5, 6, 7] if name in ours else [5] for name in NAMES}


def test_a_seed_goes_into_every_random_state():
    variants = make_variants(load_pipelines(["EEGNet", "braindecode-EEGNet", "TS+LR"]), seed=5)
    assert [variant.estimator[-1].random_state for variant in variants] == [5, 5, 5]


def test_max_epochs_goes_into_every_network_and_nothing_else():
    variants = make_variants(load_pipelines(), seed=0, max_epochs=7)
    for variant in variants:
        if "Net" in variant.name:
            assert variant.estimator[-1].max_epochs == 7
        else:
            assert "max_epochs" not in str(variant.estimator.get_params())
