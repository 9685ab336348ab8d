"""The shipped YAML pipelines: MOABB runs them as they are, and they are given the same budget."""

import os
import shutil
import sys
from contextlib import suppress

import numpy as np
import pytest
import yaml
from moabb.analysis.results import get_digest
from moabb.pipelines.utils import parse_pipelines_from_directory

from eegsep import EEGNetClassifier
from eegsep._utils.errors import RequestError
from eegsep.studies.digests import describe
from eegsep.studies.pipelines import as_configs, load_pipelines, make_variants, shipped_pipelines
from eegsep.training.hooks import Duration

FILES = sorted(shipped_pipelines().rglob("*.yml"))
IMAGERY = {"EEGNet", "CSP+LDA", "TS+LR", "TS+LDA", "FgMDM", "ACM+TS+SVM"}
NETWORKS = {
    "EEGNet-lawhern2018",
    "EEGNet-standard",
    "braindecode-ATCNet",
    "braindecode-Deep4Net",
    "braindecode-EEGNeX",
    "braindecode-EEGNet",
    "braindecode-ShallowFBCSPNet",
}


def everything(paradigm=None):
    return load_pipelines([shipped_pipelines(), shipped_pipelines() / "networks"], paradigm)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Copy of all that is shipped: MOABB leaves lock files beside what it reads."""
    copied = tmp_path_factory.mktemp("pipelines")
    for file in FILES:
        shutil.copy(file, copied)
    return copied


def test_moabbs_own_parser_reads_the_folder(folder):
    configs = parse_pipelines_from_directory(str(folder))
    assert {config["name"] for config in configs} == set(everything())


def test_a_file_is_named_as_its_pipeline():
    assert sorted(file.stem for file in FILES) == sorted(everything())


def test_networks_that_take_long_run_by_name_alone():
    assert set(load_pipelines(None, "LeftRightImagery")) == IMAGERY
    assert set(everything()) - set(load_pipelines()) == NETWORKS
    assert set(load_pipelines(list(NETWORKS))) == NETWORKS


@pytest.mark.parametrize(
    ("paradigm", "some"),
    [
        ("MotorImagery", IMAGERY),
        ("FilterBankMotorImagery", {"FBCSP"}),
        ("P300", {"EEGNet", "XDAWN+TS+LR", "XDAWN+LDA"}),
        ("SSVEP", {"EEGNet", "SSVEP CCA", "TRCA-SSVEP", "TS+LR", "ACM+TS+SVM"}),
        ("FilterBankSSVEP", {"bands+TS+LR"}),
        ("RestingStateToP300Adapter", {"EEGNet", "TS+LR", "TS+LDA", "FgMDM"}),
    ],
)
def test_a_paradigm_has_pipelines_of_its_own(paradigm, some):
    assert set(load_pipelines(None, paradigm)) == some


def test_our_parser_reads_what_moabbs_does(folder):
    theirs = {
        config["name"]: (get_digest(config["pipeline"]), config["paradigms"])
        for config in parse_pipelines_from_directory(str(folder))
    }
    ours = {
        name: (get_digest(config["pipeline"]), config["paradigms"])
        for name, config in everything().items()
    }
    assert ours == theirs


def test_our_parser_leaves_no_lock_files_behind(tmp_path):
    shutil.copytree(shipped_pipelines(), tmp_path, dirs_exist_ok=True)
    before = set(tmp_path.iterdir())
    load_pipelines(tmp_path)
    assert set(tmp_path.iterdir()) == before


def test_eegnet_is_the_classifier_as_it_is():
    network = load_pipelines("EEGNet")["EEGNet"]["pipeline"][-1]
    assert network.get_params() == EEGNetClassifier(random_state=42).get_params()


def test_the_papers_training_is_the_one_of_lawhern_2018():
    pipeline = load_pipelines("EEGNet-lawhern2018")["EEGNet-lawhern2018"]["pipeline"]
    network = pipeline[-1].get_params()
    asked = {"F1": 8, "D": 2, "F2": None, "init": "glorot", "drop_prob": 0.5, "lr": 1e-3}
    asked |= {"max_epochs": 500, "early_stopping": True, "n_iter_no_change": None, "batch_size": 16}
    assert {name: network[name] for name in asked} == asked


def test_the_ablation_differs_in_its_convolutions_alone():
    published, ablation = (
        load_pipelines(name)[name]["pipeline"][-1].get_params()
        for name in ("EEGNet-lawhern2018", "EEGNet-standard")
    )
    differing = {key for key in published if published[key] != ablation[key]}
    assert differing == {"spatial", "separable"}


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
    with pytest.raises(RequestError, match=r"CSP\+LDA is not for P300"):
        load_pipelines("CSP+LDA", "P300")
    with pytest.raises(RequestError, match=r"but for FilterBankSSVEP: .* with that --paradigm\.$"):
        load_pipelines("bands+TS+LR", "SSVEP")


def test_a_file_of_ones_own_may_be_made_to_fit_the_paradigm(tmp_path):
    file = tmp_path / "mine.yml"
    shutil.copy(shipped_pipelines() / "CSP+LDA.yml", file)
    with pytest.raises(RequestError, match=r"or add P300 to the paradigms in .*mine\.yml"):
        load_pipelines(file, "P300")


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
    variants = make_variants(everything(), seed=5, n_seeds=3)
    seeds = {}
    for variant in variants:
        seeds.setdefault(variant.name, []).append(variant.seed)
    ours = {"EEGNet", "EEGNet-lawhern2018", "EEGNet-standard"}
    assert seeds == {name: [5, 6, 7] if name in ours else [5] for name in everything()}


def test_a_seed_goes_into_every_random_state():
    variants = make_variants(load_pipelines(["EEGNet", "braindecode-EEGNet", "TS+LR"]), seed=5)
    assert [variant.estimator[-1].random_state for variant in variants] == [5, 5, 5]


def test_max_epochs_goes_into_every_network_and_nothing_else():
    variants = make_variants(everything(), seed=0, max_epochs=7)
    for variant in variants:
        if "Net" in variant.name or "EEGNeX" in variant.name:
            assert variant.estimator[-1].max_epochs == 7
        else:
            assert "max_epochs" not in str(variant.estimator.get_params())


def test_a_pipeline_that_ends_in_no_classifier_is_refused_before_any_fit(tmp_path):
    configs = load_pipelines(write(tmp_path, "{name: CSP, from: mne.decoding}"))
    with pytest.raises(RequestError, match="last step must be a classifier, which CSP is not"):
        make_variants(configs, seed=0)


# -- a file is data, no program --------------------------------------------------------------------


def write(folder, step, *, name="x", more=""):
    """Write a pipeline of one step, in YAML's flow style, and return the file."""
    file = folder / "x.yml"
    text = f"name: {name}\nparadigms: [LeftRightImagery]\npipeline: [{step}]\n{more}"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def on_the_path(tmp_path, monkeypatch):
    """Put a module on Python's path, importing which leaves a mark; return the mark."""
    mark = tmp_path / "imported"
    (tmp_path / "not_trusted.py").write_text(
        f"open({str(mark)!r}, 'w').close()\n"
        "from sklearn.dummy import DummyClassifier\n"
        "class Own(DummyClassifier):\n    pass\n"
        "def make(**parameters):\n    return Own(**parameters)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "not_trusted", raising=False)
    return mark


@pytest.mark.parametrize(
    "step",
    [
        "{name: system, from: os, parameters: {command: 'touch MARK'}}",
        "{name: Popen, from: subprocess, parameters: {args: [touch, MARK]}}",
        "{name: exit, from: sys}",
        "{name: run_subprocess, from: mne.utils, parameters: {command: [touch, MARK]}}",
        "{name: subprocess, from: mne.utils.misc}",
        "{name: main, from: eegsep.cli}",
        "{name: load, from: sklearn.externals.array_api_compat}",
        "{name: load, from: joblib, parameters: {filename: MARK}}",
        "{name: Memory, from: sklearn.utils._joblib}",
        "{name: make_pipeline, from: sklearn.pipeline}",
        "{name: NeuralNetClassifier, from: braindecode.classifier}",
        "{name: DummyClassifier, from: 'sklearn.dummy;os'}",
        "{name: DummyClassifier, from: .sklearn.dummy}",
        "{name: DummyClassifier, from: sklearn..dummy}",
        "{name: __class__, from: sklearn.dummy}",
        "{name: Pipeline, from: sklearn.pipeline, parameters: {steps: [], memory: MARK}}",
        "{name: DummyClassifier, from: sklearn.dummy, parameters: {callbacks: "
        "[{name: system, from: os, parameters: {command: 'touch MARK'}}]}}",
        "{name: DummyClassifier, from: sklearn.dummy, parameters: {optimizer: "
        "[{name: system, from: os, parameters: {command: 'touch MARK'}}]}}",
        "{name: DummyClassifier, from: sklearn.dummy, parameters: {<<: {callbacks: "
        "[{name: system, from: os, parameters: {command: 'touch MARK'}}]}}}",
        "{name: FixedPipeline, from: moabb.datasets.preprocessing, parameters: "
        "{steps: [[a, passthrough]], memory: MARK}}",
        "{name: FeatureAgglomeration, from: sklearn.cluster, parameters: {memory: MARK}}",
        "{name: EEGClassifier, from: braindecode, parameters: {module: EEGNet, callbacks: "
        "[[x, 'os.system']]}}",
        "{name: EEGClassifier, from: braindecode, parameters: {module: EEGNet, optimizer: os}}",
        "{name: __main__, from: sklearn}",
        "{name: BaseEstimator, from: sklearn.base}",
        "{name: FakeEstimator, from: ../MARK}",
        "{name: get_testdata_path, from: mne.commands.utils}",
    ],
)
def test_without_trust_a_file_runs_no_program(step, tmp_path):
    mark = tmp_path / "mark"
    file = write(tmp_path, step.replace("MARK", str(mark)))
    with pytest.raises(RequestError, match="if you trust the file, say --trust") as error:
        load_pipelines(file)
    assert not mark.exists()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        "!!python/object/apply:os.system ['touch MARK']",
        "!!python/object/new:subprocess.Popen [[touch, MARK]]",
        "!!python/name:os.system",
        "!!python/module:not_trusted",
        "!<tag:yaml.org,2002:python/object/apply:os.system> ['touch MARK']",
    ],
)
def test_a_tag_of_python_runs_nothing_with_trust_neither(content, tmp_path, on_the_path):
    mark = tmp_path / "mark"
    content = content.replace("MARK", str(mark))
    step = f"{{name: DummyClassifier, from: sklearn.dummy, parameters: {{constant: {content}}}}}"
    for trust in (False, True):
        with pytest.raises(RequestError, match="cannot load the pipeline"):
            load_pipelines(write(tmp_path, step), trust=trust)
    assert not mark.exists()
    assert not on_the_path.exists()


