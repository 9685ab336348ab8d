"""Pipelines out of YAML files in MOABB's form, and their variants: what a study evaluates.

A file is data: without trust it loads classifiers and transformers of known packages, nothing else.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moabb.pipelines.utils import create_pipeline_from_config
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

import eegsep
from eegsep._utils.errors import RequestError, in_a_line, look_up
from eegsep._utils.yaml_files import read_yaml
from eegsep.estimator.classifier import EEGNetClassifier

from .search import Search

# Dependencies of this package that have classifiers or transformers.
TRUSTED_PACKAGES = ("braindecode", "eegsep", "mne", "moabb", "pyriemann", "sklearn")
# Of a file in MOABB's form; what else is in it is left alone, but for misspellings.
_KEYS = ("name", "paradigms", "citations", "pipeline", "param_grid")
# Parts of these packages that hold no estimator, and may do something when they are imported.
_NEVER_IMPORTED = {"cli", "commands", "conftest", "externals", "run", "scripts", "tests"}
_MODULE = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*", re.ASCII)
# Parameters that MOABB makes objects of, and one that reads pickles, which are programs.
_CODE_PARAMETERS = {"optimizer", "callbacks", "memory"}
# Names stand in tables and titles.
_LONGEST_NAME = 100


@dataclass(frozen=True, eq=False)
class Variant:
    """A pipeline with a seed, to which every ``random_state`` in its estimator, unfitted, is set.

    The name is the same for all seeds; ``repeated`` is whether it is a network of this package,
    which runs once a seed; and ``param_grid`` is what is searched inside each training fold, as
    given in the YAML, by ``search``.
    """

    name: str
    seed: int
    repeated: bool
    estimator: Any
    param_grid: dict | None = None
    search: Search = field(default_factory=Search)


def shipped_pipelines():
    """Find the folder of the pipelines that come with the package.

    Those in it are evaluated unless others are chosen; those in its folder ``networks`` take long
    to train, and are evaluated when they are asked for.

    Returns
    -------
    folder : pathlib.Path

    Examples
    --------
    >>> from eegsep.studies.pipelines import shipped_pipelines
    >>> (shipped_pipelines() / "networks").is_dir()
    True
    """
    package = Path(eegsep.__file__).parent
    # a wheel carries them inside the package, a source checkout has them beside it
    inside = package / "pipelines"
    return inside if inside.is_dir() else package.parent / "pipelines"


def load_pipelines(chosen=None, paradigm=None, *, trust=False):
    """Load pipelines from MOABB's YAML files.

    Parameters
    ----------
    chosen : str | path-like | sequence of these | None
        Names of shipped pipelines, YAML files, and folders of YAML files; None for those in
        :func:`shipped_pipelines`.
    paradigm : str | None
        Keep those of this paradigm only. One that was chosen by name or file must be of it.
    trust : bool
        Whether files may name anything that Python can import and call, which is to run them as
        programs. Else only classifiers and transformers of ``TRUSTED_PACKAGES`` load.

    Returns
    -------
    configs : dict of dict
        By name: ``name, paradigms, pipeline`` and perhaps ``param_grid``, as MOABB has them, and
        ``file``, the YAML file as it was given; None for what is shipped.

    Raises
    ------
    RequestError
        If one is unknown, cannot be loaded, is not for the paradigm or needs trust, two have the
        same name, or none is left.

    Examples
    --------
    >>> from eegsep.studies.pipelines import load_pipelines
    >>> configs = load_pipelines(["CSP+LDA", "TS+LR"])
    >>> configs["CSP+LDA"]["pipeline"].steps[-1][0]
    'lineardiscriminantanalysis'
    """
    # read here rather than by MOABB, which leaves lock files beside the YAML files
    if chosen is None:
        chosen = [shipped_pipelines()]
    elif isinstance(chosen, (str, Path)):
        chosen = [chosen]
    configs, shipped = {}, {file.stem: file for file in sorted(shipped_pipelines().rglob("*.yml"))}
    for item in chosen:
        path = Path(item)
        if str(item) and path.is_dir():
            files = _files_in(path)
        elif path.suffix.lower() in (".yml", ".yaml"):
            files = [path]
        else:
            files = [look_up("pipeline", str(item), shipped)]
        for file in files:
            config = _load_pipeline(file, trust=trust)
            config["file"] = None if file in shipped.values() else str(file)
            name = config["name"]
            if paradigm is not None and paradigm not in config["paradigms"]:
                if path.is_dir():
                    continue
                others = " or ".join(config["paradigms"])
                add = f", or add {paradigm} to the paradigms in {file}" if config["file"] else ""
                raise RequestError(
                    f"pipeline {name} is not for {paradigm} but for {others}: evaluate it in a "
                    f"run of its own with that --paradigm{add}."
                )
            if name in configs and configs[name]["file"] != config["file"]:
                other = configs[name]["file"] or "the shipped one"
                raise RequestError(
                    f"two pipelines are called {name}, {other} and {file}: rename one."
                )
            configs[name] = config
    if not configs:
        raise RequestError(
            f"no pipeline for {paradigm} in {', '.join(map(str, chosen))}: each YAML file lists "
            "the paradigms that it is for."
        )
    return configs


def as_configs(pipelines):
    """Describe estimators by name as :func:`load_pipelines` describes those that it loads.

    It is a RequestError if there is none, or one is no estimator.
    """
    if not pipelines:
        raise RequestError("there is no pipeline to evaluate: give one or more.")
    configs = {}
    for name, estimator in pipelines.items():
        if inspect.isclass(estimator) or not hasattr(estimator, "fit"):
            raise RequestError(f"pipeline {name} is no estimator: {estimator!r} has no fit.")
        if not isinstance(estimator, Pipeline):
            estimator = Pipeline([("classifier", estimator)])
        configs[str(name)] = {"name": str(name), "pipeline": estimator}
    return configs


def _files_in(folder):
    try:
        files = [file for file in folder.iterdir() if file.suffix.lower() in (".yml", ".yaml")]
    except OSError as error:
        raise RequestError(f"cannot read the folder {folder} ({error.strerror}).") from error
    if not files:
        raise RequestError(f"no pipeline (*.yml) in the folder {folder}.")
    return sorted(files, key=lambda file: file.stem.casefold())


def _load_pipeline(file, *, trust):
    try:
        config = _read_yaml(file)
        _check_config(config)
        if not trust:
            for step in config["pipeline"]:
                _check_trusted(step)
            # a grid that is no mapping is refused below
            grid = config.get("param_grid")
            _check_no_code(grid if isinstance(grid, Mapping) else (), "param_grid")
        pipeline = create_pipeline_from_config(config["pipeline"])
        config["pipeline"] = clone(pipeline)
        _check_pipeline(config["pipeline"], config.get("param_grid"))
    # a class may raise whatever it likes, and a trusted file may call sys.exit
    except (Exception, SystemExit) as error:
        why = str(error) if isinstance(error, RequestError) else f"{type(error).__name__}: {error}"
        why = in_a_line(why).rstrip(".")
        raise RequestError(f"cannot load the pipeline {file}: {why}.") from error
    return config


def _read_yaml(file):
    if not file.is_file():
        raise RequestError("there is no such file")
    try:
        return read_yaml(file)
    except ValueError as error:
        raise RequestError(f"it {error}") from error


def _check_config(config):
    """Refuse what is no pipeline in MOABB's form."""
    if not isinstance(config, Mapping):
        raise RequestError("it is no mapping with name, paradigms and pipeline")
    for key in map(str, config):
        meant = difflib.get_close_matches(key, _KEYS, cutoff=0.7)
        if key not in _KEYS and meant:
            raise RequestError(f"it has {key}: write {meant[0]}")
    lacking = [key for key in ("name", "paradigms", "pipeline") if key not in config]
    if lacking:
        raise RequestError(f"it has no {' and no '.join(lacking)}")
    name, paradigms, steps = (config[key] for key in ("name", "paradigms", "pipeline"))
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise RequestError(f"its name must be a line of text, not {name!r:.200}")
    if len(name) > _LONGEST_NAME:
        raise RequestError(f"its name has {len(name)} characters: {_LONGEST_NAME} are the most")
    if not _is_list_of(str, paradigms):
        raise RequestError(f"paradigms must be a list of names, not {paradigms!r:.200}")
    if not _is_list_of(Mapping, steps):
        raise RequestError(
            f"pipeline must be a list of steps, each with name and from: {steps!r:.200}"
        )
    for k, step in enumerate(steps, 1):
        for key in ("name", "from"):
            if not isinstance(step.get(key), str):
                raise RequestError(f"step {k} has no {key} that is a text")
        unknown = [str(key) for key in step if key not in ("name", "from", "parameters")]
        if unknown:
            raise RequestError(f"step {k} has {', '.join(unknown)} beside name, from, parameters")
        parameters = step.get("parameters", {})
        if not isinstance(parameters, Mapping) or not all(isinstance(p, str) for p in parameters):
            raise RequestError(f"the parameters of step {k} are no mapping of names to values")


