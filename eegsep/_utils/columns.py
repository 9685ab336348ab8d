"""What columns of results are called, how they are written, in which units, and what they mean.

Described once: terminals, pages, LaTeX, figures and the notes beside CSV files take it from here.
"""

import re
import string
from typing import NamedTuple


class Column(NamedTuple):
    """A column: its heading, conversion and format, unit of what files have, and meaning."""

    heading: str
    form: str
    unit: str
    meaning: str


# What a semicolon is followed by is left out where there is little room.
COLUMNS = {
    name: Column(*words)
    for name, *words in (
        ("dataset", "dataset", "", "", "code of the dataset"),
        ("evaluation", "evaluation", "", "", "MOABB's evaluation; how trials are divided"),
        ("paradigm", "paradigm", "", "", "MOABB's paradigm; how recordings become trials"),
        ("metric", "metric", "", "", "what scores are"),
        ("pipeline", "pipeline", "", "", "name of the pipeline"),
        ("transfer", "target trials", "", "", "what was done with the target's; in training"),
        ("draw", "draw", "", "", "number of the draw of training trials, from 1 on"),
        ("variant", "variant", "", "", "name of the network's variant"),
        ("fraction", "fraction", ":g", "", "part of the training trials that is trained on"),
        ("seed", "seed", "", "", "seed of the fits"),
        ("subject", "subject", "", "", "number of the subject"),
        ("session", "session", "", "", "name of the session that is tested"),
        ("fold", "fold", "", "", "number of the fold, from 0 on"),
        ("score", "score", "!c:.1f", "", "score from 0 to 1; shown × 100"),
        ("time", "s/fit", ":.3g", "s", "time of a fit; mean over folds, other work included"),
        ("seconds", "s", ":.3g", "s", "time that it took"),
        ("samples", "trials", "", "", "trials trained or tested on"),
        ("samples_test", "trials tested", "", "", "trials tested on in a fold"),
        ("n_train", "trained on", "", "", "trials trained on"),
        ("n_test", "tested on", "", "", "trials tested on"),
        ("n_trials", "trials", ":.0f", "", "number of trials"),
        ("n_classes", "classes", ":.0f", "", "number of classes"),
        ("channels", "channels", "", "", "number of channels"),
        ("n_sessions", "sessions", "", "", "number of sessions"),
        ("n_subjects", "subjects", "", "", "number of subjects"),
        ("n_datasets", "datasets", "", "", "number of datasets"),
        ("n_seeds", "seeds", "", "", "number of seeds, which are averaged"),
        ("mean", "mean", "!c:.1f", "", "mean of subjects' scores; sessions, seeds averaged first"),
        ("sd", "sd", "!c:.1f", "", "standard deviation of the subjects' scores"),
        ("sd_subjects", "sd of subjects", "!c:.1f", "", "standard deviation between subjects"),
        ("sd_seeds", "sd of seeds", "!c:.1f", "", "standard deviation between a subject's seeds"),
        ("share_of_subjects", "subjects' part", ":.0%", "", "part of the variance; of subjects"),
        ("reference", "reference", "", "", "what others are compared with"),
        ("difference", "− {reference}", "!c:+.1f", "", "mean paired difference to the reference"),
        ("difference_sd", "sd", "!c:.1f", "", "standard deviation of the subjects' differences"),
        ("ci_low", "from", "!c:+.1f", "", "lower end of the difference's 95 % interval"),
        ("ci_high", "to", "!c:+.1f", "", "upper end of the difference's 95 % interval"),
        ("effect", "d", ":+.2f", "", "mean difference over its standard deviation"),
        ("p", "p", ":.2g", "", "two-sided p-value; not corrected"),
        ("p_holm", "p (Holm)", ":.2g", "", "two-sided p-value; corrected by Holm's method"),
        ("p_permutation", "p (chance)", ":.2g", "", "one-sided p of the score; by permutation"),
        ("null_mean", "permuted", "!c:.1f", "", "mean score of permuted labels"),
        ("null_low", "from", "!c:.1f", "", "lower end of 95 % of scores of permuted labels"),
        ("null_high", "to", "!c:.1f", "", "upper end of 95 % of scores of permuted labels"),
        ("n_permutations", "permutations", "", "", "number of permutations of the labels"),
        ("level", "of", "", "", "what the score is of: session, subject or mean over subjects"),
        ("chance", "chance", "!c:.1f", "", "score to be expected of guesses"),
        ("chance_low", "from", "!c:.1f", "", "lower end of 95 % of scores by chance"),
        ("chance_high", "to", "!c:.1f", "", "upper end of 95 % of scores by chance"),
        ("parameters", "parameters", ":,", "", "trainable parameters"),
        ("multiply_adds", "mult-adds", ":,", "", "multiply-adds per trial; in published order"),
        ("latency", "ms/trial", "!k:.3g", "s", "time of predict_proba of one trial; median"),
        ("memory", "MB/fit", "!M:.3g", "B", "peak memory of a fit; above the trials"),
        ("index", "index", ":.2f", "", "separability index; 1 is separable, 0 needs joint kernels"),
        ("separable", "separable", ":.4f", "", "class difference that separable kernels can see"),
        ("joint", "joint", ":.4f", "", "class difference that only joint kernels can see"),
        ("noise", "noise", ":.4f", "", "root mean square of the two for shuffled labels"),
        ("p_value", "p", ":.2g", "", "p-value of there being a class difference"),
        ("rho", "ρ", ":+.2f", "", "Spearman's rank correlation over subjects"),
        ("trained", "trained", ":.2f", "", "reliability of trained networks; near 1 all recurs"),
        ("trained_low", "from", ":.2f", "", "lower end of its 95 % interval"),
        ("trained_high", "to", ":.2f", "", "upper end of its 95 % interval"),
        ("untrained", "untrained", ":.2f", "", "reliability of untrained networks"),
        ("shuffled", "shuffled labels", ":.2f", "", "reliability of training on shuffled labels"),
        ("stable", "stable", "", "", "whether what was learned is stable"),
        ("verdict", "what was learned", "", "", "whether what was learned is stable, or why not"),
        ("fits", "fits", "", "", "kind of fits"),
        ("reliability", "reliability", ":.2f", "", "reliability of the fits; near 1 all recurs"),
        ("cluster", "cluster", "", "", "number of the cluster, from 0 on"),
        ("n_fits", "fits", "", "", "number of fits"),
        ("n_members", "members", "", "", "number of components in the cluster"),
        ("share", "share", ":.1%", "", "share of the whole"),
        ("similarity", "similarity", ":.2f", "", "mean similarity of the cluster's components"),
        ("peak_freq", "peak, Hz", ":.1f", "Hz", "frequency of the largest pattern"),
        ("band_low", "from", ":.1f", "Hz", "lower end of the -3 dB band"),
        ("band_high", "to", ":.1f", "Hz", "upper end of the -3 dB band"),
        ("single", "single", "", "", "whether one fit alone has the cluster"),
        ("largest", "largest at", "", "", "electrodes at which the pattern is largest"),
        ("nearest", "dipole under", "", "", "electrode that the dipole lies under"),
        ("no_place", "no place", "", "", "why the dipole has no single place"),
        ("x", "x", ":.0f", "mm", "place of the dipole; to the right"),
        ("y", "y", ":.0f", "mm", "place of the dipole; to the front"),
        ("z", "z", ":.0f", "mm", "place of the dipole; to the top"),
        ("eccentricity", "eccentricity", ":.2f", "", "distance of the dipole from the middle"),
        ("tangential", "tangential", ":.2f", "", "share of the dipole along the scalp"),
        ("goodness_of_fit", "explains, %", "!c:.0f", "", "share that the dipole explains"),
        ("epoch", "epoch", "", "", "number of the epoch"),
        ("train_loss", "training loss", ":.3f", "nats", "loss on training trials"),
        ("valid_loss", "validation loss", ":.3f", "nats", "loss on validation trials"),
        ("valid_best", "best", "", "", "whether the validation loss is the lowest so far"),
        ("true class", "true class", "", "", "class of the trials; the others are predictions"),
        ("layer", "layer", "", "", "name of the layer"),
        ("convolution", "convolution", "", "", "kind of convolution"),
        ("option", "", "", "", "options of the convolution"),
        ("step", "step", "", "", "step of the convolution"),
        ("input", "input", "!x", "", "shape of the input, without the batch"),
        ("kernel", "kernel", "!x", "", "shape of the weights"),
        ("output", "output", "!x", "", "shape of the output, without the batch"),
        ("bytes", "bytes", ":,", "B", "bytes that are read and written per batch"),
        ("intensity", "FLOP/B", ":.1f", "FLOP/B", "arithmetic operations per byte"),
        ("bound", "bound", "", "", "what the layer waits for"),
    )
}
METRICS = {"roc_auc": "ROC-AUC × 100", "accuracy": "accuracy × 100"}