@pytest.mark.parametrize(
    "step",
    [
        "{name: FunctionTransformer, from: sklearn.preprocessing, parameters: {func: SYSTEM}}",
        "{name: NamedFunctionTransformer, from: moabb.datasets.preprocessing, "
        "parameters: {func: SYSTEM}}",
        "{name: EEGClassifier, from: braindecode, parameters: {module: SYSTEM}}",
        "{name: EEGClassifier, from: braindecode, parameters: {module: EEGNet, "
        "criterion: SYSTEM, dataset: SYSTEM}}",
        "{name: EEGClassifier, from: braindecode, parameters: {module: EEGNet, "
        "callbacks__print_log__sink: SYSTEM, module__activation: SYSTEM}}",
        "{name: BraindecodeClassifier, from: eegsep.estimator.peers, parameters: {model: SYSTEM}}",
        "{name: SVC, from: sklearn.svm, parameters: {kernel: SYSTEM}}",
        "{name: KNeighborsClassifier, from: sklearn.neighbors, parameters: {metric: SYSTEM}}",
        "{name: CheckingClassifier, from: sklearn.utils.estimator_checks, "
        "parameters: {check_X: SYSTEM}}",
        "{name: Covariances, from: pyriemann.estimation, parameters: {estimator: SYSTEM}}",
        "{name: MDM, from: pyriemann.classification, parameters: {metric: SYSTEM}}",
        "{name: TSClassifier, from: pyriemann.classification, parameters: {clf: SYSTEM}}",
        "{name: FilterBank, from: moabb.pipelines.utils, parameters: {estimator: SYSTEM}}",
        "{name: CSP, from: mne.decoding, parameters: {reg: SYSTEM, cov_est: SYSTEM}}",
        "{name: EEGNetClassifier, from: eegsep, parameters: {init: SYSTEM}}",
        "{name: EEGNetClassifier, from: eegsep, parameters: {augmentation: SYSTEM}}",
        "{name: StackingClassifier, from: sklearn.ensemble, "
        "parameters: {estimators: [[a, SYSTEM]]}}",
    ],
)
def test_a_text_that_names_a_function_is_no_function(step, tmp_path, monkeypatch):
    """Names of functions as parameters stay texts, from loading to fitting and predicting."""
    called = []
    monkeypatch.setattr(os, "system", lambda *args: called.append(args))
    X, y = np.random.default_rng(0).normal(size=(12, 4, 64)), np.arange(12) % 2
    for system in ("os.system", "'os:system'", "[os, system]"):
        file = write(tmp_path, step.replace("SYSTEM", system))
        for trials in (X, X[:, 0]):
            with suppress(Exception):  # which error is none of this test's business
                load_pipelines(file)["x"]["pipeline"].fit(trials, y).predict(trials)
    assert called == []


