"""Send a recording as a stream of the Lab Streaming Layer, faster than it was or with chunks lost.

    python benchmarks/outlet.py RECORDING.npz NAME SOURCE [SPEED [BEGIN [END]]]

mne-lsl's player sends at real speed and loses nothing. The file has ``data`` (n_chans, n_samples)
in microvolts, ``names``, ``sfreq``, the ``size`` of chunks, whether each is ``dropped``, and
``t0``: the timestamp of sample 0, or NaN where samples bear the time at which they are sent. After
its end the recording begins again, until sample END.
"""

import sys
import time

import numpy as np
from mne_lsl.lsl import StreamInfo, StreamOutlet, local_clock


def main(path, name, source, speed="1", begin="0", end=None):
    """Send samples ``begin`` to ``end``."""
    with np.load(path) as held:
        data, dropped, names = held["data"], held["dropped"], held["names"].tolist()
        sfreq, size, t0 = float(held["sfreq"]), int(held["size"]), float(held["t0"])
    begin, n_samples = int(begin), data.shape[1]
    info = StreamInfo(name, "EEG", len(data), sfreq, "float64", source)
    info.set_channel_names(names)
    info.set_channel_types("eeg")
    info.set_channel_units("microvolts")
    # a chunk in one piece: of many small ones TCP would hold some back for 40 ms
    outlet = StreamOutlet(info, chunk_size=size, max_buffered=360)
    if not outlet.wait_for_consumers(60):
        sys.exit("nobody listens")
    time.sleep(1.0)  # for the inlet to subscribe
    began = local_clock()
    t0 = began - begin / sfreq if np.isnan(t0) else t0
    end = n_samples if end is None else int(end)
    for start in range(begin, end, size):
        samples = np.arange(start, min(start + size, end))
        due = began + (samples[-1] - begin) / sfreq / float(speed)
        late = local_clock() - due
        if late < 0:
            time.sleep(-late)
        elif late > 1:  # after a pause of the whole machine: no flood that would overflow
            began += late
        if not dropped[start // size % len(dropped)]:
            chunk = np.ascontiguousarray(data[:, samples % n_samples].T)
            outlet.push_chunk(chunk, timestamp=t0 + samples / sfreq)
    time.sleep(1.0)  # for what was sent last to arrive


if __name__ == "__main__":
    main(*sys.argv[1:])