# What a conversion does to a value: {score!c:.1f} is a score × 100 with one decimal. Sizes may come
# from a file, as text.
_CONVERSIONS = {
    "c": lambda value: 100 * value,
    "k": lambda value: 1e3 * value,
    "u": lambda value: 1e6 * value,
    "M": lambda value: value / 1e6,
    "x": lambda sizes: "×".join(re.findall(r"\d+", str(sizes))),
}


class _Missing(LookupError):
    """A row has no value for a part of a cell."""


class _Writer(string.Formatter):
    def parse(self, template):
        for text, name, form, conversion in super().parse(template):
            if name in COLUMNS and not form and conversion is None:
                conversion, _, form = COLUMNS[name].form.partition(":")
                conversion = conversion.removeprefix("!") or None
            yield text, name, form, conversion

    def get_value(self, key, args, row):
        value = row.get(key)
        if value is None or value != value:
            raise _Missing(key)
        return value

    def convert_field(self, value, conversion):
        if conversion in _CONVERSIONS:
            return _CONVERSIONS[conversion](value)
        return super().convert_field(value, conversion)


_WRITER = _Writer()


def headings(columns, **names):
    """Return the headings of columns, of which those of differences name the ``reference``."""
    first = [each if isinstance(each, str) else each[0] for each in columns]
    return [COLUMNS[k].heading.format_map(names) if k in COLUMNS else k for k in first]