@pytest.mark.parametrize("name", ["memory", "dummyclassifier__callbacks"])
def test_without_trust_a_grid_runs_no_program(name, tmp_path):
    # joblib's memory loads the pickles that it finds in its folder
    grid = f"param_grid: {{{name}: [{tmp_path / 'pickles'}]}}\n"
    with pytest.raises(RequestError, match="if you trust the file, say --trust"):
        load_pipelines(write(tmp_path, "{name: DummyClassifier, from: sklearn.dummy}", more=grid))


def test_without_trust_other_peoples_packages_are_not_even_imported(tmp_path, on_the_path):
    with pytest.raises(RequestError, match=r"not_trusted\.Own is no classifier or transformer of"):
        load_pipelines(write(tmp_path, "{name: Own, from: not_trusted}"))
    assert not on_the_path.exists()


@pytest.mark.parametrize("name", ["Own", "make"])
def test_with_trust_other_peoples_packages_load(name, tmp_path, on_the_path):
    step = f"{{name: {name}, from: not_trusted, parameters: {{strategy: uniform}}}}"
    (config,) = load_pipelines(write(tmp_path, step), trust=True).values()
    assert config["pipeline"][-1].strategy == "uniform"
    assert on_the_path.exists()


@pytest.mark.parametrize("step", ["{name: exit, from: sys}", "{name: dict, from: builtins}"])
def test_with_trust_what_is_no_estimator_is_refused_in_one_line(step, tmp_path):
    with pytest.raises(RequestError, match="cannot load the pipeline"):
        load_pipelines(write(tmp_path, step), trust=True)


