"""``eegsep ablate``: EEGNet's convolutions against others in their place."""

from pathlib import Path
from typing import Annotated

import typer

from eegsep.presentation.columns import against_reference
from eegsep.presentation.terminal import (
    as_document,
    dataset_heading,
    make_console,
    make_table,
    print_json,
    print_run,
    print_whole,
)

from .options import (
    Datasets,
    Evaluation,
    Groups,
    Jobs,
    Json,
    Output,
    Overwrite,
    Seed,
    or_simulated,
    read_numbers,
    with_recordings,
)
from .progress import Progress
from .refusals import end, in_one_line


@in_one_line()
@with_recordings
def ablate(
    recordings,
    datasets: Datasets = None,
    evaluation: Evaluation = None,
    variants: Annotated[
        str | None,
        typer.Option(
            help="Names with commas between, or parameters of EEGNetClassifier: "
            "joint,spatial=grouped:4+D=4 (default: all there are; the published network is always "
            "among them).",
            show_default=False,
        ),
    ] = None,
    learning_curve: Annotated[
        str | None,
        typer.Option(
            help="Also train on these fractions of the training trials, such as 0.25,0.5.",
            show_default=False,
        ),
    ] = None,
    lr: Annotated[
        str,
        typer.Option(
            help="Learning rate of every variant; of several with commas between, each fit "
            "chooses in three folds of its training trials."
        ),
    ] = "0.003",
    separability: Annotated[
        bool,
        typer.Option(
            "--separability/--no-separability",
            help="Also measure how separable each subject's trials are, and whether that tells "
            "where the published network is ahead.",
        ),
    ] = True,
    groups: Groups = None,
    n_jobs: Jobs = -1,
    seed: Seed = 42,
    seeds: Annotated[
        int, typer.Option(min=1, help="Seeds of each variant, on the same folds; averaged.")
    ] = 3,
    max_epochs: Annotated[int, typer.Option(min=1, help="Epochs of every fit.")] = 100,
    output: Output = Path("results/ablation"),
    overwrite: Overwrite = False,
    as_json: Json = False,
):
    """Compare EEGNet's separable convolutions with others in their place.

    All variants have the same folds, seeds, epochs and learning rates. What cannot be scored is
    named, and the rest is: the exit status is 3 then, and 2 where nothing can be.
    """
    datasets, evaluation = or_simulated(datasets, evaluation)
    rates = read_numbers(lr, "learning rates")
    fractions = read_numbers(learning_curve, "fractions of the learning curve")

    with Progress() as progress:
        progress.stage("loading libraries")
        from eegsep.studies.ablation import ablate as run
        from eegsep.studies.store import Store

        result = run(
            datasets,
            output=output,
            variants=None if variants is None else [v.strip() for v in variants.split(",")],
            learning_curve=fractions,
            lr=rates,
            separability=separability,
            evaluation=evaluation,
            overwrite=overwrite,
            progress=progress,
            groups=groups,
            seed=seed,
            n_seeds=seeds,
            max_epochs=max_epochs,
            n_jobs=n_jobs,
            **recordings,
        )
        progress.stage("drawing")
        with Store(output, "ablation") as store, store.turn("files"):
            files = _write_ablation(result, output)

    if as_json:
        tables = ("table", "learning_curve", "separability", "correlation")
        print_json(as_document(result, files, *tables))
    else:
        _print_ablation(result, files)
    end(result.run)


def _write_ablation(result, output):
    """Write tables and pictures; return the files by name."""
    from eegsep.presentation import figures
    from eegsep.studies.separability_index import INDEX_IN_WORDS, pair_with_index

    files = result.save(output)
    files["picture"] = output / "ablation.png"
    figures.save(figures.plot_ablation(result.scores, result.table), files["picture"])
    if len(result.learning_curve):
        files["learning_curve_picture"] = output / "learning_curve.png"
        figure = figures.plot_learning_curves(result.learning_curve)
        figures.save(figure, files["learning_curve_picture"])
    if len(result.correlation):
        pairs = pair_with_index(result.scores, result.separability)
        figure = figures.plot_separability_scores(pairs, result.correlation, caption=INDEX_IN_WORDS)
        files["separability_picture"] = output / "separability.png"
        figures.save(figure, files["separability_picture"])
    return files


