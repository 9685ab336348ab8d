"""Windows that share samples are found wherever they overlap; what is alike by nature is not."""

import time

import numpy as np
import pytest

from eegsep.overlap import overlapping_groups


def cut(recording, length, step):
    """Cut windows out of a recording of shape (n_chans, n_samples)."""
    starts = range(0, recording.shape[1] - length + 1, step)
    return np.stack([recording[:, start : start + length] for start in starts])


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_windows_of_one_trial_are_one_group_in_any_order():
    windows = np.concatenate([cut(trial, 128, 16) for trial in noise(6, 4, 256)])
    trial_of = np.repeat(np.arange(6), 9)
    order = np.random.default_rng(1).permutation(len(windows))
    groups = overlapping_groups(windows[order])
    np.testing.assert_array_equal(
        groups[:, np.newaxis] == groups, trial_of[order][:, np.newaxis] == trial_of[order]
    )


def test_trials_without_overlap_are_groups_of_their_own():
    np.testing.assert_array_equal(overlapping_groups(cut(noise(3, 1024), 128, 128)), range(8))


@pytest.mark.parametrize(("step", "n_groups"), [(96, 1), (97, 8)])
def test_a_stretch_of_a_quarter_of_the_window_is_enough(step, n_groups):
    windows = cut(noise(3, 128 + 7 * step), 128, step)
    assert overlapping_groups(windows).max() + 1 == n_groups


def test_copies_of_a_trial_belong_together():
    X = noise(4, 3, 64)
    assert overlapping_groups(X[[0, 1, 2, 3, 1]]).tolist() == [0, 1, 2, 3, 1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.int32])
def test_any_type_of_number_will_do(dtype):
    recording = (300 * noise(2, 512)).astype(dtype)
    windows = np.concatenate([cut(recording[:, :256], 128, 64), cut(recording[:, 256:], 128, 64)])
    assert overlapping_groups(windows).tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("fill", [0.0, -0.0, 7.5])
def test_flat_trials_and_padding_link_nothing(fill):
    X = noise(6, 3, 128)
    X[:, :, :40] = fill
    X[:, :, -40:] = fill
    X[4:] = fill
    np.testing.assert_array_equal(overlapping_groups(X), range(6))


def test_a_flat_channel_hides_no_overlap():
    recording = noise(3, 512)
    recording[0] = 0
    assert overlapping_groups(cut(recording, 128, 32)).max() == 0


def test_a_short_cycle_links_nothing():
    cycle = np.tile(noise(1, 8), 16)  # such as a flicker without noise
    X = np.stack([np.roll(cycle, shift, axis=1) for shift in range(5)])
    np.testing.assert_array_equal(overlapping_groups(X), range(5))


@pytest.mark.parametrize("levels", [2, 3, 12, 100])
def test_coarse_integers_are_not_taken_for_each_other(levels):
    rng = np.random.default_rng(0)
    X = rng.integers(levels, size=(500, 1, 128))
    assert overlapping_groups(X).max() == 499
    slow = np.cumsum(rng.integers(-1, 2, size=(500, 1, 256)), axis=2)  # a walk of single steps
    assert overlapping_groups(slow).max() == 499


def test_opposite_and_scaled_trials_are_other_trials():
    X = noise(1, 3, 64)
    assert overlapping_groups(np.concatenate([X, -X, 2 * X])).tolist() == [0, 1, 2]


def test_channels_in_another_order_are_another_trial():
    X = noise(1, 3, 64)
    assert overlapping_groups(np.concatenate([X, X[:, ::-1]])).tolist() == [0, 1]


@pytest.mark.parametrize("shape", [(5, 3, 1), (5, 3, 7), (1, 3, 64), (0, 3, 64)])
def test_what_is_too_short_or_alone_has_no_overlap(shape):
    np.testing.assert_array_equal(overlapping_groups(np.ones(shape)), range(shape[0]))


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(n_trials, n_chans, n_times\)"):
        overlapping_groups(np.ones((5, 3)))


def test_time_grows_with_the_data_and_not_with_its_square():
    def seconds(n_trials):
        X = noise(n_trials, 4, 64)
        started = time.process_time()
        overlapping_groups(X)
        return time.process_time() - started

    seconds(500)
    assert seconds(8000) < 40 * max(seconds(500), 5e-3)  # 16 times as many, not 256
