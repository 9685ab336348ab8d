"""Which samples were lost, by timestamps that jitter, drift, jump ahead or back."""

import numpy as np
import pytest

from eegsep.deployment.sample_clock import SampleClock

SFREQ = 160.0


def read_in_chunks(timestamps, n=8, clock=None):
    clock = clock or SampleClock(SFREQ, 0.02)
    read = [
        clock.read(len(part), part) for part in np.split(timestamps, range(n, len(timestamps), n))
    ]
    return np.concatenate([positions for positions, _ in read]), [back for _, back in read if back]


@pytest.mark.parametrize("n", [1, 7, 8, 1000])
def test_lost_samples_are_counted_however_samples_are_grouped(n):
    kept = np.delete(np.arange(1000), np.r_[40:48, 300:900, 950:955])
    positions, set_back = read_in_chunks(17.0 + kept / SFREQ, n)
    np.testing.assert_array_equal(positions, kept)
    assert set_back == []


@pytest.mark.parametrize("n", [1, 8, 50])
def test_jitter_is_no_gap(n):
    rng = np.random.default_rng(0)
    timestamps = np.arange(20_000) / SFREQ + rng.uniform(-0.015, 0.015, size=20_000)
    positions, set_back = read_in_chunks(timestamps, n)
    np.testing.assert_array_equal(positions, np.arange(20_000))
    assert set_back == []


def test_single_samples_that_are_late_by_much_more_are_no_gap():
    timestamps = np.arange(800) / SFREQ
    timestamps[3::8] += 0.5  # not the last of a chunk
    positions, _ = read_in_chunks(timestamps)
    np.testing.assert_array_equal(positions, np.arange(800))


@pytest.mark.parametrize("drift", [-1e-4, 1e-4])
def test_a_device_that_is_faster_or_slower_than_its_rate_loses_nothing(drift):
    positions, set_back = read_in_chunks(np.arange(160_000) / SFREQ * (1 + drift), 160)
    np.testing.assert_array_equal(positions, np.arange(160_000))
    assert set_back == []


def test_a_clock_that_is_set_back_is_told_and_counted_on():
    timestamps = np.concatenate([np.arange(100), np.arange(100, 200) - 5000]) / SFREQ
    positions, set_back = read_in_chunks(timestamps, 200)
    np.testing.assert_array_equal(positions, np.arange(200))
    assert set_back == [{100: pytest.approx(5000 / SFREQ)}]


def test_times_are_those_of_the_timestamps_less_their_jitter():
    clock = SampleClock(SFREQ, 0.02)
    kept = np.delete(np.arange(400), np.r_[100:150])
    read_in_chunks(3.0 + kept / SFREQ, clock=clock)
    assert clock.time_of(380) == pytest.approx(3.0 + 380 / SFREQ)


def test_without_timestamps_nothing_is_lost():
    clock = SampleClock(SFREQ, 0.02)
    clock.read(10, None)
    positions, set_back = clock.read(5, None)
    np.testing.assert_array_equal(positions, np.arange(10, 15))
    assert set_back == {}
    assert clock.time_of(8) == pytest.approx(8 / SFREQ)


def test_without_timestamps_time_goes_on_after_a_restart():
    clock = SampleClock(SFREQ, 0.02)
    clock.read(16, None)
    clock.restart()
    clock.read(16, None)
    assert clock.time_of(31) == pytest.approx(31 / SFREQ)


def test_timestamps_that_begin_after_chunks_without_any_are_taken_as_they_are():
    clock = SampleClock(SFREQ, 0.02)
    clock.read(16, None)
    positions, set_back = clock.read(16, 1000 + np.arange(16) / SFREQ)
    np.testing.assert_array_equal(positions, np.arange(16, 32))
    assert set_back == {}
    assert clock.time_of(16) == pytest.approx(1000)
