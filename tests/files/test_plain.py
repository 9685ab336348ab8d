"""Plain values: what is packed comes back with its type, and what is not plain is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eegsep.files.plain import Packer, unpack


def there_and_back(value):
    packer = Packer()
    text = json.dumps(packer.pack(value), allow_nan=False)
    return unpack(json.loads(text), packer.arrays)


ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
KEYS = st.none() | st.booleans() | st.integers() | st.text()
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_a_value_of_pythons_comes_back_with_its_type(value):
    assert repr(there_and_back(value)) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        *(np.arange(6).reshape(2, 3).astype(kind) for kind in ("i1", "u8", "f2", "f4", "f8", "?")),
        np.array(2.5),
        np.empty((0, 4)),
        np.arange(6.0).reshape(2, 3).T,
        np.arange(3, dtype=">f8"),
        np.array([np.nan, -np.inf, -0.0]),
        np.array([["left", "right"]]),
        np.array([b"left", b"right"]),
        np.array(["left", 1, None], dtype=object),
        np.array(["2020-01-01", "2021-01-01"], dtype="M8[D]"),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_comes_back_with_its_type_and_shape(array):
    back = there_and_back({"an": [array]})["an"][0]
    assert back.dtype == array.dtype.newbyteorder("=")
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("value", [np.float32(0.1), np.int8(-3), np.bool_(True), np.str_("é")])
def test_a_value_of_numpys_comes_back_with_its_type(value):
    assert type(there_and_back(value)) is type(value)
    assert there_and_back(value) == value


@pytest.mark.parametrize("value", [len, object(), {1, 2}, 1j, np.longdouble(1), np.array([1j])])
def test_what_is_not_plain_is_refused_with_its_type(value):
    with pytest.raises(TypeError, match=r"the thing has .*(type|array)"):
        Packer().pack([value], "the thing")


@pytest.mark.parametrize(
    ("packed", "what"),
    [
        ({"function": "os.system"}, "unknown kind"),
        ({"a": 1, "b": 2}, "unknown kind"),
        ({"tuple": 1}, "a list is expected"),
        ({"dict": [[1, 2], [1, 3]]}, "a key twice"),
        ({"dict": [[[], 2]]}, "not written as one"),
        ({"numpy": ["int8", 300]}, "int8"),
        ({"numpy": ["object", 1]}, "not written as one"),
        ({"float": "1e999"}, "not written as one"),
        ({"array": "0001"}, "not written as one"),
        ({"tuple": [{"array": "0000"}, {"array": "0000"}]}, "not written as one"),
        ({"array of text": [[10**12], ["a"]]}, "reshape"),
        ({"array of text": [[1], [2]]}, "something else"),
        ({"array of times": ["O", "0000"]}, "another kind"),
    ],
)
def test_what_no_packer_makes_is_refused(packed, what):
    with pytest.raises(ValueError, match=what):
        unpack(packed, {"0000": np.zeros(3)})


def test_deeply_nested_values_are_refused():
    packed = None
    for _ in range(200):
        packed = [packed]
    with pytest.raises(ValueError, match="too deeply"):
        unpack(packed, {})