_SCORES = [
    ("variant", "{variant}"),
    ("score", "{mean!c:.1f}", " ± {sd!c:.1f}"),
    ("− published", "{difference!c:+.1f}"),
    ("95 %", "{ci_low!c:+.1f} to {ci_high!c:+.1f}"),
    ("d", "{effect:+.2f}"),
    ("p", "{p_holm:.2g}"),
]
_COSTS = [
    ("variant", "{variant}"),
    ("parameters", "{parameters:,}"),
    ("10⁶ multiply-adds", "{multiply_adds!M:.2f}"),
    ("s/fit", "{time:.2f}"),
    ("ms", "{latency!k:.2f}"),
    ("MB", "{memory!M:.1f}"),
]
_SEPARABILITY = [
    ("subject", "{subject}"),
    ("session", "{session}"),
    ("index", "{index:.2f}"),
    ("p", "{p_value:.2g}"),
    ("separable", "{separable:.4f}"),
    ("joint", "{joint:.4f}"),
    ("noise", "{noise:.4f}"),
]


def _is_reference(row):
    return row["variant"] == row["reference"]


def _print_ablation(result, files):
    console = make_console()
    for dataset, part in result.table.groupby("dataset", sort=False):
        rows = against_reference(part.to_dict("records"), "variant")
        n_compared = len(part) - 1
        scores = make_table(
            dataset_heading(dataset, part, result.run),
            "mean ± sd over subjects; paired difference to the published network with its 95 % "
            "interval; d, the mean difference over its sd; p from MOABB's paired test, two-sided, "
            f"by Holm for {n_compared} comparison{'' if n_compared == 1 else 's'}; "
            f"chance {100 * part['chance'].iloc[0]:.1f}",
            _SCORES,
            rows,
            bold=_is_reference,
        )
        print_whole(console, scores)
        console.print()
        costs = make_table(
            "what a variant costs",
            "multiply-adds of a trial in the published order, time before electrodes (but "
            "low-rank); seconds of a fit, milliseconds of predict_proba of a trial, and a fit's "
            "peak memory above the trials, as eegsep evaluates it",
            _COSTS,
            rows,
            bold=_is_reference,
        )
        print_whole(console, costs)
        if len(result.learning_curve):
            console.print()
            curve = result.learning_curve
            _print_learning_curve(console, curve[curve["dataset"] == dataset])
        if len(result.separability):
            console.print()
            _print_separability(console, result, dataset)
        console.print()
    _print_mobilenet(console)
    notes = [f"{name} is left out: it {why}" for name, why in result.run["left_out"].items()]
    print_run(console, result.run, files, notes)


def _print_learning_curve(console, curve):
    from eegsep.studies.ablation import where_it_pays

    sizes = curve.drop_duplicates("fraction").sort_values("fraction")["n_trials"]
    table = make_table(
        "score × 100 over the number of training trials",
        "in brackets the paired difference to the published network; *: p ≤ 0.05, by Holm among "
        "the variants at one number of trials",
        ("variant", *(f"{size:.0f}" for size in sizes)),
    )
    for name, part in curve.groupby("variant", sort=False):
        cells = []
        for row in part.sort_values("fraction").to_dict("records"):
            star = "*" if row["p_holm"] <= 0.05 else ""
            compared = name != row["reference"]
            difference = f" ({100 * row['difference']:+.1f}{star})" if compared else ""
            cells.append(f"{100 * row['mean']:.1f}{difference}")
        table.add_row(name, *cells)
    print_whole(console, table)
    for sentence in where_it_pays(curve):
        console.print(sentence, highlight=False)


def _print_separability(console, result, dataset):
    from eegsep.studies.separability_index import INDEX_IN_WORDS

    found = result.separability
    rows = found[found["dataset"] == dataset].to_dict("records")
    table = make_table("how separable the trials are", INDEX_IN_WORDS, _SEPARABILITY, rows)
    print_whole(console, table)
    for row in result.correlation.to_dict("records"):
        if row["dataset"] != dataset:
            continue
        n = row["n_subjects"]
        said = (
            f"Spearman's ρ = {row['rho']:+.2f}, p = {row['p']:.2g}, n = {n}"
            if row["rho"] == row["rho"]
            else f"no rank correlation, n = {n}"
        )
        console.print(f"index, published − {row['variant']}: {said}", highlight=False)


def _print_mobilenet(console):
    from eegsep.studies.ablation import MOBILENET_TABLE_4

    table = make_table(
        "for comparison, MobileNet on ImageNet (Howard et al. 2017, table 4)",
        None,
        ("convolutions", "accuracy in %", "10⁶ multiply-adds", "10⁶ parameters"),
    )
    for name, accuracy, multiply_adds, parameters in MOBILENET_TABLE_4:
        table.add_row(name, f"{accuracy}", f"{multiply_adds:,}", f"{parameters}")
    print_whole(console, table)