def _is_list_of(kind, values):
    return isinstance(values, list) and bool(values) and all(isinstance(v, kind) for v in values)


def _check_trusted(step):
    """Refuse a step that is no classifier or transformer of a known package, before it is run."""
    module, name = step["from"], step["name"]
    parts = module.split(".")
    known = (
        _MODULE.fullmatch(module)
        and parts[0] in TRUSTED_PACKAGES
        and not _NEVER_IMPORTED.intersection(parts)
        and not name.startswith("_")
    )
    if not known:
        raise RequestError(_say_untrusted(f"{module}.{name}"))
    kind = getattr(importlib.import_module(module), name)
    if not (
        inspect.isclass(kind)
        and issubclass(kind, BaseEstimator)
        and hasattr(kind, "fit")
        and (hasattr(kind, "transform") or hasattr(kind, "predict"))
        and kind.__module__.partition(".")[0] in TRUSTED_PACKAGES
    ):
        raise RequestError(_say_untrusted(f"{module}.{name}"))
    _check_no_code(step.get("parameters", {}), f"{module}.{name}")


def _check_no_code(parameters, whose):
    """Refuse parameters that are programs, nested ones such as ``step__memory`` too."""
    for name in parameters:
        code = str(name).rpartition("__")[2]
        if code in _CODE_PARAMETERS and parameters[name] is not None:
            raise RequestError(_say_untrusted(f"the {code} of {whose}"))


