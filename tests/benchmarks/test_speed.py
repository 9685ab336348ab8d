"""The benchmark of speed counts, arranges and measures as it says; no time is asserted."""

import dataclasses
import io
import math
import os
import time

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console
from torch.utils.flop_counter import FlopCounterMode
from typer import Typer
from typer.testing import CliRunner

from benchmarks.speed import memory, results, timing
from benchmarks.speed.__main__ import main
from benchmarks.speed.contenders import CONTENDERS, NETWORKS, make_estimator, noise
from benchmarks.speed.operations import step_operations
from benchmarks.speed.plan import SIZES, Plan, Shape, make_plan
from benchmarks.speed.run import MEASUREMENTS, prepare, speed
from benchmarks.speed.tables import tables
from eegsep import EEGNet
from eegsep._utils.errors import RequestError
from eegsep.network import spatial_first
from eegsep.training import loop
from tests.conftest import REPOSITORY

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
        patch.setattr(memory, "_measure_fit", fit_that_needs_thrice_the_data)
        plan = make_plan(memmap_trials=30, **TINY)
        shapes, kinds = prepare(["6x64x8x20", "3x70x9x24"], None, plan)
        return speed(shapes, kinds, plan, lambda *arguments: told.append(arguments))


# -- what comes out ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measurement", "contenders", "n_shapes"),
    [
        ("training step", [*NETWORKS, "braindecode, 1 thread"], 2),
        ("lag statistics", ["eegsep"], 1),  # the second shape is cheaper in published order
        ("training epoch", NETWORKS, 2),
        ("start of a fit", NETWORKS, 2),
        ("latency", CONTENDERS, 2),
        ("peak memory", CONTENDERS, 2),
        ("cross-validation", ["eegsep", "braindecode", "CSP+LDA", "TS+LR"], 1),
    ],
)
def test_each_measurement_has_a_row_a_shape(result, measurement, contenders, n_shapes):
    rows = result.summary.query("measurement == @measurement and statistic == 'median'")
    assert list(map(tuple, rows[SIZES].to_numpy(int))) == [FIRST, SECOND][:n_shapes]
    numbers = rows[[*CONTENDERS, "braindecode, 1 thread"]]
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
    row = results.summarise(results.as_frame(rows).assign(unit="s")).iloc[0]
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


def test_progress_comes_to_its_end_in_each_stage(told):
    by_stage = {}
    for stage, done, total, _ in told:
        by_stage.setdefault(stage, []).append((done, total))
    assert list(by_stage) == list(MEASUREMENTS)
    for calls in by_stage.values():
        assert calls[0] == (0, None)
        total = calls[1][1]
        assert calls[1:] == [(k, total) for k in range(total + 1)]


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


# -- measuring -----------------------------------------------------------------------------------


def test_contenders_take_turns_in_going_first():
    order = []

    def contender(name):
        return lambda: order.append(name) or {"x": [1.0]}

    contenders = {(name, None): contender(name) for name in "abc"}
    rows = timing.interleave(contenders, 3, lambda label: None)
    assert "".join(order) == "abcbcacab"
    assert [row["repetition"] for row in rows] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_warm_up_calls_are_not_timed():
    calls = []
    assert len(timing.time_calls(lambda: calls.append(1), 3, n_warm=2)) == 3
    assert len(calls) == 5


def test_an_epoch_is_the_difference_of_two_fits(monkeypatch):
    class Timed:
        def __init__(self, n_epochs):
            self.n_epochs = n_epochs

        def fit(self, X, y):
            clock[0] += 5 + 2 * self.n_epochs

    clock = [0.0]
    monkeypatch.setattr(
        timing, "make_estimator", lambda name, length, n_epochs, plan: Timed(n_epochs)
    )
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    contenders = timing.epochs(FIRST, Plan(epochs=(1, 4)))
    for measure in contenders.values():
        assert measure() == {"training epoch": [2], "start of a fit": [5]}


def test_networks_are_of_one_architecture():
    X, y = noise(FIRST, 0)
    plan = Plan()
    own, published, peer = (make_estimator(name, 8, 1, plan).fit(X, y) for name in NETWORKS)

    def sizes(net):
        return sorted(p.numel() for p in net.parameters())

    assert sizes(own.module_) == sizes(published.module_) == sizes(peer.module_)
    assert own.algorithm_ == "spatial_first"
    assert published.algorithm_ == "published"
    assert own.drop_prob == peer.module_.drop_prob
    assert own.batch_size == peer.batch_size
    assert own.lr == peer.lr


def test_a_slower_step_on_all_threads_is_told(monkeypatch):
    monkeypatch.setattr(results.torch, "get_num_threads", lambda: 2)
    summary = pd.DataFrame(
        {
            "measurement": "training step",
            "eegsep": [1.0, 1.0],
            "braindecode": [9.0, 9.0],
            "braindecode, 1 thread": [4.5, 12.0],
        }
    )
    notes = results.notes(summary, Plan(), load=0.0)
    assert "in 1 of 2 shapes; against that, eegsep's ratio is 4.50" in notes[-1]


