"""Searches of a pipeline's ``param_grid`` inside each training fold: all of it, or by Optuna.

Three folds of the training trials choose, as in MOABB, and trials that are scored choose nothing.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan, prod

from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.model_selection._search import BaseSearchCV

from eegsep._utils.errors import RequestError

SEARCHES = ("grid", "optuna")
N_FOLDS = 3


@dataclass(frozen=True)
class Search:
    """How parameters are chosen: by ``"grid"``, every combination, or by ``"optuna"``.

    This suggests ``n_trials`` of them (None for 20), or of values in ranges, by what came of
    earlier ones.
    """

    kind: str = "grid"
    n_trials: int | None = None

    def __post_init__(self):
        if self.kind not in SEARCHES:
            raise RequestError(f"a search is {' or '.join(SEARCHES)}, not {self.kind!r}.")
        if self.kind == "optuna" and importlib.util.find_spec("optuna") is None:
            raise RequestError("this search needs Optuna: pip install 'eegsep[optuna]'.")
        if self.kind == "grid":
            if self.n_trials is not None:
                raise RequestError(
                    "a grid is searched whole: to try so many combinations, say --search optuna "
                    "with --search-trials (in Python search='optuna')."
                )
            return
        if self.n_trials is None:
            object.__setattr__(self, "n_trials", 20)
        if not 1 <= self.n_trials <= 10_000:
            raise RequestError(f"a search tries 1 to 10,000 values, not {self.n_trials}.")

    def check(self, name, grid):
        """Refuse ranges where each value is to be tried: a RequestError that names the pipeline."""
        ranges = [key for key, values in (grid or {}).items() if isinstance(values, Mapping)]
        if ranges and self.kind == "grid":
            raise RequestError(
                f"param_grid of pipeline {name} has a range for {', '.join(ranges)}, and a grid "
                "needs a list: say --search optuna (in Python search='optuna')."
            )

    def check_used(self, grids):
        """Refuse Optuna where no pipeline has a grid to be searched: a RequestError."""
        if self.kind == "optuna" and not any(grids):
            raise RequestError(
                "no pipeline has a param_grid, so that there is nothing to search: write one in its"
                " YAML file, such as param_grid: {logisticregression__C: {low: 0.01, high: 100}}."
            )

    def n_fits(self, grid):
        """Count the fits of a training fold, of Optuna at most (int)."""
        if grid is None:
            return 1
        if self.kind == "optuna":
            return N_FOLDS * self.n_trials + 1
        return N_FOLDS * prod(len(values) for values in grid.values()) + 1

    def of(self, pipeline, grid, scoring, seed):
        """Make the search of a pipeline's parameters (sklearn.base.BaseEstimator)."""
        cv = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
        if self.kind == "grid":
            return GridSearchCV(pipeline, grid, scoring=scoring, cv=cv)
        return OptunaSearchCV(pipeline, grid, self.n_trials, scoring, cv, seed)


class OptunaSearchCV(BaseSearchCV):
    """Search by Optuna's sampler, seeded, in scikit-learn's form.

    MOABB's ``optuna=True`` takes Optuna's own, which has a limit in time, so that results depend on
    how fast the machine is, no seed there, and lists alone.

    Parameters
    ----------
    estimator : sklearn.base.BaseEstimator
    param_distributions : dict
        Lists of values, or ranges ``{low, high, log, step}`` of numbers, by parameter.
    n_trials : int
        Values to try, of which those that come again are not fitted again.
    scoring, cv
        As :class:`sklearn.model_selection.GridSearchCV` takes them.
    random_state : int | None
        Of the sampler.
    """

    def __init__(
        self, estimator, param_distributions, n_trials=20, scoring=None, cv=None, random_state=None
    ):
        super().__init__(estimator, scoring=scoring, cv=cv)
        self.param_distributions = param_distributions
        self.n_trials = n_trials
        self.random_state = random_state

    @property
    def steps(self):
        """Steps of the pipeline, by which MOABB tells whether it takes Epochs."""
        return self.estimator.steps

    def _run_search(self, evaluate_candidates):
        import optuna

        sampler = optuna.samplers.TPESampler(seed=self.random_state)
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            study = optuna.create_study(direction="maximize", sampler=sampler)
            scores, failure = {}, None
            for _ in range(self.n_trials):
                trial = study.ask()
                suggested = {
                    name: _suggest(trial, name, values)
                    for name, values in self.param_distributions.items()
                }
                key = tuple(sorted(trial.params.items()))
                if key not in scores:
                    try:
                        results = evaluate_candidates([suggested])
                        scores[key] = float(results["mean_test_score"][-1])
                    except ValueError as error:  # no fold can be fitted with it, others may be
                        scores[key], failure = nan, error
                with warnings.catch_warnings():  # that a score is not a number scikit-learn says
                    warnings.simplefilter("ignore")
                    study.tell(trial, scores[key])
            if failure is not None and all(map(isnan, scores.values())):
                raise failure
        finally:
            optuna.logging.set_verbosity(level)


def _suggest(trial, name, values):
    """Have Optuna suggest a value of a list, whatever it holds, or of a range."""
    if not isinstance(values, Mapping):
        return values[trial.suggest_categorical(name, range(len(values)))]
    low, high = values["low"], values["high"]
    whole = isinstance(low, int) and isinstance(high, int)
    suggest = trial.suggest_int if whole else trial.suggest_float
    rest = {key: values[key] for key in ("log", "step") if key in values}
    return suggest(name, low, high, **rest)
