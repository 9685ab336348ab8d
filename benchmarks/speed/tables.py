"""What a terminal shows of speeds: a table a measurement, what there is to say, the machine."""

import math

from rich.text import Text

from eegsep.presentation.terminal import make_table

from .contenders import CONTENDERS, ONE_THREAD
from .plan import SIZES, Shape
from .results import say_figure


def tables(result):
    """Make what to print of a result.

    Parameters
    ----------
    result : SpeedResult

    Yields
    ------
    renderable : rich.table.Table | rich.text.Text
        For ``rich.console.Console.print``.
    """
    run = result.run
    for (name, statistic), part in result.summary.groupby(["measurement", "statistic"], sort=False):
        yield _comparison_table(name, statistic, part, run["settings"])
    if not result.arithmetic.empty:
        yield _arithmetic_table(result.arithmetic, run["matmul"])
    elif run["matmul"]:
        yield Text(_peaks(run["matmul"]))
    if not result.growth.empty:
        yield _growth_table(result.growth, run["slopes"])
    if run["memory_map"] is not None:
        found = run["memory_map"]
        line = (
            f"An epoch on a memory map of {found['n_trials']:,} trials ({found['data'] / 1e9:.2f} "
            f"GB) took {say_figure(found['seconds'])} s and at most "
            f"{found['peak_memory_over_data']:.2f} times the data"
        )
        if "private_peak_memory" in found:
            line += (
                f", {found['private_peak_memory_over_data']:.2f} times without pages of the map, "
                "which the system can take back"
            )
        yield Text(line + ".")
    yield Text("Shapes are channels x samples x kernel length x trials.", style="dim")
    for note in run["notes"]:
        yield Text(note, style="dim")
    on = ", ".join([*run["machine"].values(), *map(" ".join, run["versions"].items())])
    yield Text(f"{on}; {run['started']}, {run['seconds']:.0f} s.", style="dim")


def _comparison_table(name, statistic, part, settings):
    shown = [name for name in (*CONTENDERS, ONE_THREAD) if part[name].notna().any()]
    if part["unit"].iloc[0] == "bytes":
        unit, factor = "MB", 1e-6
    else:
        in_ms = part["eegsep"].median() < 1
        unit, factor = ("ms", 1e3) if in_ms else ("s", 1.0)
    kind = {
        "training step": f" at batch {settings['batch_size']}",
        "latency": " of one window",
        "cross-validation": f", {settings['cv_epochs']} epochs a fit",
        "peak memory": " above the data while fitting",
    }
    title = f"{name}{kind.get(name, '')}, {unit}"
    if statistic != "median":
        title += ", 95th percentile"
    with_ratio = part["ratio"].notna().any()
    headings = ["1 thread" if name == ONE_THREAD else name for name in shown]
    headings += ["ratio", "range"] if with_ratio else []
    caption = "ratio: braindecode's over eegsep's, and its range over repetitions"
    title = title[0].upper() + title[1:]
    table = make_table(title, caption if with_ratio else None, ["shape", *headings], padding=0)
    for row in part.to_dict("records"):
        cells = [say_figure(factor * row[contender]) for contender in shown]
        if with_ratio:
            span = f"{say_figure(row['ratio_low'])}–{say_figure(row['ratio_high'])}"
            cells += [f"[bold]{say_figure(row['ratio'])}[/]", span]
        table.add_row(str(Shape(**{size: row[size] for size in SIZES})), *cells)
    return table


def _arithmetic_table(arithmetic, matmul):
    headings = ["shape", "order", "products", "FFT", "others", "ms", "GFLOP/s", "of peak"]
    title = "Arithmetic of a training step, GFLOP"
    table = make_table(title, _peaks(matmul), headings, padding=0)
    for row in arithmetic.to_dict("records"):
        table.add_row(
            str(Shape(**{size: row[size] for size in SIZES})),
            row["order"],
            *(f"{row[name] / 1e9:.3f}" for name in ("products", "transforms", "elementwise")),
            say_figure(1e3 * row["step"]),
            say_figure(row["rate"] / 1e9),
            "" if math.isnan(row["fraction"]) else f"{100 * row['fraction']:.0f} %",
        )
    return table


def _peaks(matmul):
    if not matmul:
        return None
    reached = ", ".join(f"{say_figure(rate / 1e9)} on {name}" for name, rate in matmul.items())
    return f"peak: a matrix product reaches {reached} (GFLOP/s, float32)"


def _growth_table(growth, slopes):
    caption = (
        f"slope in log-log: epoch {slopes['epoch_log_log']:.3f}, memory "
        f"{slopes['peak_memory_log_log']:.3f}; a byte more of data takes "
        f"{slopes['peak_memory_per_byte_of_data']:.2f} more"
    )
    headings = ["trials", "epoch, ms", "peak memory, MB", "data, MB"]
    title = "Growth with the number of trials, eegsep"
    table = make_table(title, caption, headings, padding=0)
    for row in growth.to_dict("records"):
        cells = (1e3 * row["epoch"], row["peak_memory"] / 1e6, row["data"] / 1e6)
        table.add_row(f"{row['n_trials']:,}", *map(say_figure, cells))
    return table
