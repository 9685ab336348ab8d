"""Streams of the Lab Streaming Layer: real ones, which a process of its own sends on loopback."""

import csv
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from eegsep import StreamDecoder
from eegsep._utils.errors import RequestError
from eegsep.cli import app
from eegsep.deployment.lab_streaming_layer import LabStream, decode
from tests.conftest import REPOSITORY

from .conftest import NAMES, make_recording

pytest.importorskip("mne_lsl", reason="mne-lsl is not installed")

SFREQ, STEP = 128.0, 0.125


@pytest.fixture(scope="module")
def streams_are_found():
    """Skip where no stream is found."""
    from mne_lsl.lsl import StreamInfo, StreamOutlet, resolve_streams

    name = f"eegsep-try-{uuid.uuid4()}"
    outlet = StreamOutlet(StreamInfo(name, "try", 1, 0, "float32", name))
    if not resolve_streams(5, name=name):
        pytest.skip("no network interface on which streams are found")
    outlet._del()


@pytest.fixture
def name(streams_are_found):
    """Name of a stream."""
    return f"eegsep-test-{uuid.uuid4()}"


@pytest.fixture
def send(tmp_path, name):
    """Return a function that begins to send samples [begin, end), and end all at the end."""
    processes = []

    def begin(x, begin, end, names=NAMES, dropped=(), speed=8):
        path = tmp_path / f"{len(processes)}.npz"
        is_dropped = np.isin(np.arange(-(-x.shape[1] // 8)), dropped)
        what = {"data": 1e6 * x, "dropped": is_dropped, "names": names}
        np.savez(path, sfreq=SFREQ, size=8, t0=1000.0, **what)
        script = REPOSITORY / "benchmarks" / "outlet.py"
        arguments = [path, name, "source", speed, begin, end]
        command = [sys.executable, script, *map(str, arguments)]
        processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))

    yield begin
    for process in processes:
        process.kill()
        process.wait()


def test_a_stream_is_decoded_through_lost_chunks_and_a_reconnection_in_another_order(
    clf, name, send
):
    x = make_recording(1200)
    decoder, windows, is_sent = StreamDecoder(clf, step=STEP), [], False
    send(x, 0, 480, dropped=[30, 45])
    with LabStream(name, timeout=30) as stream:
        assert (stream.sfreq, stream.ch_names) == (SFREQ, tuple(NAMES))
        for new, _ in decode(stream, decoder):
            windows += new
            if decoder.n_samples_ == 464 and not is_sent:
                send(x[::-1], 640, 1200, NAMES[::-1])
                is_sent = True
            if decoder.n_samples_ == 464 + 560:
                break
        assert stream.n_reconnects == 1
        assert stream.ch_names == tuple(NAMES[::-1])
    kept = np.r_[0:240, 248:360, 368:480, 640:1200]
    expected = StreamDecoder(clf, step=STEP)
    of_whole = expected.feed(x[:, kept], 1000.0 + kept / SFREQ)
    assert (decoder.n_dropped_, decoder.n_bridged_, decoder.n_resets_) == (176, 16, 1)
    np.testing.assert_allclose(
        [window.probabilities for window in windows],
        [window.probabilities for window in of_whole],
        atol=1e-6,
    )
    np.testing.assert_allclose(
        [window.time for window in windows], [window.time for window in of_whole], atol=0.02
    )


class Rehearsing(StreamDecoder):
    """Counts its rehearsals."""

    n_rehearsals = 0

    def rehearse(self, *chunk):
        super().rehearse(*chunk)
        self.n_rehearsals += 1


def test_at_real_speed_a_rehearsal_before_chunks_changes_nothing(clf, name, send):
    x = make_recording(512)
    decoder, windows = Rehearsing(clf, step=STEP), []
    send(x, 0, 512, speed=1)
    with LabStream(name, timeout=30) as stream:
        for new, _ in decode(stream, decoder):
            windows += new
            if decoder.n_samples_ == 512:
                break
    assert decoder.n_rehearsals
    expected = StreamDecoder(clf, step=STEP).feed(x, 1000.0 + np.arange(512) / SFREQ)
    assert decoder.n_windows_ == len(windows) == len(expected)
    np.testing.assert_allclose(
        [window.probabilities for window in windows],
        [window.probabilities for window in expected],
        atol=1e-6,
    )


def test_the_command_writes_what_it_decodes(clf, name, send, tmp_path):
    x = make_recording(704)
    clf.save(tmp_path / "model.eegsep")
    send(x, 0, 704, dropped=[40])
    output = tmp_path / "events.csv"
    result = CliRunner().invoke(
        app,
        ["stream", str(tmp_path / "model.eegsep"), "--name", name, "--step", str(STEP)]
        + ["--timeout", "30", "--duration", "4", "--output", str(output)],
    )
    assert result.exit_code == 0, result.output
    assert "samples 696, lost 8 (1.1%), begun anew 0, reconnected 0" in result.output
    with output.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    gaps = [row for row in rows if row["event"] == "bridged"]
    assert [row["n_lost"] for row in gaps] == ["8"]
    written = np.array(
        [
            [row[f"probability {label}"] for label in clf.classes_]
            for row in rows
            if row["event"] == "window"
        ],
        dtype=float,
    )
    kept = np.r_[0:320, 328:704]
    expected = StreamDecoder(clf, step=STEP).feed(x[:, kept], kept / SFREQ)
    np.testing.assert_allclose(written, [w.probabilities for w in expected], atol=1e-6)


def test_a_stream_that_is_not_there_is_asked_for_with_what_is(name):
    with pytest.raises(RequestError, match=r"no stream of name .* came up within 0\.1 s"):
        LabStream(name, timeout=0.1)


@pytest.mark.parametrize(
    ("units", "names", "reason"),
    [
        (None, NAMES[:2], r"no unit of volts for C3 \(none\), C4 \(none\)"),
        (["microvolts", "celsius"], NAMES[:2], r"no unit of volts for C4 \(celsius\)"),
        ("microvolts", None, "does not name its 2 channels"),
    ],
)
def test_a_stream_that_does_not_tell_units_or_names_is_refused(name, units, names, reason):
    from mne_lsl.lsl import StreamInfo, StreamOutlet

    info = StreamInfo(name, "EEG", 2, SFREQ, "float32", name)
    if names is not None:
        info.set_channel_names(names)
    if units is not None:
        info.set_channel_units(units)
    outlet = StreamOutlet(info)
    with pytest.raises(RequestError, match=reason):
        LabStream(name)
    if names is not None:
        with LabStream(name, channels=["C3"], unit="uV" if units is None else None) as stream:
            outlet.push_chunk(np.full((4, 2), 5.0, dtype=np.float32))
            chunk = next(filter(None, stream.chunks()))
        np.testing.assert_allclose(chunk.data[0], 5e-6)


def test_two_streams_of_one_name_are_told_apart_by_their_source(name):
    from mne_lsl.lsl import StreamInfo, StreamOutlet

    outlets = []
    for source in ("left", "right"):
        info = StreamInfo(name, "EEG", 1, SFREQ, "float32", source)
        info.set_channel_names(["Cz"])
        info.set_channel_units("microvolts")
        outlets.append(StreamOutlet(info))
    with pytest.raises(RequestError, match=r"2 streams are meant: .*'left'.*'right'"):
        LabStream(name)
    with LabStream(name, "right") as stream:
        assert "right" in stream.description


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--band", "8"], "cannot read the band"),
        (["--band", "40-8"], "pass band"),
        (["--step", "0"], "step"),
        (["--output", "there.csv"], "is there already: --overwrite"),
        (["--unit", "parsec"], "unknown unit"),
    ],
)
def test_a_request_of_the_command_that_cannot_be_met_is_a_line(
    clf, tmp_path, monkeypatch, arguments, reason
):
    monkeypatch.chdir(tmp_path)
    clf.save("model.eegsep")
    Path("there.csv").touch()
    result = CliRunner().invoke(app, ["stream", "model.eegsep", "--timeout", "0.1", *arguments])
    assert result.exit_code == 2
    assert reason in result.output
    assert len(result.output.strip().splitlines()) == 1