@pytest.mark.parametrize(
    "step",
    [
        "{name: StandardScaler_Epoch, from: moabb.pipelines.features}",
        "{name: CSP, from: mne.decoding, parameters: {n_components: 4}}",
        "{name: XdawnCovariances, from: pyriemann.estimation}",
        "{name: SVC, from: sklearn.svm, parameters: {kernel: linear}}",
        "{name: EEGClassifier, from: braindecode, parameters: {module: EEGNet}}",
    ],
)
def test_without_trust_estimators_of_known_packages_load(step, tmp_path):
    (config,) = load_pipelines(write(tmp_path, step)).values()
    assert type(config["pipeline"][-1]).__name__ == yaml.safe_load(step)["name"]


ALIASES = "a0: &a0 [1, 1]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 30)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{k}: &a{k}\n  <<: [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 30)
)
DUMMY = "name: x\nparadigms: [P300]\npipeline: [{name: DummyClassifier, from: sklearn.dummy}]\n"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (DUMMY.replace("x", "Ü").encode("latin-1"), "is not UTF-8"),
        (DUMMY + ALIASES, "stands for more than"),
        (DUMMY + MERGES, "stands for more than"),
        (DUMMY + "a: &a [*a]", "stands for more than"),
        (DUMMY + "a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        (DUMMY + "#" * 2**20, "is larger than"),
        (DUMMY + "citations: 1" + ":1" * 300_000, "a value of more than"),
        (DUMMY.replace("x", "x" * 101), "its name has 101 characters"),
        (DUMMY + "when: 2026-13-45\n", "month must be in"),
        ("", "is no mapping"),
        ("[]", "is no mapping"),
        ("just words", "is no mapping"),
        ("name: x\nparadigms: [P300]\n", "has no pipeline"),
        ("name: x\nparadigms: [P300]\npipeline: []\n", "must be a list of steps"),
        ("name: x\nparadigms: [P300]\npipeline:\n", "must be a list of steps"),
        ("name: x\nparadigms: [P300]\npipeline: {name: DummyClassifier}\n", "a list of steps"),
        ("name: x\nparadigms: [P300]\npipeline: [DummyClassifier]\n", "must be a list of steps"),
        ("name: x\nparadigms: [P300]\npipeline: [{from: sklearn.dummy}]\n", "step 1 has no name"),
        (DUMMY.replace("[P300]", "P300"), "paradigms must be a list"),
        (DUMMY.replace("[P300]", "[]"), "paradigms must be a list"),
        (DUMMY.replace("name: x", "name:"), "its name must be"),
        (DUMMY.replace("name: x", 'name: "a\\nb"'), "its name must be"),
        (DUMMY.replace("y}", "y, parameters: [1]}"), "parameters of step 1 are no mapping"),
        (DUMMY.replace("y}", "y, parameters: {1: 2}}"), "parameters of step 1 are no mapping"),
        (DUMMY.replace("y}", "y, parameters: {stratagem: prior}}"), "stratagem"),
        (DUMMY.replace("y}", "y, parameters: {strategy: luck}}"), "'strategy' parameter"),
        (DUMMY.replace("y}", "y, parametres: {strategy: prior}}"), "step 1 has parametres"),
        (DUMMY + "name: y\n", "has name twice"),
        (DUMMY.replace("y}", "y, parameters: {strategy: prior, strategy: uniform}}"), "twice"),
        (DUMMY + "param_gird: {dummyclassifier__strategy: [prior]}\n", "write param_grid"),
        (DUMMY.replace("y}", "y}, {name: CSP, from: mne.decoding}"), "must be transformers"),
        (DUMMY + "param_grid: [1]\n", "param_grid must be a mapping"),
        (DUMMY + "param_grid: {dummyclassifier__strategy: prior}\n", "to lists of values"),
        (DUMMY + "param_grid: {dummyclassifier__luck: [1]}\n", "unknown dummyclassifier__luck"),
        (DUMMY + "param_grid: {dummyclassifier__strategy: [prior, luck]}\n", "'luck'"),
    ],
)
def test_a_file_that_is_no_pipeline_says_why_in_one_line(content, why, tmp_path):
    file = tmp_path / "x.yml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RequestError, match="cannot load the pipeline") as error:
        load_pipelines(file)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(RequestError, match="there is no such file"):
        load_pipelines(tmp_path / "x.yml")


