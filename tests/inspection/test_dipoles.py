"""Dipoles lie where the forward model put the source; unit, sign and reference do not matter."""

import mne
import numpy as np
import pytest

from eegsep.datasets import SimulatedMotorImagery
from eegsep.inspection.dipoles import COLUMNS, can_fit_dipoles, fit_dipoles
from eegsep.inspection.poles import poles, say_poles

NAMES = [
    *("F3", "Fz", "F4"),
    *("FC5", "FC3", "FC1", "FCz", "FC2", "FC4", "FC6"),
    *("C5", "C3", "C1", "Cz", "C2", "C4", "C6"),
    *("CP5", "CP3", "CP1", "CPz", "CP2", "CP4", "CP6"),
    *("P3", "Pz", "P4"),
]


@pytest.fixture(scope="module")
def info():
    return mne.create_info(NAMES, 128.0, "eeg").set_montage("colin27_1020")


@pytest.fixture(scope="module")
def dipole_under(info):
    """Return what makes a dipole 30 mm below an electrode, pointing to another."""
    sphere = mne.make_sphere_model("auto", "auto", info)
    places = dict(zip(NAMES, [ch["loc"][:3] for ch in info["chs"]], strict=True))

    def make(name, towards=None):
        outwards = places[name] - sphere["r0"]
        position = places[name] - 0.03 * outwards / np.linalg.norm(outwards)
        moment = outwards if towards is None else np.subtract(*(places[n] for n in towards))
        return 1e3 * position, potential(info, sphere, position, moment / np.linalg.norm(moment))

    return make


def potential(info, sphere, position, moment):
    """Potential of a dipole at the electrodes, by MNE."""
    one = np.ones(1)
    source = mne.Dipole(one, position[None], 1e-8 * one, moment[None], one)
    return mne.make_forward_dipole(source, sphere, info)[0]["sol"]["data"][:, 0]


def test_dipole_is_where_the_forward_model_put_it(info, dipole_under):
    for name in ("C3", "C4", "Cz", "CP4"):
        position, pattern = dipole_under(name)
        found = fit_dipoles(pattern, info).loc[0]
        assert found["nearest"] == name
        assert np.linalg.norm(found[["x", "y", "z"]].astype(float) - position) < 2
        assert found["goodness_of_fit"] > 0.999
        assert found["tangential"] < 0.1


def test_source_along_the_scalp_lies_between_the_poles_of_its_map(info, dipole_under):
    _, pattern = dipole_under("C4", towards=("FC4", "CP4"))
    assert NAMES[np.abs(pattern).argmax()] != "C4"
    found = fit_dipoles(pattern, info).loc[0]
    assert found["nearest"] == "C4"
    assert found["tangential"] > 0.9


def test_unit_sign_and_reference_of_a_map_do_not_matter(info, dipole_under):
    pattern = dipole_under("C3")[1]
    changed = [pattern, -1e9 * pattern, pattern + 3 * np.abs(pattern).max()]
    found = fit_dipoles(changed, info)[["x", "y", "z"]].to_numpy()
    np.testing.assert_allclose(found[1:], found[:1].repeat(2, axis=0), atol=1)


def test_info_that_knows_of_a_custom_reference_will_do(info, dipole_under):
    _, pattern = dipole_under("C3")
    epochs = mne.EpochsArray(pattern[None, :, None], info, verbose="error")
    epochs.set_eeg_reference("average", verbose="error")
    found = fit_dipoles(epochs.get_data(copy=True)[0, :, 0], epochs.info)
    assert found["nearest"].tolist() == ["C3"]


def test_hand_areas_of_the_simulation_are_found():
    dataset = SimulatedMotorImagery(n_subjects=1)
    sources = dataset.sources(1)
    found = fit_dipoles([source.pick(dataset.info.ch_names) for source in sources], dataset.info)
    for (_, dipole), source in zip(found.iterrows(), sources, strict=True):
        # fitted in a sphere a little smaller than the one that was simulated
        assert np.linalg.norm(dipole[["x", "y", "z"]].astype(float) - 1e3 * source.position) < 10
        assert dipole["goodness_of_fit"] > 0.99


