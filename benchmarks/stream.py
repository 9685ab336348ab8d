"""A PhysionetMI run through a real stream of the Lab Streaming Layer: equality, latency, memory.

    python benchmarks/stream.py --data-dir ../shared/data [--parts equal latency rough hour]

Fitted on two runs of a subject, filtered causally; a third run is sent by another process on this
machine (``outlet.py``) and decoded as it comes. Offline is scipy's filter over the whole run,
windows cut, and one ``predict_proba``.

equal    the whole run, faster than it was: the largest difference of a probability
latency  at real speed, a window each 50 ms: from the arrival of a window's last sample in the
         process, and from the time at which it was sent, to its probabilities; and the time that
         the processor spent on it
rough    one chunk in a hundred lost, one break after which channels come in another order
hour     an hour, faster than it was: resident memory as it goes on
"""

import argparse
import gc
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import mne
import numpy as np
import psutil
from scipy import signal

from eegsep import EEGNetClassifier, StreamDecoder
from eegsep.deployment import causal_filter
from eegsep.deployment.lab_streaming_layer import LabStream, decode

BAND, SFREQ, CHUNK, T0 = (8.0, 32.0), 160.0, 8, 1000.0
HOUR = 3600


class Sender:
    """A process that sends a recording, or a part of it, under one name."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []

    def __call__(self, data, names, *, dropped=None, speed=1.0, t0=T0, begin=0, end=None):
        """Begin to send data (n_chans, n_samples) in volts."""
        path = self.folder / f"{len(self.processes)}.npz"
        dropped = np.zeros(-(-data.shape[1] // CHUNK), bool) if dropped is None else dropped
        np.savez(
            path, data=1e6 * data, names=names, dropped=dropped, sfreq=SFREQ, size=CHUNK, t0=t0
        )
        numbers = speed, begin, data.shape[1] if end is None else end
        script = Path(__file__).with_name("outlet.py")
        command = [sys.executable, script, path, "eegsep-benchmark", "source", *numbers]
        process = subprocess.Popen(map(str, command), stderr=subprocess.DEVNULL)
        self.processes.append(process)

    def is_done(self):
        """Whether all has been sent."""
        return all(process.poll() is not None for process in self.processes)


def read(data_dir, subject, run):
    """Read a run, its channels by their usual names."""
    folder = data_dir / f"MNE-eegbci-data/files/eegmmidb/1.0.0/S{subject:03d}"
    raw = mne.io.read_raw_edf(folder / f"S{subject:03d}R{run:02d}.edf", preload=True)
    mne.datasets.eegbci.standardize(raw)
    return raw


def fit(data_dir, subject):
    """Fit imagined left and right fist to two runs, two seconds from half a second on."""
    epochs = []
    for run in (4, 8):
        raw = causal_filter(read(data_dir, subject, run), *BAND)
        events, _ = mne.events_from_annotations(raw, {"T1": 1, "T2": 2})
        times = {"tmin": 0.5, "tmax": 2.5 - 1 / SFREQ, "baseline": None, "preload": True}
        epochs.append(mne.Epochs(raw, events, {"left": 1, "right": 2}, **times))
    epochs = mne.concatenate_epochs(epochs)
    labels = np.where(epochs.events[:, 2] == 1, "left", "right")
    return EEGNetClassifier(random_state=0).fit(epochs, labels)


def offline(clf, data, ends):
    """Decode windows of a whole recording (n_chans, n_samples) that end before these samples."""
    sos = signal.butter(4, BAND, "bandpass", fs=SFREQ, output="sos")
    filtered = signal.sosfilt(sos, data - data[:, :1])
    return clf.predict_proba(np.stack([filtered[:, end - clf.n_times_in_ : end] for end in ends]))


def watch(decoder, n_samples, again=None, each=None):
    """Decode until so many samples have come: windows, and seconds that each took.

    Seconds are from the arrival of its last sample, from when that was sent, and of the processor:
    the first two also hold what the machine did meanwhile for others.
    """
    windows, latencies, ages, used = [], [], [], []
    with LabStream("eegsep-benchmark", channels=decoder.ch_names_, timeout=60) as stream:
        gc.collect()
        gc.freeze()
        before = time.thread_time()
        for new, latency in decode(stream, decoder):
            now, spent = stream.now(), time.thread_time() - before
            if each is None:
                windows += new
            else:
                each(decoder)
            latencies += [latency] * len(new)
            ages += [now - window.time for window in new]
            used += [spent] * len(new)
            if again is not None and again(decoder):
                again = None
            if decoder.n_samples_ >= n_samples:
                break
            before = time.thread_time()
        print(
            f"  {stream.n_reconnects} reconnections, channels {', '.join(stream.ch_names[:4])}, …"
        )
    return windows, (latencies, ages, used)


def ends_of(windows):
    """Return the samples of the recording before which windows end."""
    return [round((window.time - T0) * SFREQ) + 1 for window in windows]


def tell(decoder):
    """Print what a decoder counted."""
    names = "n_samples_", "n_dropped_", "n_bridged_", "n_resets_", "n_clock_steps_", "n_windows_"
    print("  " + ", ".join(f"{name} {getattr(decoder, name)}" for name in names))


def compare(windows, expected):
    """Print how far probabilities are from those offline."""
    off = np.abs(np.stack([window.probabilities for window in windows]) - expected).max()
    print(f"  {len(windows)} windows, online − offline at most {off:.1e}")


def equal(clf, raw, send):
    """Compare a whole run, four times as fast."""
    data, decoder = raw.get_data(), StreamDecoder(clf)
    send(data, raw.ch_names, speed=4)
    windows, _ = watch(decoder, data.shape[1])
    compare(windows, offline(clf, data, ends_of(windows)))
    tell(decoder)


def latency(clf, raw, send, seconds):
    """Time windows at real speed."""
    # windows end where chunks end, which are sent when their last sample is due
    decoder = StreamDecoder(clf, step=CHUNK / SFREQ, warm_up=8 * CHUNK / SFREQ)
    send(raw.get_data(), raw.ch_names, t0=np.nan, end=round(seconds * SFREQ))
    _, times = watch(decoder, round(seconds * SFREQ))
    what = "from last sample in the process", "from last sample sent", "processor"
    for name, values in zip(what, times, strict=True):
        p50, p99, most = 1e3 * np.percentile(values, [50, 99, 100])
        print(f"  {name:32}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, at most {most:.2f} ms")
    tell(decoder)


def rough(clf, raw, send):
    """Lose chunks, break off for a second and come back with channels in another order."""
    rng, data = np.random.default_rng(0), raw.get_data()
    n_chunks = -(-data.shape[1] // CHUNK)
    dropped = rng.random(n_chunks) < 0.01
    end, begin = n_chunks // 2 * CHUNK, (n_chunks // 2 + 20) * CHUNK
    kept = np.repeat(~dropped, CHUNK)[: data.shape[1]]
    kept[end:begin] = False
    order, decoder = rng.permutation(len(data)), StreamDecoder(clf)
    names = [raw.ch_names[i] for i in order]
    send(data, raw.ch_names, dropped=dropped, speed=4, end=end)

    def again(decoder):
        if decoder.n_samples_ < kept[:end].sum():
            return False
        send(data[order], names, dropped=dropped, speed=4, begin=begin)
        return True

    windows, _ = watch(decoder, kept.sum(), again)
    # lost samples between two that came are on a straight line; the break begins all anew
    expected, ends = [], np.array(ends_of(windows))
    for start, stop in ((0, end), (begin, data.shape[1])):
        there = start + np.flatnonzero(kept[start:stop])
        times = np.arange(there[0], there[-1] + 1)
        mended = np.stack([np.interp(times, there, row[there]) for row in data])
        within = ends[(ends > start) & (ends <= stop)]
        expected.append(offline(clf, mended, within - there[0]))
    compare(windows, np.concatenate(expected))
    print(f"  {dropped.sum()} of {n_chunks} chunks were not sent, {(~kept).sum()} samples in all")
    tell(decoder)


def hour(clf, raw, send, speed):
    """Watch memory over an hour."""
    decoder, process, seen = StreamDecoder(clf), psutil.Process(), {}
    send(raw.get_data(), raw.ch_names, speed=speed, end=round(HOUR * SFREQ))

    def each(decoder):
        minute = int(decoder.n_samples_ / SFREQ / 60)
        seen.setdefault(minute, process.memory_info().rss / 2**20)

    begin = time.perf_counter()
    watch(decoder, round(HOUR * SFREQ), each=each)
    print(
        f"  an hour in {time.perf_counter() - begin:.0f} s; resident MiB by minute: "
        + ", ".join(f"{minute}: {seen[minute]:.1f}" for minute in sorted(seen) if minute % 5 == 0)
    )
    tell(decoder)


def main():
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = {"equal": equal, "latency": latency, "rough": rough, "hour": hour}
    parser.add_argument("--data-dir", type=Path, default="../shared/data")
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--subject", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=40.0, help="of latency")
    parser.add_argument("--speed", type=float, default=30.0, help="of the hour")
    arguments = parser.parse_args()
    mne.set_log_level("ERROR")
    warnings.simplefilter("ignore")
    clf = fit(arguments.data_dir, arguments.subject)
    raw = read(arguments.data_dir, arguments.subject, 12)
    for part in arguments.parts:
        print(part)
        options = {"latency": [arguments.seconds], "hour": [arguments.speed]}.get(part, [])
        with tempfile.TemporaryDirectory() as folder:
            send = Sender(Path(folder))
            parts[part](clf, raw, send, *options)
            while not send.is_done():
                time.sleep(0.1)


if __name__ == "__main__":
    main()