def test_a_network_with_a_bad_value_is_refused_before_any_fit(tmp_path):
    step = "{name: EEGNetClassifier, from: eegsep, parameters: {kernel_length: true}}"
    with pytest.raises(RequestError, match="'kernel_length' parameter"):
        load_pipelines(write(tmp_path, step))


def test_a_network_takes_schedules_averages_and_augmentation_by_name(tmp_path):
    parameters = (
        "lr_schedule: one_cycle, weight_averaging: ema, batch_norm_momentum: null, "
        "augmentation: [SignFlip, {GaussianNoise: {probability: 0.7, std: 0.2}}]"
    )
    step = f"{{name: EEGNetClassifier, from: eegsep, parameters: {{{parameters}}}}}"
    network = load_pipelines(write(tmp_path, step))["x"]["pipeline"][-1]
    assert network.lr_schedule == "one_cycle"
    assert network.weight_averaging == "ema"
    assert network.batch_norm_momentum is None
    noise = {"GaussianNoise": {"probability": 0.7, "std": 0.2}}
    assert network.augmentation == ["SignFlip", noise]


@pytest.mark.parametrize(
    ("parameter", "why"),
    [
        ("augmentation: SignFlp", "SignFlip"),
        ("augmentation: {SignFlip: {odds: 1}}", "odds"),
        ("lr_schedule: linear", "lr_schedule"),
    ],
)
def test_a_network_with_an_unknown_name_is_refused_before_any_fit(parameter, why, tmp_path):
    step = f"{{name: EEGNetClassifier, from: eegsep, parameters: {{{parameter}}}}}"
    with pytest.raises(RequestError, match=why):
        load_pipelines(write(tmp_path, step))


def test_hooks_load_from_files_that_are_trusted(tmp_path):
    hook = "{name: Duration, from: eegsep.training.hooks, parameters: {}}"
    step = f"{{name: EEGNetClassifier, from: eegsep, parameters: {{callbacks: [{hook}]}}}}"
    file = write(tmp_path, step)
    with pytest.raises(RequestError, match="trust"):
        load_pipelines(file)
    assert type(load_pipelines(file, trust=True)["x"]["pipeline"][-1].callbacks[0]) is Duration


def test_scores_under_another_order_of_augmentation_are_other_scores():
    digests = {
        describe(EEGNetClassifier(augmentation=given))
        for given in (None, ["SignFlip", "TimeReverse"], ["TimeReverse", "SignFlip"])
    }
    assert len(digests) == 3


def test_two_pipelines_of_one_name_are_refused(tmp_path):
    file = write(tmp_path, "{name: DummyClassifier, from: sklearn.dummy}", name="EEGNet")
    with pytest.raises(RequestError, match="two pipelines are called EEGNet, the shipped one and"):
        load_pipelines(["EEGNet", file])


def test_a_configuration_says_which_file_it_is_of(tmp_path):
    file = write(tmp_path, "{name: DummyClassifier, from: sklearn.dummy}")
    files = {name: config["file"] for name, config in load_pipelines(["EEGNet", file]).items()}
    assert files == {"EEGNet": None, "x": str(file)}


@pytest.mark.parametrize("pipelines", [{}, {"x": 1}, {"x": EEGNetClassifier}])
def test_own_pipelines_are_estimators(pipelines):
    with pytest.raises(RequestError, match="pipeline"):
        as_configs(pipelines)
