"""A process of its own that sends a recording as a stream of the Lab Streaming Layer.

    python outlet.py RECORDING.npz NAME SOURCE [SPEED] [BEGIN] [END]

Chunk k of ``data`` (n_chans, n_samples) in microvolts is left out where ``dropped[k]``; samples
BEGIN to END are sent, with the time that they have in the recording, ``t0`` later.
"""

import sys
import time

import numpy as np
from mne_lsl.lsl import StreamInfo, StreamOutlet


def main(path, name, source, speed="1", begin="0", end=None):
    with np.load(path) as held:
        data, dropped, sfreq, size, t0, names = (
            held[key] for key in ("data", "dropped", "sfreq", "size", "t0", "names")
        )
    sfreq, size = float(sfreq), int(size)
    info = StreamInfo(name, "EEG", len(data), sfreq, "float64", source)
    info.set_channel_names(names.tolist())
    info.set_channel_types("eeg")
    info.set_channel_units("microvolts")
    outlet = StreamOutlet(info, chunk_size=1, max_buffered=360)
    if not outlet.wait_for_consumers(60):
        sys.exit("nobody listens")
    time.sleep(1.0)  # for the inlet to subscribe
    began = time.perf_counter()
    end = data.shape[1] if end is None else int(end)
    for start in range(int(begin), end, size):
        stop = min(start + size, end)
        late = began + (stop - int(begin)) / sfreq / float(speed) - time.perf_counter()
        if late > 0:
            time.sleep(late)
        if not dropped[start // size]:
            stamps = float(t0) + np.arange(start, stop) / sfreq
            outlet.push_chunk(np.ascontiguousarray(data[:, start:stop].T), timestamp=stamps)
    time.sleep(1.0)  # for what was sent last to arrive


if __name__ == "__main__":
    main(*sys.argv[1:])