def outwards(info, name):
    places = dict(zip(info.ch_names, [ch["loc"][:3] for ch in info["chs"]], strict=True))
    sphere = mne.make_sphere_model("auto", "auto", info)
    direction = places[name] - sphere["r0"]
    return sphere, direction / np.linalg.norm(direction)


@pytest.mark.parametrize("name", ["C3", "C4", "CP1", "Cz", "FC6"])
def test_radial_source_near_the_scalp_is_named_despite_noise(info, dipole_under, name):
    _, pattern = dipole_under(name)
    pattern = pattern - pattern.mean()
    noise = np.random.default_rng(0).normal(size=(4, len(NAMES)))
    found = fit_dipoles(pattern + 0.1 * pattern.std() * noise, info)
    assert found["nearest"].tolist() == [name] * 4
    assert found["no_place"].tolist() == [""] * 4


@pytest.mark.parametrize("name", ["C3", "CP4", "FCz", "C6"])
@pytest.mark.parametrize("towards", [("FCz", "CPz"), ("C3", "C4")])
def test_deep_source_along_the_scalp_has_no_place(info, name, towards):
    sphere, direction = outwards(info, name)
    position = sphere["r0"] + 0.35 * sphere["layers"][0]["rad"] * direction
    moment = np.subtract(*(outwards(info, end)[1] for end in towards))
    moment -= moment @ direction * direction
    pattern = potential(info, sphere, position, moment / np.linalg.norm(moment))
    found = fit_dipoles(pattern, info).loc[0]
    assert (found["nearest"], found["no_place"]) == ("", "the dipole is deep")


def test_a_place_that_is_named_is_never_on_the_other_side_of_where_the_map_is_largest(info):
    rng = np.random.default_rng(0)
    sphere, _ = outwards(info, "Cz")
    patterns = []
    for _ in range(60):  # two sources of any place and moment, in the upper half
        pair = 0
        for _ in range(2):
            place = rng.normal(size=3)
            place[2] = abs(place[2])
            place *= rng.uniform(0.2, 0.9) * sphere["layers"][0]["rad"] / np.linalg.norm(place)
            moment = rng.normal(size=3)
            moment /= np.linalg.norm(moment)
            pair = pair + potential(info, sphere, sphere["r0"] + place, moment)
        patterns.append(pair - pair.mean())
    found = fit_dipoles(patterns, info)
    sides = {name: 0 if name[-1] == "z" else 2 * (int(name[-1]) % 2) - 1 for name in NAMES}
    n_named = 0
    for nearest, why, pattern in zip(found["nearest"], found["no_place"], patterns, strict=True):
        assert bool(nearest) != bool(why)
        if nearest:
            n_named += 1
            largest = {sides[NAMES[k]] for k in poles(pattern)[0]}
            assert sides[nearest] == 0 or largest & {0, sides[nearest]}
    assert 5 < n_named < 55


def test_map_that_one_dipole_explains_badly_has_no_place(info):
    noise = np.random.default_rng(0).normal(size=(3, len(NAMES)))
    found = fit_dipoles(noise, info)
    assert (found["nearest"] == "").all()
    assert found["no_place"].str.match("one dipole explains .* % only").all()


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ([0.2, 1.0, -0.3, 0.0], "b"),
        ([0.2, -1.0, 0.3, 0.0], "b"),
        ([0.95, 1.0, 0.91, 0.5], "b/a/c"),
        ([1.0, -0.6, 0.2, 0.0], "a, other sign b"),
        ([-1.0, 0.6, 0.58, -0.95], "a/d, other sign b/c"),
        ([0.0, 0.0, 0.0, 0.0], ""),
    ],
)
def test_map_is_largest_at_the_electrodes_of_its_poles(pattern, words):
    assert say_poles(pattern, ["a", "b", "c", "d"]) == words


