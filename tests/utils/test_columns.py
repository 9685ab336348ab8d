"""Cells of columns that are described once."""

from eegsep._utils.columns import COLUMNS, headings, in_words, notes, write


def test_a_template_writes_a_value_of_each_row():
    rows = [{"layer": "spatial", "parameters": 1234}, {"layer": "all", "parameters": 2484}]
    columns = [("layer", "{layer}"), ("params", "{parameters:,}")]
    assert write(rows, columns) == [["spatial", "1,234"], ["all", "2,484"]]


def test_conversions_are_of_scores_seconds_and_sizes():
    row = {"score": 0.625, "seconds": 0.0015, "bytes": 20_400_000, "shape": (8, 22, 512)}
    cell = "{score!c:.1f} {seconds!k:.1f} {seconds!u:.0f} {bytes!M:.1f} {shape!x}"
    assert write([row], [("", cell)]) == [["62.5 1.5 1500 20.4 8×22×512"]]


def test_a_part_without_a_value_is_left_out():
    column = ("score", "{mean!c:.1f}", " ± {sd!c:.1f}")
    rows = [{"mean": 0.5, "sd": 0.1}, {"mean": 0.5, "sd": float("nan")}, {"mean": 0.5}, {}]
    rows.append({"mean": None, "sd": None})
    assert write(rows, [column]) == [["50.0 ± 10.0"], ["50.0"], ["50.0"], [""], [""]]


def test_nothing_in_a_value_is_taken_as_a_template():
    assert write([{"name": "{score}"}], [("", "{name}")]) == [["{score}"]]


def test_a_name_brings_its_heading_and_its_format():
    columns = ["pipeline", "time", ("score", "{mean}", " ± {sd}"), "difference"]
    assert headings(columns, reference="EEGNet") == ["pipeline", "s/fit", "score", "− EEGNet"]
    row = {"pipeline": "a", "time": 1.23456, "mean": 0.625, "sd": 0.05, "difference": -0.1}
    assert write([row], columns) == [["a", "1.23", "62.5 ± 5.0", "-10.0"]]


def test_sizes_are_the_same_from_a_file():
    assert write([{"output": "(8, 22, 512)"}], ["output"]) == [["8×22×512"]]


def test_notes_are_those_of_bids():
    assert notes(["memory", "pipeline", "somebody's own"]) == {
        "memory": {"Description": "peak memory of a fit; above the trials", "Units": "B"},
        "pipeline": {"Description": "name of the pipeline"},
    }


def test_an_axis_has_the_meaning_without_its_second_half():
    assert in_words("memory") == "peak memory of a fit"


def test_every_description_can_be_written():
    for name, column in COLUMNS.items():
        value = (1, 2) if column.form == "!x" else 1
        assert write([{name: value}], [name])[0][0]
        assert column.meaning
