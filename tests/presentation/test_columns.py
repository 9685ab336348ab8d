"""Cells of columns that are described once."""

from eegsep.presentation.columns import against_reference, write


def test_a_template_writes_a_value_of_each_row():
    rows = [{"layer": "spatial", "parameters": 1234}, {"layer": "all", "parameters": 2484}]
    columns = [("layer", "{layer}"), ("params", "{parameters:,}")]
    assert write(rows, columns) == [["spatial", "1,234"], ["all", "2,484"]]


def test_conversions_are_of_scores_seconds_and_sizes():
    row = {"score": 0.625, "seconds": 0.0015, "bytes": 20_400_000, "shape": (8, 22, 512)}
    cell = "{score!c:.1f} {seconds!k:.1f} {seconds!u:.0f} {bytes!M:.1f} {shape!x}"
    assert write([row], [("", cell)]) == [["62.5 1.5 1500 20.4 8x22x512"]]


def test_a_part_without_a_value_is_left_out():
    column = ("score", "{mean!c:.1f}", " ± {sd!c:.1f}")
    rows = [{"mean": 0.5, "sd": 0.1}, {"mean": 0.5, "sd": float("nan")}, {"mean": 0.5}, {}]
    rows.append({"mean": None, "sd": None})
    assert write(rows, [column]) == [["50.0 ± 10.0"], ["50.0"], ["50.0"], [""], [""]]


def test_nothing_in_a_value_is_taken_as_a_template():
    assert write([{"name": "{score}"}], [("", "{name}")]) == [["{score}"]]


def test_the_reference_has_no_difference_to_itself():
    rows = [
        {"pipeline": name, "reference": "a", "difference": 0.0, "difference_sd": 0.0}
        for name in "ab"
    ]
    assert write(against_reference(rows, "pipeline"), [("", "{difference}")]) == [[""], ["0.0"]]