def test_a_busy_machine_is_told():
    empty = results.summarise(results.as_frame([]))
    assert "quiet machine" in results.notes(empty, Plan(), load=100.0)[-1]


# -- memory --------------------------------------------------------------------------------------


@pytest.fixture
def at_the_root(monkeypatch):
    monkeypatch.chdir(REPOSITORY)  # where the process finds this benchmark


def test_a_fit_is_measured_in_a_process_of_its_own(at_the_root):
    found = memory._measure_fit("eegsep", Shape(32, 256, 32, 64), Plan())
    data = 4 * 64 * 32 * 256
    assert found["peak"] > data  # the estimator's own copy at the least
    assert found["seconds"] > 0


def test_pages_of_a_memory_map_are_not_private(tmp_path):
    if math.isnan(memory._private()):
        pytest.skip("this system does not tell private memory")
    file, size = tmp_path / "block.npy", 64 * 2**20
    np.save(file, np.ones(size // 8))

    def read():
        mapped = np.load(file, mmap_mode="r")
        mapped.sum()
        time.sleep(0.02)

    before = memory._private()
    assert memory.highest_while(read, memory._private) - before < 0.3 * size


def test_a_process_that_fails_is_told(at_the_root, tmp_path):
    with pytest.raises(RuntimeError, match=r"(?s)TS\+LR on 6x64x8x20.*No such file"):
        memory._measure_fit("TS+LR", FIRST, Plan(), file=str(tmp_path / "missing.npy"))


def test_a_memory_map_is_written_and_removed(tmp_path, monkeypatch):
    seen = {}

    def fit(contender, shape, plan, n_epochs=2, file=None):
        trials = np.load(file, mmap_mode="r")
        seen.update(shape=trials.shape, dtype=trials.dtype, last=trials[-1].std(), file=file)
        return {"peak": 1, "private": math.nan, "seconds": 1.0}

    monkeypatch.setattr(memory, "_measure_fit", fit)
    monkeypatch.setattr(memory.tempfile, "tempdir", str(tmp_path))
    contenders = memory.memory_map(FIRST, Plan(memmap_trials=300))
    values = contenders["eegsep", FIRST._replace(n_trials=300)]()
    assert seen["shape"] == (300, 6, 64)
    assert seen["dtype"] == np.float32
    assert seen["last"] > 0.5
    assert not os.path.exists(seen["file"])
    assert "memory map: private peak memory" not in values


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
    # after pooling by 4, 60 samples and a kernel of 40: the same with 96 samples, the next
    # number without other factors than 2 and 3, and 49 bins
    net = EEGNet(
        3, 240, 2, F1=2, D=1, kernel_length=8, separable_kernel_length=40, generator=generator()
    )
    counted = step_operations(net, 5, spatially_first=True)
    block1 = 8 * 2.5 * 256 * 8 + 2 * 20 * 129
    block2 = 8 * 2.5 * 96 * math.log2(96) + 2 * 20 * 49
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


# -- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shapes", "kinds", "why"),
    [
        (["64x480"], None, "shape '64x480': write channels, samples"),
        (["64xlongx3"], None, "write channels, samples"),
        (["6x64x8", "6x64x8x288"], None, "given twice"),
        (["1x64x8"], None, "2 channels"),
        (["6x20x8"], None, "32 samples"),
        (["6x64x65"], None, "kernel length"),
        (["6x64x8x10"], None, "20 trials"),
        (None, ["speed"], "unknown measurement"),
        (None, ["memory-map"], "20 trials or more"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_clear_error(shapes, kinds, why):
    with pytest.raises(RequestError, match=why) as error:
        prepare(shapes, kinds, Plan())
    assert "\n" not in str(error.value)


def test_a_memory_map_that_the_disk_cannot_hold_is_refused():
    with pytest.raises(RequestError, match="GB of disk"):
        prepare(None, None, Plan(memmap_trials=10**12))


def test_a_memory_map_that_is_asked_for_is_measured_beside_what_is_named():
    assert prepare(None, ["Growth"], Plan(memmap_trials=300))[1] == ["growth", "memory-map"]


def test_quick_gives_way_to_what_is_said():
    plan = make_plan(quick=True, steps=3, cv_epochs=None)
    assert plan.steps == 3
    assert plan.cv_epochs == make_plan(quick=True).cv_epochs < Plan().cv_epochs
    assert dataclasses.replace(make_plan(seed=2), seed=0) == Plan()


@pytest.fixture
def command(monkeypatch):
    for name in ("MNE_LOGGING_LEVEL", "PYTHONWARNINGS"):
        monkeypatch.setenv(name, "")  # what the command sets is undone in the end
    app = Typer()
    app.command()(main)
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))


def test_the_command_prints_and_writes_what_it_measured(command, tmp_path):
    done = command("--quick", "--measure", "matmul", "--output", tmp_path)
    assert done.exit_code == 0, done.output
    assert "GFLOP/s" in done.stdout
    values = pd.read_csv(tmp_path / "measurements.csv")
    assert set(values["measurement"]) == {"matrix product"}


def test_the_command_refuses_in_a_line(command):
    done = command("--shape", "0x0x0")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "eegsep: shape 0x0x0x288: the contenders need 2 channels" in done.stderr