def _say_untrusted(what):
    return (
        f"{what} is no classifier or transformer of {', '.join(TRUSTED_PACKAGES)}, so that loading "
        "it may run any program; if you trust the file, say --trust (in Python trust=True)"
    )


def _check_pipeline(pipeline, grid):
    """Refuse steps that are no estimators, values that these know to be wrong, and such a grid."""
    for step in pipeline.named_steps.values():
        if not hasattr(step, "fit") or not (hasattr(step, "transform") or hasattr(step, "predict")):
            raise RequestError(f"{step!r} is no classifier or transformer")
        if hasattr(step, "_parameter_constraints"):
            step._validate_params()
    if not all(hasattr(step, "transform") for step in list(pipeline.named_steps.values())[:-1]):
        raise RequestError("all steps but the last must be transformers")
    if grid is None:
        return
    if not isinstance(grid, Mapping) or not all(map(_can_be_searched, grid.values())):
        raise RequestError(
            "param_grid must be a mapping of parameters to lists of values, or to ranges of numbers"
            " {low: ..., high: ...}, with log: true or a step if need be"
        )
    known = pipeline.get_params()
    unknown = [str(name) for name in grid if name not in known]
    if unknown:
        steps = ", ".join(pipeline.named_steps)
        raise RequestError(
            f"param_grid has the unknown {', '.join(unknown)}: write step__parameter, where steps "
            f"are {steps}"
        )
    for name, values in grid.items():
        if isinstance(values, Mapping):
            values = [values["low"], values["high"]]
        for value in values:
            _check_pipeline(clone(pipeline).set_params(**{name: value}), None)


def _can_be_searched(values):
    """Whether they are a list, or a range from low to high."""
    if not isinstance(values, Mapping):
        return isinstance(values, list) and bool(values)
    rest = {key: value for key, value in values.items() if key not in ("low", "high")}
    ends = [values.get("low"), values.get("high")]
    if any(isinstance(end, bool) or not isinstance(end, (int, float)) for end in ends):
        return False
    log, step = rest.pop("log", False), rest.pop("step", None)
    return (
        not rest
        and ends[0] < ends[1]
        and (log is False or (log is True and ends[0] > 0 and step is None))
        and (step is None or (isinstance(step, (int, float)) and step > 0))
    )


def make_variants(configs, *, seed, n_seeds=1, max_epochs=None, search=None):
    """Set seeds and epochs: this package's networks once a seed, everything else once.

    A pipeline with an :class:`eegsep.EEGNetClassifier` in it runs with ``seed``, ``seed + 1`` and
    so on, ``n_seeds`` times; ``max_epochs`` replaces that in the pipelines; ``search`` is how grids
    are searched, None for all of each. It is a RequestError if a pipeline does not end in a
    classifier, a grid cannot be searched so, or Optuna is asked for where none has a grid.
    """
    variants, search = [], search or Search()
    search.check_used([config.get("param_grid") for config in configs.values()])
    for config in configs.values():
        scores = ("predict", "predict_proba", "decision_function")
        if not any(hasattr(config["pipeline"], name) for name in scores):
            raise RequestError(
                f"pipeline {config['name']} cannot be scored: its last step must be a classifier, "
                f"which {type(config['pipeline'][-1]).__name__} is not."
            )
        grid = config.get("param_grid")
        search.check(config["name"], grid)
        repeated = has_own_network(config["pipeline"])
        for offset in range(n_seeds if repeated else 1):
            estimator = clone(config["pipeline"])
            values = {"random_state": seed + offset}
            if max_epochs is not None:
                values["max_epochs"] = max_epochs
            settings = {
                key: values[key.rpartition("__")[2]]
                for key in estimator.get_params()
                if key.rpartition("__")[2] in values
            }
            estimator.set_params(**settings)
            variants.append(
                Variant(config["name"], seed + offset, repeated, estimator, grid, search)
            )
    return variants


def has_own_network(pipeline):
    """Whether an :class:`eegsep.EEGNetClassifier` is in a pipeline."""
    return any(isinstance(step, EEGNetClassifier) for step in pipeline.get_params().values())