def test_two_sources_of_opposite_sign_look_like_one_between_them(info, dipole_under):
    """What a goodness of fit cannot tell, as the docstring says."""
    found = fit_dipoles(dipole_under("C3")[1] - dipole_under("C4")[1], info).loc[0]
    assert found["goodness_of_fit"] > 0.9
    assert found["tangential"] > 0.9
    assert abs(found["x"]) < 10


def test_eccentricity_is_the_distance_from_the_middle_of_the_brain(info, dipole_under):
    sphere = mne.make_sphere_model("auto", "auto", info, verbose="error")
    position, pattern = dipole_under("C3")
    distance = np.linalg.norm(position / 1e3 - sphere["r0"])
    found = fit_dipoles(pattern, info).loc[0, "eccentricity"]
    # the brain is 0.90 of the head in MNE's sphere
    assert found == pytest.approx(distance / (0.9 * sphere.radius), abs=0.03)


def test_dipole_has_no_electrode_where_none_is_over_it(info, dipole_under):
    front = mne.pick_info(info, range(13))  # from F3 to Cz, and nothing over CP4
    pattern = dipole_under("CP4")[1][:13]
    assert fit_dipoles(pattern, front)["nearest"].tolist() == [""]


def test_dipole_near_the_middle_has_no_electrode(info):
    sphere = mne.make_sphere_model("auto", "auto", info, verbose="error")
    position, upwards = sphere["r0"] + [0.0, 0.0, 0.02], np.array([0.0, 0.0, 1.0])
    found = fit_dipoles(potential(info, sphere, position, upwards), info).loc[0]
    assert found["nearest"] == ""
    assert found["eccentricity"] < 0.3


def test_no_maps_have_no_dipoles(info):
    found = fit_dipoles(np.empty((0, len(NAMES))), info)
    assert (len(found), list(found)) == (0, list(COLUMNS))


def test_what_no_dipole_makes_is_badly_explained(info):
    noise = np.random.default_rng(0).normal(size=(3, len(NAMES)))
    assert (fit_dipoles(noise, info)["goodness_of_fit"] < 0.8).all()


@pytest.mark.parametrize(
    ("patterns", "text"),
    [
        (np.ones((2, 5)), "not of 27 electrodes"),
        (np.zeros((1, 27)), "none of them the same at all electrodes"),
        (np.full((1, 27), -0.3), "none of them the same at all electrodes"),
        (np.full((1, 27), np.nan), "must be finite"),
    ],
)
def test_maps_that_cannot_be_are_refused(info, patterns, text):
    with pytest.raises(ValueError, match=text):
        fit_dipoles(patterns, info)


def test_few_electrodes_and_unknown_places_are_refused(info):
    few = mne.pick_info(info, range(11))
    unknown = mne.create_info(NAMES, 128.0, "eeg")
    for bad, text in ((few, "12 electrodes or more, not 11"), (unknown, "montage")):
        assert not can_fit_dipoles(bad)
        with pytest.raises(ValueError, match=text):
            fit_dipoles(np.ones((1, len(bad.ch_names))), bad)
    with pytest.raises(ValueError, match="montage"):
        fit_dipoles(np.ones((1, 27)), None)
    assert can_fit_dipoles(info)
    assert not can_fit_dipoles(None)


def moved(info, places):
    """Return the info with electrodes at other places."""
    montage = mne.channels.make_dig_montage(places, coord_frame="head")
    return mne.create_info(info.ch_names, 128.0, "eeg").set_montage(montage)


def test_positions_that_are_no_heads_are_refused_before_any_fit(info):
    places = info.get_montage().get_positions()["ch_pos"]
    bad = {
        "none for C3": moved(info, {**places, "C3": np.full(3, np.nan)}),
        "EEG channels only": info.copy().set_channel_types({"F3": "misc"}, on_unit_change="ignore"),
        "positions in m": moved(info, {name: 1e3 * place for name, place in places.items()}),
    }
    for text, wrong in bad.items():
        assert not can_fit_dipoles(wrong)
        with pytest.raises(ValueError, match=text):
            fit_dipoles(np.arange(27.0)[np.newaxis], wrong)
