"""Costs: formula, count on the module, torch's own FLOP counter and the papers' figures agree."""

import json
from itertools import product

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from eegsep import EEGNet
from eegsep.network.convolutions import FAMILY
from eegsep.network.cost import (
    Machine,
    cost,
    count,
    count_layers,
    eegnet_formula,
    family_table,
    formula,
    measure_machine,
    network_table,
    output_size,
    reduction,
    reduction_table,
    say_speed,
    time_in_turns,
    worked_example,
)

OPTIONS = {
    "standard": [{}],
    "grouped": [{"groups": 1}, {"groups": 4}],
    "depthwise": [{}],
    "pointwise": [{}],
    "depthwise_separable": [{}, {"multiplier": 3}],
    "spatially_separable": [{}],
    "low_rank": [{"rank": 1}, {"rank": 3}],
    "inception": [{"n_towers": 2}, {"n_towers": 4}],
    "extreme_inception": [{}],
    "shuffle": [{"groups": 2}, {"groups": 4, "hidden_channels": 16}],
}
MEMBERS = [(kind, options) for kind, several in OPTIONS.items() for options in several]
PLACES = [
    {},
    {"padding": (1, 0), "stride": (1, 2)},
    {"padding": 2, "stride": 2, "dilation": (1, 2)},
    {"padding": "same"},
]


