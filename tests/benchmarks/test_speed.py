"""The speed study counts, arranges and measures what it says it does; no time is asserted."""

import dataclasses
import io
import json
import math
import os

import numpy as np
import pandas as pd
import pytest
import torch
from eegsep.presentation.speed import tables
from eegsep.studies.speed import NETWORKS, Shape, speed, step_operations
from rich.console import Console
from torch.utils.flop_counter import FlopCounterMode

from eegsep import EEGNet
from eegsep._utils.errors import RequestError
from eegsep.network import spatial_first
from eegsep.studies import speed as study
from eegsep.training import loop

FIRST, SECOND = Shape(6, 64, 8, 20), Shape(3, 70, 9, 24)
TINY = {
    "quick": True,
    "repetitions": 2,
    "steps": 2,
    "calls": 3,
    "epochs": (1, 2),
    "batch_size": 16,
    "cv_epochs": 1,
    "n_jobs": 1,
    "growth": (20, 40),
    "matmul_size": 64,
}
KINDS = [
    {},
    {"spatial": "standard"},
    {"separable": "standard"},
    {"spatial": "standard", "separable": "standard"},
]


def fit_that_needs_thrice_the_data(contender, shape, plan, n_epochs=2, file=None):
    peak = 3 * 4 * shape.n_trials * shape.n_chans * shape.n_times
    return {"peak": peak, "private": peak // 3, "seconds": 1.0}


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def result(told):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "_measure_fit", fit_that_needs_thrice_the_data)
        shapes = [FIRST, "3x70x9x24"]
        return speed(shapes, memmap_trials=30, progress=lambda *a: told.append(a), **TINY)


# -- what comes out ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measurement", "contenders", "n_shapes"),
    [
        ("training step", [*NETWORKS, "braindecode, 1 thread"], 2),
        ("lag statistics", ["eegsep"], 1),  # the second shape is cheaper in published order
        ("training epoch", NETWORKS, 2),
        ("start of a fit", NETWORKS, 2),
        ("latency", study.CONTENDERS, 2),
        ("peak memory", study.CONTENDERS, 2),
        ("cross-validation", ["eegsep", "braindecode", "CSP+LDA", "TS+LR"], 1),
    ],
)
def test_each_measurement_has_a_row_a_shape(result, measurement, contenders, n_shapes):
    rows = result.summary.query("measurement == @measurement and statistic == 'median'")
    assert list(map(tuple, rows[list(Shape._fields)].to_numpy(int))) == [FIRST, SECOND][:n_shapes]
    numbers = rows[[*study.CONTENDERS, "braindecode, 1 thread"]]
    assert set(numbers.columns[numbers.notna().all()]) == set(contenders)
    assert set(numbers.columns[numbers.notna().any()]) == set(contenders)


def test_ratios_are_quotients_of_medians(result):
    own = result.measurements.query("measurement == 'latency' and n_chans == @FIRST.n_chans")
    medians = own.groupby("contender")["value"].median()
    row = result.summary.query("measurement == 'latency' and statistic == 'median'").iloc[0]
    assert row["eegsep"] == medians["eegsep"]
    assert row["ratio"] == medians["braindecode"] / medians["eegsep"]
    assert row["ratio_published"] == medians["published"] / medians["eegsep"]


def test_range_of_the_ratio_is_over_repetitions():
    times = {"eegsep": [1.0, 2.0, 4.0], "braindecode": [6.0, 6.0, 6.0]}
    rows = [
        {"measurement": "x", "contender": name, "repetition": k, "value": v, **FIRST._asdict()}
        for name, values in times.items()
        for k, v in enumerate(values)
    ]
    row = study._summarise(study._as_frame(rows).assign(unit="s")).iloc[0]
    assert tuple(row[["ratio_low", "ratio", "ratio_high"]]) == (1.5, 3.0, 6.0)


def test_latency_has_its_95th_percentile(result):
    row = result.summary.query("statistic == 'p95'").iloc[0]
    own = result.measurements.query(
        "measurement == 'latency' and n_chans == @FIRST.n_chans and contender == 'TS+LR'"
    )
    assert row["measurement"] == "latency"
    assert row["TS+LR"] == pytest.approx(np.percentile(own["value"], 95))


