"""Streams: chunks of any size against the whole recording, what is lost, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from eegsep import EEGNetClassifier, StreamDecoder
from eegsep.deployment import causal_filter
from tests.conftest import make_trials, warnings_of

from .conftest import BAND, NAMES, as_raw, make_recording

SFREQ, N_TIMES = 128.0, 64
STEP = 0.125


def feed(decoder, x, sizes, timestamps=None, names=None):
    """Feed a recording in chunks of these sizes, over and over."""
    windows, start, k = [], 0, 0
    while start < x.shape[1]:
        part = slice(start, start + sizes[k % len(sizes)])
        stamps = None if timestamps is None else timestamps[part]
        windows += decoder.feed(x[:, part], stamps, names)
        start, k = part.stop, k + 1
    return windows


def offline(clf, x, ends):
    """Filter a whole recording by scipy, cut windows that end before these samples, and decode."""
    sos = signal.butter(4, BAND, "bandpass", fs=SFREQ, output="sos")
    filtered = signal.sosfilt(sos, x - x[:, :1])
    cut = np.stack([filtered[:, end - N_TIMES : end] for end in ends])
    return clf.predict_proba(cut)


def ends_of(windows, t0=0.0, sfreq=SFREQ):
    return np.rint((np.array([window.time for window in windows]) - t0) * sfreq).astype(int) + 1


def probabilities(windows):
    return np.stack([window.probabilities for window in windows])


# -- equal to the whole recording ------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 400), min_size=1, max_size=8))
def test_any_chunks_are_decoded_as_windows_of_the_whole_recording(clf, sizes):
    x = make_recording(640)
    windows = feed(StreamDecoder(clf, step=STEP), x, sizes)
    ends = ends_of(windows)
    assert len(windows) > 15
    assert (np.diff(ends) == 16).all()
    np.testing.assert_allclose(probabilities(windows), offline(clf, x, ends), atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=5))
def test_a_stream_of_another_rate_is_decoded_as_its_recording_that_causal_filter_resamples(
    clf, sizes
):
    x = make_recording(1000, sfreq=160.0)
    windows = feed(StreamDecoder(clf, sfreq=160, step=STEP), x, sizes)
    filtered = causal_filter(as_raw(x, 160.0), *BAND, sfreq=128).get_data()
    cut = np.stack([filtered[:, end - N_TIMES : end] for end in ends_of(windows)])
    assert len(windows) > 15
    np.testing.assert_allclose(probabilities(windows), clf.predict_proba(cut), atol=1e-6)


def test_rehearsals_change_nothing(clf):
    x, times = make_recording(400), np.arange(400) / SFREQ
    decoders = [StreamDecoder(clf, step=STEP) for _ in range(2)]
    windows = [[], []]
    for start in range(0, 400, 10):
        if start == 250:  # lost
            continue
        chunk = x[:, start : start + 10], times[start : start + 10], NAMES
        for each, decoder in zip(windows, decoders, strict=True):
            each += decoder.feed(*chunk)
        decoders[0].rehearse(chunk[0], chunk[1] + 10 / SFREQ, NAMES)
        decoders[0].rehearse(chunk[0])
    assert len(windows[0]) == len(windows[1]) > 5
    for one, other in zip(*windows, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        np.testing.assert_array_equal(one.accumulated, other.accumulated)
        assert (one.time, one.n_bridged) == (other.time, other.n_bridged)
    counts = "n_samples_", "n_dropped_", "n_bridged_", "n_resets_", "n_windows_", "gaps_"
    assert [getattr(decoders[0], name) for name in counts] == [
        getattr(decoders[1], name) for name in counts
    ]


def test_the_first_window_has_nothing_of_the_time_in_which_the_filter_settles(clf):
    decoder = StreamDecoder(clf, step=STEP, warm_up=1.5)
    windows = feed(decoder, make_recording(400), [10])
    assert windows[0].time == pytest.approx((1.5 * SFREQ + N_TIMES - 1) / SFREQ)


def test_channels_are_found_by_name_in_each_chunk(clf):
    x, rng = make_recording(500), np.random.default_rng(0)
    expected = probabilities(feed(StreamDecoder(clf, step=STEP), x, [50]))
    decoder, windows = StreamDecoder(clf, step=STEP), []
    for start in range(0, 500, 50):
        order = rng.permutation(7)
        more = np.concatenate([x, np.ones((1, 500))])[order, start : start + 50]
        windows += decoder.feed(more, ch_names=[[*NAMES, "TRIGGER"][i] for i in order])
    np.testing.assert_array_equal(probabilities(windows), expected)


def test_a_pipeline_gets_windows_in_the_unit_that_it_was_fitted_in(clf):
    X, y = make_trials(scale=10.0)
    pipeline = make_pipeline(
        FunctionTransformer(),
        EEGNetClassifier(sfreq=SFREQ, ch_names=NAMES, max_epochs=1, random_state=0),
    ).fit(X, y)
    x = make_recording(400)
    windows = feed(StreamDecoder(pipeline, band=None, warm_up=0, step=STEP, unit="uV"), x, [30])
    cut = np.stack([1e6 * x[:, end - N_TIMES : end] for end in ends_of(windows)])
    np.testing.assert_allclose(probabilities(windows), pipeline.predict_proba(cut), atol=1e-6)


def test_the_average_of_the_classifiers_channels_is_subtracted_where_asked_for(clf):
    x = make_recording(400)
    referenced = feed(StreamDecoder(clf, step=STEP, reference="average"), x, [30])
    expected = feed(StreamDecoder(clf, step=STEP), x - x.mean(axis=0), [30])
    np.testing.assert_allclose(probabilities(referenced), probabilities(expected), atol=1e-6)


# -- evidence --------------------------------------------------------------------------------------


def test_evidence_of_separate_windows_without_forgetting_is_bayes_rule(clf):
    windows = feed(StreamDecoder(clf, step=0.5, memory=None), make_recording(900), [100])
    products = np.cumprod(probabilities(windows), axis=0)
    expected = products / products.sum(axis=1, keepdims=True)
    np.testing.assert_allclose([w.accumulated for w in windows], expected, atol=1e-9)


def test_windows_that_overlap_count_by_what_is_new_and_fade(clf):
    windows = feed(StreamDecoder(clf, step=0.125, memory=2.0), make_recording(700), [100])
    odds, total = np.log(probabilities(windows)) @ [-1, 1], 0.0
    for window, one in zip(windows, odds, strict=True):
        total = np.exp(-0.125 / 2.0) * total + 0.125 / 0.5 * one
        assert window.accumulated[1] == pytest.approx(1 / (1 + np.exp(-total)))


def test_a_decision_waits_for_the_threshold_and_the_least_number_of_windows(clf):
    decoder = StreamDecoder(clf, step=0.5, threshold=0.6, min_windows=3)
    windows = feed(decoder, make_recording(2000), [100])
    for n, window in enumerate(windows, start=1):
        best = window.accumulated.argmax()
        is_decided = n >= 3 and window.accumulated[best] >= 0.6
        assert window.decision == (clf.classes_[best] if is_decided else None)
    assert {window.decision is None for window in windows} == {True, False}


def test_evidence_can_be_forgotten_at_the_beginning_of_a_trial(clf):
    decoder = StreamDecoder(clf, step=0.5)
    x = make_recording(600)
    decoder.feed(x[:, :400])
    decoder.reset_evidence()
    window = decoder.feed(x[:, 400:])[0]
    np.testing.assert_allclose(window.accumulated, window.probabilities)


# -- what is lost ----------------------------------------------------------------------------------


def stamps(kept, t0=100.0):
    return t0 + np.asarray(kept) / SFREQ


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 200), min_size=1, max_size=5))
def test_short_gaps_are_bridged_by_straight_lines_and_counted(clf, sizes):
    x = make_recording(900)
    kept = np.delete(np.arange(900), np.r_[200:208, 500:512])
    decoder = StreamDecoder(clf, step=STEP)
    windows = feed(decoder, x[:, kept], sizes, stamps(kept))
    mended = np.stack([np.interp(np.arange(900), kept, row[kept]) for row in x])
    ends = ends_of(windows, 100.0)
    np.testing.assert_allclose(probabilities(windows), offline(clf, mended, ends), atol=1e-6)
    assert (decoder.n_samples_, decoder.n_dropped_, decoder.n_bridged_) == (880, 20, 20)
    assert (decoder.n_resets_, decoder.n_windows_) == (0, len(windows))
    assert [(gap.n_lost, gap.outcome) for gap in decoder.gaps_] == [(8, "bridged"), (12, "bridged")]
    within = [np.sum(~np.isin(np.arange(end - N_TIMES, end), kept)) for end in ends]
    assert [window.n_bridged for window in windows] == within


@pytest.mark.parametrize("size", [1, 9, 900])
def test_after_a_long_gap_all_begins_anew(clf, size):
    x = make_recording(1400)
    kept = np.delete(np.arange(1400), np.r_[500:800])
    decoder = StreamDecoder(clf, step=STEP)
    windows = feed(decoder, x[:, kept], [size], stamps(kept))
    before = feed(StreamDecoder(clf, step=STEP), x[:, :500], [size])
    after = feed(StreamDecoder(clf, step=STEP), x[:, 800:], [size])
    expected = np.concatenate([probabilities(before), probabilities(after)])
    np.testing.assert_allclose(probabilities(windows), expected, atol=1e-6)
    assert windows[-1].time == pytest.approx(after[-1].time + 100 + 800 / SFREQ)
    assert windows[len(before)].accumulated.tolist() == after[0].accumulated.tolist()
    assert (decoder.n_dropped_, decoder.n_bridged_, decoder.n_resets_) == (300, 0, 1)
    assert decoder.gaps_[0].outcome == "reset"


def test_values_that_are_not_finite_are_lost_samples(clf):
    x = make_recording(600)
    kept = np.delete(np.arange(600), np.r_[300:305])
    broken = x.copy()
    broken[2, 300:305] = np.nan
    decoder = StreamDecoder(clf, step=STEP)
    windows = feed(decoder, broken, [61])
    expected = feed(StreamDecoder(clf, step=STEP), x[:, kept], [61], stamps(kept))
    np.testing.assert_allclose(probabilities(windows), probabilities(expected), atol=1e-6)
    assert (decoder.n_dropped_, decoder.n_bridged_) == (5, 5)


def test_values_that_no_electrode_has_count_as_lost(clf):
    for largest in (1e13, 1e300, np.inf):
        broken, lacking = make_recording(900), make_recording(900)
        broken[2, 500], lacking[2, 500] = largest, np.nan
        decoder = StreamDecoder(clf, step=STEP)
        windows = decoder.feed(broken)
        expected = StreamDecoder(clf, step=STEP).feed(lacking)
        np.testing.assert_array_equal(probabilities(windows), probabilities(expected))
        assert decoder.n_dropped_ == decoder.n_bridged_ == 1


def test_jitter_of_timestamps_changes_nothing(clf):
    x, rng = make_recording(2000), np.random.default_rng(3)
    jittering = stamps(np.arange(2000)) + rng.uniform(-0.015, 0.015, size=2000)
    decoder = StreamDecoder(clf, step=STEP)
    windows = feed(decoder, x, [7], jittering)
    expected = feed(StreamDecoder(clf, step=STEP), x, [7])
    np.testing.assert_allclose(probabilities(windows), probabilities(expected), atol=1e-6)
    assert decoder.n_dropped_ == decoder.n_resets_ == decoder.n_clock_steps_ == 0
    np.testing.assert_allclose(
        [w.time for w in windows], [100 + w.time for w in expected], atol=0.015
    )


def test_a_clock_that_is_set_back_far_begins_anew_and_a_little_does_not(clf):
    x = make_recording(900)
    for back, counts in ((50.0, (1, 0)), (0.06, (0, 1))):
        times = stamps(np.arange(900))
        times[600:] -= back
        decoder = StreamDecoder(clf, step=STEP)
        windows = feed(decoder, x, [30], times)
        assert (decoder.n_resets_, decoder.n_clock_steps_) == counts
        assert windows[-1].time == pytest.approx(times[-1], abs=STEP + 1e-6)
        assert decoder.n_dropped_ == 0


def test_reset_begins_anew_whatever_the_next_timestamps(clf):
    x = make_recording(900)
    decoder = StreamDecoder(clf, step=STEP)
    feed(decoder, x[:, :500], [100], stamps(np.arange(500)))
    decoder.reset()
    windows = feed(decoder, x[:, 500:], [100], stamps(np.arange(400), t0=7.0))
    expected = feed(StreamDecoder(clf, step=STEP), x[:, 500:], [100])
    np.testing.assert_allclose(probabilities(windows), probabilities(expected), atol=1e-6)
    assert windows[0].time == pytest.approx(7.0 + expected[0].time)
    assert (decoder.n_resets_, decoder.n_dropped_) == (1, 0)


def test_channels_are_found_however_recordings_spell_them(clf):
    x = make_recording(600)
    spelled = [f"{name.upper()}." for name in NAMES[::-1]]  # as in EEGMMIDB's files
    windows = StreamDecoder(clf, step=STEP).feed(x[::-1], ch_names=spelled)
    expected = StreamDecoder(clf, step=STEP).feed(x, ch_names=NAMES)
    assert len(windows) > 0
    np.testing.assert_array_equal(probabilities(windows), probabilities(expected))


# -- what is refused -------------------------------------------------------------------------------


def test_a_chunk_that_cannot_be_used_is_refused_and_changes_nothing(clf):
    x = make_recording(600)
    decoder = StreamDecoder(clf, step=STEP)
    windows = decoder.feed(x[:, :300], ch_names=NAMES)
    chunk = x[:, 300:]
    for bad, arguments, reason in (
        (chunk, {"ch_names": ["C3", "C4", "Cz", "Pz", "Fz", "O9"]}, "lacks channel.*: Oz"),
        (chunk, {"ch_names": [*NAMES[:5], "C3"]}, "lacks channel.*: Oz"),
        (chunk[[0, *range(6)]], {"ch_names": ["C3", *NAMES]}, "twice: C3"),
        (chunk[[0, *range(6)]], {"ch_names": ["c3.", *NAMES]}, "twice: C3"),
        (chunk[:5], {"ch_names": NAMES}, "5 channels and 6 ch_names"),
        (chunk[:5], {}, "5 channels and no ch_names"),
        (chunk[0], {}, r"\(n_chans, n_samples\)"),
        (chunk.astype(str), {}, "real numbers"),
        (np.ma.masked_array(chunk), {}, "masked"),
        (chunk, {"timestamps": [1.0, 2.0]}, "timestamps"),
        (chunk, {"timestamps": np.full(300, np.nan)}, "timestamps"),
        (chunk, {"timestamps": np.full(300, 1e300)}, "do not tell samples apart"),
        (chunk, {"timestamps": np.arange(300) * 1j}, "numbers of seconds"),
        (chunk, {"timestamps": np.arange(300).astype("M8[s]")}, "numbers of seconds"),
        (chunk, {"ch_names": "C3"}, "list of the names"),
        (chunk, {"ch_names": [3, *NAMES[1:]]}, "list of the names"),
        (chunk.T, {}, "Transpose it"),
    ):
        with pytest.raises(ValueError, match=reason):
            decoder.feed(bad, **arguments)
    windows += decoder.feed(chunk)
    expected = feed(StreamDecoder(clf, step=STEP), x, [300])
    np.testing.assert_allclose(probabilities(windows), probabilities(expected), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"step": 0}, "step"),
        ({"step": 0.001}, "less than a sample"),
        ({"band": (30, 8)}, "pass band"),
        ({"band": 8}, "band must be"),
        ({"sfreq": 127.99}, "no samples can be taken exactly"),
        ({"memory": 0}, "memory"),
        ({"threshold": 2}, "threshold"),
        ({"min_windows": 0}, "min_windows"),
        ({"max_gap": -1}, "max_gap"),
        ({"max_jitter": np.nan}, "max_jitter"),
        ({"unit": "nV"}, "unit"),
        ({"warm_up": -1}, "warm_up"),
        ({"reference": "Cz"}, "reference"),
    ],
)
def test_parameters_that_cannot_be_are_refused(clf, arguments, reason):
    with pytest.raises(ValueError, match=reason):
        StreamDecoder(clf, **arguments)


def test_what_a_classifier_of_arrays_does_not_know_is_asked_for():
    X, y = make_trials(20)
    clf = EEGNetClassifier(max_epochs=0, init="glorot", random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"set_params\(sfreq"):
        StreamDecoder(clf)
    clf.set_params(sfreq=SFREQ)
    with pytest.raises(ValueError, match=r"band=.*or band=None"):
        StreamDecoder(clf)
    with pytest.raises(ValueError, match=r"set_params\(ch_names"):
        StreamDecoder(clf, band=None).feed(X[0], ch_names=NAMES)


def test_another_estimator_is_refused():
    with pytest.raises(TypeError, match="EEGNetClassifier"):
        StreamDecoder(make_pipeline(FunctionTransformer()))


def test_a_pipeline_that_cannot_decode_windows_is_refused_at_once():
    X, y = make_trials(20)
    shorten = FunctionTransformer(lambda X: X[..., ::2])
    pipeline = make_pipeline(shorten, EEGNetClassifier(sfreq=64, max_epochs=0, init="glorot"))
    with pytest.raises(ValueError, match="decodes no array"):
        StreamDecoder(pipeline.fit(X, y), band=None)


def test_a_reference_that_the_stream_may_lack_is_told(clf):
    from tests.conftest import make_epochs

    epochs, y = make_epochs(20)
    epochs.set_eeg_reference("average", verbose="error")
    referenced = EEGNetClassifier(max_epochs=0, init="glorot").fit(epochs, y)
    texts = warnings_of(lambda: StreamDecoder(referenced))
    assert any("reference" in text for text in texts)
    assert not warnings_of(lambda: StreamDecoder(referenced, reference="average"))
