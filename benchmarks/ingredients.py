"""What each ingredient of the default is worth: it is left out in turn, on the folds of score.py.

    python benchmarks/ingredients.py ssvep --data-dir ../shared/data

Each fold's score is kept as a line of JSON; a run that is repeated goes on where it ended. Printed
are means over subjects (over folds where there is one subject) and what is lost without each, with
a 95 % interval. An ingredient that only larger training sets have changes nothing on smaller ones.
"""

import argparse
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from unittest.mock import patch

import score

from eegsep import EEGNetClassifier
from eegsep.estimator import fitting, starts, trainer
from eegsep.network.initialisation import choice, induced, log_odds, ridge
from eegsep.statistics import mean_interval
from eegsep.training import loop

# Of the start: parameters, and what is put in place of a part of the package.
OF_START = {
    "start": ({"init": "glorot"}, ()),
    "evoked activity": ({"init": "induced"}, ()),
    "induced activity": ({"init": "evoked"}, ()),
    "mirrors": ({}, ((fitting, "_mirror", lambda clf: None),)),
    "narrow bands": ({}, ((choice, "narrow_bands", lambda *_: []),)),
    "expected shrinkage": ({}, ((ridge, "EXPECTED_SHRINKAGE", (0.0, 1e6)),)),
    "larger shrinkage": ({}, ((induced, "GIVEN_UP", 0.0),)),
    "evidence": ({}, ((log_odds, "EVIDENCE", 0.0), (induced, "EVIDENCE", 0.0))),
}
# Of the training away from it.
OF_TRAINING = {
    "training": ({"max_epochs": 0}, ()),
    "mirror images": ({}, ((starts, "mirror_of_other_class", lambda *_: None),)),
    "second network": ({}, ((starts, "second_network", lambda *_: (None, 1.0)),)),
    "growing steps": ({}, ((trainer, "FIRST_PART", 1.0),)),
    "centred steps": ({}, ((loop, "centred_step", loop.train_step),)),
}
DEFAULT = "nothing"


def score_without(data, ingredient, ch_names, seed, *fold):
    """Score a fold without an ingredient."""
    parameters, replaced = (OF_START | OF_TRAINING).get(ingredient, ({}, ()))
    options = {"sfreq": score.SFREQ, "ch_names": ch_names, "random_state": seed}
    clf = EEGNetClassifier(**options, **parameters)
    with ExitStack() as stack:
        for owner, name, other in replaced:
            stack.enter_context(patch.object(owner, name, other))
        return score.score(data, clf, *fold)


def report(table, ingredients):
    """Print what is lost without each, paired over subjects or folds."""
    for split, part in table.groupby("split"):
        unit = "subject" if part.subject.nunique() > 1 else "fold"
        means = 100 * part.pivot_table("score", unit, "ingredient")
        print(f"{split}: {len(means)} {unit}s, {means[DEFAULT].mean():.1f} with all")
        for ingredient in ingredients:
            lost = (means[DEFAULT] - means[ingredient]).dropna()
            low, high = mean_interval(lost)
            print(f"  {ingredient:20s} {lost.mean():+.1f} [{low:+.1f}, {high:+.1f}]")


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", choices=score.SETS)
    parser.add_argument("--data-dir", type=Path, default="../shared/data")
    parser.add_argument("--ingredients", nargs="+", default=[*OF_START, *OF_TRAINING])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--output", type=Path, default="scores")
    arguments = parser.parse_args()
    path = arguments.output / f"ingredients_{arguments.data}.jsonl"
    names = DEFAULT, *arguments.ingredients
    score_fold = partial(score_without, arguments.data)
    repetitions = range(arguments.repetitions)
    table = score.score_each(
        path, arguments.data, arguments.data_dir, repetitions, "ingredient", names, score_fold
    )
    report(table, arguments.ingredients)


if __name__ == "__main__":
    main()