def by_flop_counter(module, *input_size):
    """Multiply-adds of a module by torch's counter, which takes each for two."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval()(torch.zeros(1, *input_size))
    return counter.get_total_flops() / 2


# -- layers --------------------------------------------------------------------------------------


def test_every_member_of_the_family_is_tested():
    assert set(OPTIONS) == set(FAMILY)


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize(("kind", "options"), MEMBERS, ids=str)
def test_formula_count_and_torchs_counter_agree(kind, options, place):
    kernel = (1, 1) if kind == "pointwise" else (3, 4)
    layer = FAMILY[kind](8, 16, kernel, **place, **options)
    by_formula = formula(kind, 8, 16, kernel, (11, 13), **place, **options)
    assert by_formula == count(layer, (8, 11, 13))
    assert by_formula.multiply_adds == by_flop_counter(layer, 8, 11, 13)
    assert by_formula.parameters == sum(p.numel() for p in layer.parameters())


@settings(max_examples=50, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_output_size_is_torchs(kernel, stride, padding, dilation):
    place = {"stride": stride, "padding": padding, "dilation": dilation}
    expected = nn.Conv2d(1, 1, kernel, **place)(torch.zeros(1, 1, 10, 12)).shape[2:]
    assert output_size((10, 12), kernel, **place) == tuple(expected)


@pytest.mark.parametrize("n", [1, 3, 64, 256])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 5), (1, 16)])
def test_reduction_is_the_ratio_of_weights_and_of_multiply_adds(n, kernel):
    separable = formula("depthwise_separable", 7, n, kernel, (20, 20))
    standard = formula("standard", 7, n, kernel, (20, 20))
    terms = reduction(n, kernel)
    assert terms.total == pytest.approx(separable.parameters / standard.parameters)
    assert terms.total == pytest.approx(separable.multiply_adds / standard.multiply_adds)
    assert terms.total == terms.depthwise + terms.pointwise
    depthwise = formula("depthwise", 7, 7, kernel, (20, 20))
    assert terms.depthwise == pytest.approx(depthwise.parameters / standard.parameters)
    assert terms.pointwise_share == pytest.approx(7 * n / separable.parameters)


def test_pointwise_step_dominates_once_there_are_more_channels_than_places_in_the_kernel():
    assert [reduction(n, 3).pointwise_share > 0.5 for n in (8, 9, 10)] == [False, False, True]


def test_a_full_rank_costs_more_than_the_kernel_it_makes():
    full, whole = (
        formula(kind, 1, 8, (5, 5), (9, 9), rank=5).parameters for kind in ("low_rank", "standard")
    )
    assert full == 2 * whole


# Howard et al. 2017, table 1, a layer in the middle: 3 x 3 depthwise and 1 x 1 on 14 x 14 x 512
def test_mobilenets_layer_has_the_papers_multiply_adds():
    """Table 3: 52.3 million multiply-adds, 0.27 million parameters; 462 and 2.36 if standard."""
    size = (512, 512, 3, (14, 14))
    separable = formula("depthwise_separable", *size, padding=1)
    standard = formula("standard", *size, padding=1)
    assert [round(value / 1e6, 1) for value in (separable[1], standard[1])] == [52.3, 462.4]
    assert [round(value / 1e6, 2) for value in (separable[0], standard[0])] == [0.27, 2.36]


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match=r"kind must be one of standard, .*'joined'"):
        formula("joined", 1, 1, 1, (1, 1))


def test_a_kernel_larger_than_its_input_is_named():
    with pytest.raises(ValueError, match="over 7 places does not fit an input of 3 padded by 2"):
        formula("standard", 1, 1, (1, 7), (3, 3), padding=1)


# -- any module ----------------------------------------------------------------------------------


def test_linear_and_other_convolutions_are_counted():
    net = nn.Sequential(
        nn.Conv1d(3, 5, 4), nn.ReLU(), nn.BatchNorm1d(5), nn.Flatten(), nn.Linear(5 * 7, 2)
    )
    counted = count(net, (3, 10))
    assert counted.multiply_adds == by_flop_counter(net, 3, 10) == 5 * 3 * 4 * 7 + 5 * 7 * 2
    assert counted.parameters == sum(p.numel() for p in net.parameters())


def test_a_layer_that_runs_twice_has_its_parameters_once():
    layer = nn.Linear(4, 4)
    table = count_layers(nn.Sequential(layer, nn.ReLU(), layer), (4,))
    assert table["parameters"].tolist() == [20, 0]
    assert table["multiply_adds"].tolist() == [16, 16]


def test_counting_leaves_the_module_as_it_was():
    net = EEGNet(4, 64, 2).train()
    net.dropout1.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    count(net, (4, 64))
    assert net.training
    assert not net.dropout1.training
    assert not any(layer._forward_hooks for layer in net.modules())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_layer_of_an_unknown_kind_is_refused():
    with pytest.raises(TypeError, match="GRU, are not known"):
        count(nn.Sequential(nn.GRU(3, 4)), (2, 3))


def test_bytes_are_of_input_weights_and_output():
    table = count_layers(nn.Conv2d(3, 8, 3, bias=False), (3, 5, 5), batch_size=2)
    assert table["bytes"].item() == 4 * (2 * 3 * 5 * 5 + 8 * 3 * 3 * 3 + 2 * 8 * 3 * 3)
    assert table["intensity"].item() == 2 * 2 * 1944 / table["bytes"].item()


# -- the network ---------------------------------------------------------------------------------

SPATIAL = ("depthwise", "grouped:4", "standard", "joint", "low_rank:2")
SEPARABLE = (
    "separable",
    "grouped:4",
    "standard",
    "shuffle:4",
    "inception",
    "spatially_separable",
)


@pytest.mark.parametrize(("spatial", "separable"), list(product(SPATIAL, SEPARABLE)))
def test_eegnets_formula_count_and_torchs_counter_agree(spatial, separable):
    kinds = {"spatial": spatial, "separable": separable}
    net = EEGNet(9, 130, 3, kernel_length=32, **kinds)
    by_formula = eegnet_formula(9, 130, 3, kernel_length=32, **kinds)
    counted = count_layers(net, (9, 130))
    counted["layer"] = counted["layer"].str.partition(".")[0]
    counted = counted.groupby("layer", sort=False)[["parameters", "multiply_adds"]].sum()
    pd.testing.assert_frame_equal(by_formula.set_index("layer"), counted)
    assert by_formula["multiply_adds"].sum() == by_flop_counter(net, 9, 130)
    assert by_formula["parameters"].sum() == sum(p.numel() for p in net.parameters())


def test_eegnet_has_the_multiply_adds_written_out_by_hand():
    table = eegnet_formula().set_index("layer")["multiply_adds"]
    assert table["temporal"] == 8 * 64 * 22 * 512
    assert table["spatial"] == 16 * 22 * 512
    assert table["separable_depthwise"] == 16 * 16 * 128
    assert table["pointwise"] == 16 * 16 * 128
    assert table["classifier"] == 4 * 16 * 16
    assert table.sum() == 6_013_952


def test_formula_takes_matched_and_short_windows_as_the_network_does():
    for sizes in ((22, 512, 4), (3, 7, 2)):
        kinds = {"spatial": "standard", "F1": "matched"}
        expected = count(EEGNet(*sizes, **kinds), sizes[:2])
        by_formula = eegnet_formula(*sizes, **kinds)
        assert tuple(by_formula[["parameters", "multiply_adds"]].sum()) == expected


def test_network_table_judges_layers_by_the_machines_balance():
    net = EEGNet(22, 512, 4)
    machine = Machine(flops=1e11, bandwidth=1e10, n_threads=1)
    table = network_table(net, 16, machine, repetitions=1).set_index("layer")
    assert table.loc["temporal", "bound"] == "compute"
    assert set(table["bound"].drop("temporal")) == {"memory"}
    assert table["share"].sum() == pytest.approx(1)
    assert table["time_share"].sum() == pytest.approx(1)
    assert net.training


# -- the worked example --------------------------------------------------------------------------


def test_worked_example_has_every_shape():
    table = worked_example(out_channels=4)
    shapes = table[["input", "kernel", "output"]].to_numpy().tolist()
    assert shapes == [
        [(3, 5, 5), (4, 3, 3, 3), (4, 3, 3)],
        [(3, 5, 5), (3, 1, 3, 3), (3, 3, 3)],
        [(3, 3, 3), (4, 3, 1, 1), (4, 3, 3)],
    ]
    assert table["parameters"].tolist() == [108, 27, 12]
    assert table["multiply_adds"].tolist() == [972, 243, 108]


def test_worked_example_has_a_well_known_tutorials_figures():
    """C.-F. Wang, A basic introduction to separable convolutions (2018): 12 x 12 x 3, 5 x 5."""
    table = worked_example(256, 3, (12, 12), 5)
    assert table["multiply_adds"].tolist() == [1_228_800, 4_800, 49_152]


# -- tables --------------------------------------------------------------------------------------


def test_reduction_table_has_the_papers_eight_to_nine_times():
    """Howard et al. 2017, section 3.1: between 8 and 9 times less computation."""
    table = reduction_table(timed=False)
    assert table["channels"].tolist() == [64, 128, 256]
    assert table["reduction"].round(1).tolist() == [7.9, 8.4, 8.7]
    assert (table["factor"] * table["reduction"]).tolist() == pytest.approx([1, 1, 1])


def test_tables_have_times_where_asked():
    table = reduction_table(((4, 6),), repetitions=1)
    assert table["speedup"].item() == pytest.approx(
        table["standard_seconds"].item() / table["separable_seconds"].item()
    )
    assert "speedup" not in family_table(16, 6, timed=False)
    assert (family_table(16, 6, repetitions=1)["seconds"] > 0).all()


@pytest.mark.parametrize(
    ("speedup", "text"),
    [
        ([2.0, 4.0], "only 25% to 50%.*not proportionally faster"),
        ([8.0, 8.0], ": 100% to 100% of what the arithmetic promises"),
        ([4.0, 16.0], ": 50% to 200% of what the arithmetic promises"),
        ([16.0, 16.0], "more than the arithmetic promises"),
    ],
)
def test_sentence_on_speed_follows_the_numbers(speedup, text):
    table = pd.DataFrame({"reduction": [8.0, 8.0], "speedup": speedup})
    assert pd.Series(say_speed(table)).str.contains(text).item()


def test_actions_take_turns():
    told = []
    seconds = time_in_turns(
        {name: lambda name=name: told.append(name) or torch.zeros(10).sum() for name in "ab"}, 2
    )
    assert set(seconds) == {"a", "b"}
    assert min(seconds.values()) > 0
    assert told[:2] == ["a", "a"]
    turns = [name for i, name in enumerate(told) if i == 0 or told[i - 1] != name]
    assert turns == ["a", "b", "a", "b", "a"]  # one call each to begin with, then ab, ba


def test_machine_has_a_balance():
    machine = measure_machine(size=64, n_bytes=2**16, repetitions=1)
    assert machine.balance == machine.flops / machine.bandwidth > 0
    assert machine.n_threads == torch.get_num_threads()


def test_result_is_saved_and_is_clean_json(tmp_path):
    result = cost(EEGNet(4, 64, 2, spatial="grouped:2"), timed=False)
    files = result.save(tmp_path)
    stored = json.loads(files["cost"].read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(result.as_dict()))
    assert stored["run"]["settings"]["spatial"] == "grouped:2"
    assert stored["machine"] is None
    assert len(pd.read_csv(files["network"])) == len(result.network)


def test_timing_leaves_the_number_of_threads(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "eegsep.network.cost.result.measure_machine", lambda **_: seen.append(threads())
    )
    threads = torch.get_num_threads
    before = threads()
    monkeypatch.setattr("eegsep.network.cost.result.reduction_table", lambda **_: None)
    monkeypatch.setattr("eegsep.network.cost.result.family_table", lambda **_: None)
    cost(EEGNet(4, 64, 2), n_threads=before + 1)
    assert seen == [before + 1]
    assert threads() == before