def write(rows, columns):
    """Write rows, dicts of values by name, as cells (list of list of str).

    A column is a name in ``COLUMNS``; or a tuple of such a name or a heading, and the parts of a
    cell: templates of ``str.format``, with the columns' own formats, or with conversions ``!c`` (×
    100), ``!k`` (× 10³), ``!u`` (× 10⁶), ``!M`` (/ 10⁶) of numbers, and ``!x`` of sizes. A part is
    left out where a row lacks its value, or has None or NaN.
    """
    parts = [[f"{{{each}}}"] if isinstance(each, str) else each[1:] for each in columns]
    return [["".join(_write(row, part) for part in each) for each in parts] for row in rows]


def _write(row, part):
    try:
        return _WRITER.vformat(part, (), row)
    except _Missing:
        return ""


def in_words(name):
    """Say what a column is on an axis of a figure."""
    return COLUMNS[name].meaning.partition(";")[0]


def notes(names):
    """Describe columns as BIDS does beside its tables: by name, in words, with their units."""
    known = {name: COLUMNS[name] for name in names if name in COLUMNS}
    return {
        name: {"Description": each.meaning} | ({"Units": each.unit} if each.unit else {})
        for name, each in known.items()
    }


def say_metric(table):
    """Say what the scores of a table are."""
    metric = table["metric"].iloc[0]
    return METRICS.get(metric, metric)


def count_subjects(n):
    """Say how many subjects."""
    return f"{n} subject{'' if n == 1 else 's'}"
