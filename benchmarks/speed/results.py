"""What was measured, put beside each other: medians, ratios, rates, growth, and what to know.

All are made of one table of measurements, a row for each value.
"""

import math

import joblib
import numpy as np
import pandas as pd
import torch

from eegsep.network import spatial_first

from .contenders import CONTENDERS, ONE_THREAD, make_network
from .operations import step_operations
from .plan import SIZES, Shape
from .timing import count_threads


def as_frame(rows):
    """Make the table of measurements."""
    columns = ["measurement", "unit", *SIZES, "contender", "repetition", "value"]
    # a matrix product has no shape, which must not make floats of the others' sizes
    types = {**dict.fromkeys(SIZES, "Int64"), "value": float}
    return pd.DataFrame(rows, columns=columns).astype(types)


def summarise(measured):
    """Reduce to a row for each measurement, statistic and shape, see ``SpeedResult``."""
    kept = measured[measured["n_chans"].notna()]
    kept = kept[~kept["measurement"].str.startswith(("growth", "memory map"))]
    latencies = kept[kept["measurement"] == "latency"]
    parts = [_beside(kept, "median", 0.5), _beside(latencies, "p95", 0.95)]
    return pd.concat(parts, ignore_index=True)


def _beside(measured, statistic, quantile):
    """Put the contenders' quantiles beside each other, with ratios."""
    keys = ["measurement", "unit", *SIZES]
    table = _quantiles(measured, keys, quantile)
    ratio = table["braindecode"] / table["eegsep"]
    by_repetition = _quantiles(measured, [*keys, "repetition"], quantile)
    ratios = (by_repetition["braindecode"] / by_repetition["eegsep"]).groupby(keys, sort=False)
    table = table.assign(
        ratio=ratio,
        ratio_low=ratios.min(),
        ratio_high=ratios.max(),
        ratio_published=table["published"] / table["eegsep"],
    ).reset_index()
    table.insert(1, "statistic", statistic)
    return table


def _quantiles(measured, keys, quantile):
    """Quantile by contender (columns) for each of the keys, in order of appearance (rows)."""
    values = measured.groupby([*keys, "contender"], sort=False)["value"].quantile(quantile)
    rows = values.index.droplevel("contender").unique()
    table = values.unstack("contender").reindex(index=rows, columns=[*CONTENDERS, ONE_THREAD])
    return table.rename_axis(columns=None)


def arithmetic(summary, matmul, plan):
    """Operations of the steps that were timed, and what of the machine's peak they reach."""
    columns = ["contender", "order", "products", "transforms", "elementwise", "total", "step"]
    rows = []
    for row in summary[summary["measurement"] == "training step"].to_dict("records"):
        shape = Shape(**{name: row[name] for name in SIZES})
        net = make_network(shape, plan.seed)
        for contender in ("eegsep", "published"):
            first = contender == "eegsep" and spatial_first.is_cheaper(net)
            operations = step_operations(net, plan.batch_size, spatially_first=first)
            total = sum(operations.values())
            rows.append(
                {
                    **shape._asdict(),
                    "contender": contender,
                    "order": "spatial_first" if first else "published",
                    **operations,
                    "total": total,
                    "step": row[contender],
                    "rate": total / row[contender],
                    "fraction": total / row[contender] / matmul.get(count_threads(1), math.nan),
                }
            )
    return pd.DataFrame(rows, columns=[*SIZES, *columns, "rate", "fraction"])


def grow(measured):
    """Medians over the number of trials, and how steeply they rise."""
    medians = {
        name: measured[measured["measurement"] == f"growth: {label}"]
        .groupby("n_trials")["value"]
        .median()
        for name, label in (("epoch", "epoch"), ("peak_memory", "peak memory"))
    }
    growth = pd.DataFrame(medians).reset_index()
    sizes = measured.loc[measured["measurement"] == "growth: epoch", ["n_chans", "n_times"]].max()
    growth["data"] = 4 * growth["n_trials"] * sizes["n_chans"] * sizes["n_times"]
    if growth.empty:
        return growth, {}
    n_trials, epoch, memory, data = growth[["n_trials", *medians, "data"]].to_numpy(float).T
    slopes = {
        "epoch_log_log": _slope(np.log(n_trials), np.log(epoch)),
        "peak_memory_log_log": _slope(np.log(n_trials), np.log(memory)),
        "peak_memory_per_byte_of_data": _slope(data, memory),
    }
    return growth, slopes


def _slope(x, y):
    return float(np.polyfit(x, y, 1)[0])


def describe_memory_map(measured):
    """Sizes and time of the fit on a memory map; None where there was none."""
    rows = measured[measured["measurement"].str.startswith("memory map")]
    if rows.empty:
        return None
    n_trials, n_chans, n_times = map(int, rows.iloc[0][["n_trials", "n_chans", "n_times"]])
    data = 4 * n_trials * n_chans * n_times
    values = rows.set_index(rows["measurement"].str.removeprefix("memory map: "))["value"]
    found = {"n_trials": n_trials, "data": data, "seconds": values["fit of one epoch"]}
    for name in ("peak memory", "private peak memory"):
        if name in values:
            key = name.replace(" ", "_")
            found[key] = int(values[name])
            found[f"{key}_over_data"] = values[name] / data
    return found


def notes(summary, plan, load):
    """Say what a reader of the numbers has to know."""
    n_threads, n_cores = torch.get_num_threads(), joblib.cpu_count()
    notes = [
        f"All had {count_threads(n_threads)}, in the cross-validation what joblib gives each of "
        f"{joblib.effective_n_jobs(plan.n_jobs)} processes; eegsep uses more than one where that "
        "cannot change a bit of the result.",
        "Memory is that above the data, which lie in float32 before the fit; each fit had a "
        "process of its own.",
    ]
    if load is not None and load > n_cores / 4:
        notes.append(
            f"Other processes were running (load {load:.1f} on {n_cores} cores). Whoever computes "
            "on several threads suffers most from that, so the ratios flatter eegsep: measure "
            "again on a quiet machine."
        )
    steps = summary[summary["measurement"] == "training step"]
    slowed = steps[steps[ONE_THREAD] < steps["braindecode"]]
    if n_threads > 1 and len(slowed):
        ratio = (slowed[ONE_THREAD] / slowed["eegsep"]).map(say_figure)
        notes.append(
            f"braindecode's step was faster on one thread than on {n_threads} in {len(slowed)} of "
            f"{len(steps)} shapes; against that, eegsep's ratio is {', '.join(ratio)}."
        )
    return notes


def say_figure(value):
    """Write a number with about three figures; nothing for NaN."""
    if math.isnan(value):
        return ""
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{value:,.{decimals}f}"