def test_every_repetition_is_kept(result):
    own = result.measurements.query("measurement == 'training step' and n_chans == @FIRST.n_chans")
    counts = own.groupby(["contender", "repetition"]).size()
    assert len(counts) == 4 * TINY["repetitions"]
    assert set(counts) == {TINY["steps"]}


def test_a_slope_of_one_is_growth_in_proportion(result):
    assert list(result.growth["n_trials"]) == [20, 40]
    assert list(result.growth["data"]) == [4 * n * 6 * 64 for n in (20, 40)]
    assert result.run["slopes"]["peak_memory_log_log"] == pytest.approx(1)
    assert result.run["slopes"]["peak_memory_per_byte_of_data"] == pytest.approx(3)


def test_memory_of_a_memory_map_is_told_in_its_own_size(result):
    found = result.run["memory_map"]
    assert found["data"] == 4 * 30 * 6 * 64
    assert found["peak_memory_over_data"] == 3
    assert found["private_peak_memory_over_data"] == 1


def test_rate_is_operations_over_time(result):
    row = result.arithmetic.query("contender == 'eegsep'").iloc[0]
    assert row["total"] == row["products"] + row["transforms"] + row["elementwise"]
    assert row["rate"] == row["total"] / row["step"]
    assert row["fraction"] == pytest.approx(row["rate"] / result.run["matmul"]["1 thread"])


def test_run_says_on_what_and_with_what(result):
    assert result.run["settings"]["epochs"] == (1, 2)
    assert result.run["machine"]["memory"] > 0
    assert result.run["machine"]["versions"]["torch"] == torch.__version__.split("+")[0]
    assert any("cannot change a bit" in note for note in result.run["notes"])


def test_progress_comes_to_its_end_in_each_stage(told):
    by_stage = {}
    for stage, done, total, _ in told:
        by_stage.setdefault(stage, []).append((done, total))
    assert list(by_stage) == list(study.MEASUREMENTS)
    for calls in by_stage.values():
        assert calls[0] == (0, None)
        total = calls[1][1]
        assert calls[1:] == [(k, total) for k in range(total + 1)]


def test_saved_files_hold_the_results(result, tmp_path):
    files = result.save(tmp_path / "new")
    saved = json.loads(files["speed"].read_text(encoding="utf-8"))
    assert saved["run"]["shapes"][1] == SECOND._asdict()
    assert saved["summary"][0]["ratio"] == pytest.approx(result.summary["ratio"].iloc[0])
    for name, frame in result.frames().items():
        assert list(pd.read_csv(files[name]).columns) == list(frame.columns)
        assert len(saved[name]) == len(frame)


def test_tables_show_each_measurement(result):
    console = Console(width=200, file=io.StringIO())
    for item in tables(result):
        console.print(item)
    text = console.file.getvalue()
    for measurement in result.summary["measurement"].unique():
        assert measurement[1:] in text
    assert "slope in log-log" in text
    assert "memory map of 30 trials" in text
    assert "cannot change a bit" in " ".join(text.split())


def test_a_part_can_be_asked_for():
    result = speed([FIRST], measurements=["matmul", "Step"], **TINY)
    assert result.run["measurements"] == ["matmul", "step"]
    assert set(result.summary["measurement"]) == {"training step", "lag statistics"}
    assert result.growth.empty
    assert list(tables(result))


def test_nothing_global_is_changed():
    def state():
        return torch.get_rng_state().tolist(), torch.get_num_threads(), dict(os.environ)

    before = state()
    speed([FIRST], measurements=["matmul", "step"], **TINY)
    assert state() == before


# -- measuring -----------------------------------------------------------------------------------


def test_contenders_take_turns_in_going_first():
    order = []

    def contender(name):
        return lambda: order.append(name) or {"x": [1.0]}

    contenders = {(name, None): contender(name) for name in "abc"}
    rows = study._interleave(contenders, 3, lambda label: None)
    assert "".join(order) == "abcbcacab"
    assert [row["repetition"] for row in rows] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_warm_up_calls_are_not_timed():
    calls = []
    assert len(study._time_calls(lambda: calls.append(1), 3, n_warm=2)) == 3
    assert len(calls) == 5


