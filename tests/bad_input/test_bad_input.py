"""Each row of the table of bad input comes out as it says; and whatever hypothesis thinks of."""

from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from eegsep._utils.errors import RequestError
from eegsep._utils.values import labels_of
from eegsep.datasets import study

from .commands import command
from .everything import CASES
from .table import Refusal
from .trials import FITTED


@pytest.mark.parametrize(
    ("area", "case"),
    CASES,
    ids=[ascii(f"{area.title}: {case.name}")[1:-1].replace("\\", "/") for area, case in CASES],
)
def test_bad_input_is_answered_rightly_or_refused_in_plain_words(area, case, tmp_path):
    area.check(case, tmp_path)


def test_there_are_250_kinds_of_bad_input_and_no_two_are_the_same():
    names = [(area.title, case.name) for area, case in CASES]
    assert len(set(names)) == len(names) >= 250


WINDOWS = st.one_of(
    arrays.array_shapes(max_dims=5, max_side=4),
    st.tuples(st.integers(0, 3), st.sampled_from([7, 8, 64]), st.sampled_from([8, 63, 64])),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
@pytest.mark.filterwarnings("ignore")
def test_any_array_is_decoded_as_the_same_numbers_in_double_precision_or_refused(data):
    kinds = [arrays.floating_dtypes(), arrays.integer_dtypes(), arrays.boolean_dtypes()]
    kinds += [
        arrays.complex_number_dtypes(),
        arrays.datetime64_dtypes(),
        arrays.unicode_string_dtypes(),
    ]
    dtype = data.draw(st.one_of(*kinds))
    # a few values that are drawn, in as many places as there are
    few = data.draw(arrays.arrays(dtype, 5))
    shape = data.draw(WINDOWS)
    X = np.resize(few, shape).astype(dtype)
    try:
        probabilities = FITTED.predict_proba(X)
    except (ValueError, TypeError):
        return
    assert X.shape[1:] == (8, 64)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities, FITTED.predict_proba(X.astype(np.float64)), atol=1e-5)


LABELS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(width=32),
    st.text(max_size=2),
    st.binary(max_size=2),
    st.just(pd.NA),
    st.just(pd.NaT),
    st.tuples(st.integers()),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(LABELS, min_size=1, max_size=6))
@pytest.mark.filterwarnings("ignore")
def test_any_labels_are_as_many_classes_as_there_are_different_ones_or_refused(labels):
    try:
        y = labels_of("fit", labels)
    except (ValueError, TypeError):
        return
    assert len(np.unique(y)) == len(set(labels))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(content=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_study_yml_is_refused_in_a_line(content, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "any_study"
    folder.mkdir(exist_ok=True)
    (folder / "study.yml").write_bytes(content)
    with pytest.raises(RequestError) as refused:
        study(folder)
    assert len(str(refused.value).splitlines()) == 1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(["--F1", "--spatial", "--separable", "--n-chans", "--kernel-length"]),
    st.text(max_size=6),
)
def test_any_value_of_an_option_is_taken_or_refused_in_a_line(option, value):
    with suppress(Refusal):  # a line, and status 2
        command(["cost", "--no-time", "--json", f"{option}={value}"])