def test_an_epoch_is_the_difference_of_two_fits(monkeypatch):
    class Timed:
        def __init__(self, n_epochs):
            self.n_epochs = n_epochs

        def fit(self, X, y):
            clock[0] += 5 + 2 * self.n_epochs

    clock = [0.0]
    monkeypatch.setattr(study, "_estimator", lambda name, length, n_epochs, plan: Timed(n_epochs))
    monkeypatch.setattr(study.time, "perf_counter", lambda: clock[0])
    contenders = study._epochs(FIRST, study._Plan(epochs=(1, 4)))
    for measure in contenders.values():
        assert measure() == {"training epoch": [2], "start of a fit": [5]}


def test_networks_are_of_one_architecture():
    X, y = study._noise(FIRST, 0)
    plan = study._Plan()
    own, published, peer = (study._estimator(name, 8, 1, plan).fit(X, y) for name in NETWORKS)

    def sizes(net):
        return sorted(p.numel() for p in net.parameters())

    assert sizes(own.module_) == sizes(published.module_) == sizes(peer.module_)
    assert own.evaluation_ == "spatial_first"
    assert published.evaluation_ == "published"
    assert own.drop_prob == peer.module_.drop_prob
    assert own.batch_size == peer.batch_size
    assert own.lr == peer.lr


def test_a_slower_step_on_all_threads_is_told(monkeypatch):
    monkeypatch.setattr(study.torch, "get_num_threads", lambda: 2)
    summary = pd.DataFrame(
        {
            "measurement": "training step",
            "eegsep": [1.0, 1.0],
            "braindecode": [9.0, 9.0],
            "braindecode, 1 thread": [4.5, 12.0],
        }
    )
    notes = study._notes(summary, study._Plan(), load=0.0)
    assert "in 1 of 2 shapes; against that, eegsep's ratio is 4.50" in notes[-1]


def test_a_busy_machine_is_told():
    empty = study._summarise(study._as_frame([]))
    assert "quiet machine" in study._notes(empty, study._Plan(), load=100.0)[-1]


# -- memory --------------------------------------------------------------------------------------


def test_a_fit_is_measured_in_a_process_of_its_own():
    found = study._measure_fit("eegsep", Shape(32, 256, 32, 64), study._Plan())
    data = 4 * 64 * 32 * 256
    assert found["peak"] > data  # the estimator's own copy at the least
    assert found["seconds"] > 0


def test_a_process_that_fails_is_told(tmp_path):
    with pytest.raises(RuntimeError, match=r"(?s)TS\+LR on 6x64x8x20.*No such file"):
        study._measure_fit("TS+LR", FIRST, study._Plan(), file=str(tmp_path / "missing.npy"))


def test_a_memory_map_is_written_and_removed(tmp_path, monkeypatch):
    seen = {}

    def fit(contender, shape, plan, n_epochs=2, file=None):
        trials = np.load(file, mmap_mode="r")
        seen.update(shape=trials.shape, dtype=trials.dtype, last=trials[-1].std(), file=file)
        return {"peak": 1, "private": None, "seconds": 1.0}

    monkeypatch.setattr(study, "_measure_fit", fit)
    monkeypatch.setattr(study.tempfile, "tempdir", str(tmp_path))
    contenders = study._memory_map(FIRST, study._Plan(memmap_trials=300))
    values = contenders["eegsep", FIRST._replace(n_trials=300)]()
    assert seen["shape"] == (300, 6, 64)
    assert seen["dtype"] == np.float32
    assert seen["last"] > 0.5
    assert not os.path.exists(seen["file"])
    assert "memory map: private peak memory" not in values


def test_a_memory_map_that_is_asked_for_is_measured_beside_what_is_named():
    plan = study._Plan(memmap_trials=300)
    assert study._chosen_kinds(["growth"], plan) == ["growth", "memory-map"]


# -- arithmetic ----------------------------------------------------------------------------------


class NoModules:
    """Stands in for a counter's hooks on modules, with which the published order is taken."""

    parents = ("Global",)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize("kind", KINDS)
def test_products_spatial_first_are_those_that_torch_counts(kind):
    # where torch counts, it is asked to compute: what is compiled multiplies as often, but for the
    # depthwise convolution of the second block, which is made of transforms there
    net, x, y = network_and_batch(kind)
    net.algorithm = "spatial_first"
    statistics = spatial_first.LagStatistics(net.kernel_length, len(x)).add(x).of_batch()
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = NoModules()
    with counter:
        take_step(net, x, y, statistics)
    depthwise = 0
    if net.separable_kind == "separable":
        maps = torch.randn(len(x), net.F1 * net.D, 1, 96 // 4, requires_grad=True)
        with FlopCounterMode(display=False) as of_depthwise:
            net.separable_depthwise(maps).sum().backward()
        depthwise = of_depthwise.get_total_flops()
    counted = step_operations(net, len(x), spatially_first=True)
    assert counted["products"] == counter.get_total_flops() - depthwise


@pytest.mark.parametrize("kind", KINDS)
def test_products_in_published_order_are_those_that_torch_counts(kind):
    net, x, _ = network_and_batch(kind)
    with FlopCounterMode(display=False) as counter:
        net(x)
    # forward and two gradients; the input of the first convolution needs none (torch's own count
    # of a grouped convolution's backward pass is too large by the number of groups)
    first = 2 * net.F1 * net.n_chans * net.n_times * net.kernel_length * len(x)
    counted = step_operations(net, len(x), spatially_first=False)
    assert counted["products"] == 3 * counter.get_total_flops() - first
    assert counted["transforms"] == 0


def test_whole_step_without_groups_is_what_torch_counts():
    net, x, y = network_and_batch(KINDS[-1])
    with FlopCounterMode(display=False) as counter:
        take_step(net, x, y)
    counted = step_operations(net, len(x), spatially_first=False)
    assert counted["products"] == counter.get_total_flops()


def test_transforms_are_counted_by_the_closed_form():
    # 2 maps: 8 transforms of 256 samples, and 20 operations for each map and each of 129 bins;
    # after pooling by 4, 60 samples and a kernel of 40: the same with 80 samples and 41 bins
    net = EEGNet(
        3, 240, 2, F1=2, D=1, kernel_length=8, separable_kernel_length=40, generator=generator()
    )
    counted = step_operations(net, 5, spatially_first=True)
    block1 = 8 * 2.5 * 256 * 8 + 2 * 20 * 129
    block2 = 8 * 2.5 * 80 * math.log2(80) + 2 * 20 * 41
    assert counted["transforms"] == pytest.approx(5 * (block1 + block2))


def generator():
    return torch.Generator().manual_seed(0)


def network_and_batch(kind):
    sizes = {"F1": 4, "F2": 6, "kernel_length": 11, "algorithm": "published"}
    net = EEGNet(5, 96, 3, **sizes, generator=generator(), **kind).train()
    x = torch.randn(4, 5, 96, generator=generator())
    return net, x, torch.zeros(4, dtype=torch.long)


def take_step(net, x, y, statistics=None):
    optimizer = loop.KerasAdam(net.parameters(), lr=1e-3)
    loop.train_step(net, optimizer, x, y, torch.ones(len(y)), statistics)


# -- requests that cannot be met -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"shapes": ["64x480"]}, "shape '64x480': write channels, samples"),
        ({"shapes": ["64xlongx3"]}, "write channels, samples"),
        ({"shapes": [480]}, "write channels, samples"),
        ({"shapes": []}, "nothing to measure"),
        ({"shapes": [FIRST, FIRST]}, "given twice"),
        ({"shapes": [(1, 64, 8)]}, "2 channels"),
        ({"shapes": [(6, 20, 8)]}, "32 samples"),
        ({"shapes": [(6, 64, 65)]}, "kernel length"),
        ({"shapes": [(6, 64, 8, 10)]}, "20 trials"),
        ({"measurements": ["speed"]}, "unknown measurement"),
        ({"measurements": ["memory-map"]}, "how many trials"),
        ({"repetitions": 0}, "repetitions must be 1 or more"),
        ({"n_jobs": 0}, "jobs must be"),
        ({"epochs": (3, 3)}, "two rising numbers"),
        ({"growth": (90,)}, "two numbers of trials"),
        ({"growth": (90, 10**10)}, "GB of memory"),
        ({"memmap_trials": 10**12}, "GB of disk"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_clear_error(request_, why, monkeypatch):
    monkeypatch.setattr(study, "_measure", None)  # nothing is measured
    with pytest.raises(RequestError, match=why) as error:
        speed(**request_)
    assert "\n" not in str(error.value)


def test_quick_gives_way_to_what_is_said():
    result = speed([FIRST], measurements=["matmul"], quick=True, steps=3, matmul_size=32)
    assert result.run["settings"] == {
        **dataclasses.asdict(study._Plan()),
        **study._QUICK,
        "steps": 3,
        "matmul_size": 32,
    }
