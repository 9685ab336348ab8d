"""A stream of the Lab Streaming Layer as chunks in volts, through breaks and reconnections.

By mne-lsl's inlets. Each connection reads anew which channels come, and in which order.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eegsep._utils.errors import RequestError
from eegsep._utils.extras import import_extra
from eegsep.datasets.channels import find_channels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from .stream_decoder import DecodedWindow, StreamDecoder

# Seconds of samples that an inlet keeps for a reader that is late, and samples taken at once.
_BUFFERED, _AT_ONCE = 360, 1024
# Seconds of waiting for samples before saying that there are none.
_WAITING = 0.1
# Seconds before samples are due at which a reader may still do something else, and the least from
# one chunk to the next for that.
_AHEAD, _WORTH_IT = 0.01, 0.02
# And from one such time to the next.
_BETWEEN = 0.003
# Of a search for all streams there are: outlets answer within that.
_LOOKING_ROUND = 1.0
# Volts of a unit by the names that devices give it; the XDF format's and mne-lsl's among them.
_VOLTS = {
    **dict.fromkeys(("v", "volt", "volts", "0"), 1.0),
    **dict.fromkeys(("mv", "millivolt", "millivolts", "-3"), 1e-3),
    **dict.fromkeys(("uv", "µv", "μv", "microvolt", "microvolts", "-6"), 1e-6),
    **dict.fromkeys(("nv", "nanovolt", "nanovolts", "-9"), 1e-9),
}


class Chunk(NamedTuple):
    """Samples as they came.

    Attributes
    ----------
    data : ndarray, shape (n_chans, n_samples)
        In volts.
    timestamps : ndarray, shape (n_samples,)
        Seconds on this machine's LSL clock.
    ch_names : tuple of str
        Channels of ``data``.
    arrived : float
        When the last sample was in this process, by ``time.perf_counter``.
    """

    data: np.ndarray
    timestamps: np.ndarray
    ch_names: tuple[str, ...]
    arrived: float


class LabStream:
    """A stream of the Lab Streaming Layer: a context, and an iterator of its chunks.

    A stream that ends, or whose connection breaks, is looked for again under the same name and
    source, and may have its channels in another order then. What was sent meanwhile is lost, which
    shows in the timestamps.

    Parameters
    ----------
    name, source_id : str | None
        Of the stream; both None for the only one of EEG there is.
    channels : sequence of str | None
        Those that are wanted, for which units must be known; None for all.
    unit : str | None
        Unit of streams that tell none, such as ``"uV"``.
    timeout : float, default=10.0
        Seconds to look for the stream, at the beginning and after a break.

    Attributes
    ----------
    sfreq : float
        Nominal rate in Hz.
    ch_names : tuple of str
        Channels in the order of now.
    description : str
        Name and source, for people.
    n_reconnects : int
        Connections after the first one.

    Raises
    ------
    eegsep._utils.errors.RequestError
        If there is no such stream, or several; if it has no regular rate, no channel names, or a
        unit that is not told; or if mne-lsl is not installed.
    """

    def __init__(
        self,
        name: str | None = None,
        source_id: str | None = None,
        *,
        channels: list[str] | None = None,
        unit: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._lsl = _load_lsl()
        if unit is not None and unit.lower() not in _VOLTS:
            raise RequestError(f"unknown unit {unit!r}: V, mV, uV or nV.")
        self._name, self._source_id = name, source_id
        self._channels, self._unit, self._timeout = channels, unit, timeout
        self._inlet = None
        self.n_reconnects = 0
        self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._disconnect()

    def chunks(self, meanwhile: Callable[[], object] | None = None) -> Iterator[Chunk | None]:
        """Wait for samples, and give them as they come; None after a tenth of a second without any.

        Parameters
        ----------
        meanwhile : callable | None
            Called without arguments, each 3 ms from 10 ms before the next samples are due, which is
            after as long as the last ones took, until they come or are 10 ms late. Not where they
            come faster, or each 20 ms and less. What it raises comes through.

        Yields
        ------
        chunk : Chunk | None

        Raises
        ------
        eegsep._utils.errors.RequestError
            If the stream was lost, and has not come back within ``timeout``, or came back as one
            that cannot be used.
        """
        due = np.inf
        while True:
            early = due - _AHEAD - time.perf_counter()
            if early < -2 * _AHEAD:  # they have not come
                due = early = np.inf
            waiting = min(max(early, _BETWEEN), _WAITING)
            try:
                # one sample by itself, so as to wait for no more than the first
                first = self._pull(1, waiting)
                more = self._pull(_AT_ONCE, 0.0) if len(first[1]) else None
            except RuntimeError:  # of which mne-lsl's LostError is one
                due = np.inf
                yield from self._reconnect()
                continue
            arrived = time.perf_counter()
            if more is None:
                if waiting == _WAITING:
                    yield None
                elif early <= _BETWEEN and meanwhile is not None:
                    meanwhile()
                continue
            data, timestamps = (np.concatenate(both) for both in zip(first, more, strict=True))
            lasted = len(timestamps) / self.sfreq
            has_time = meanwhile is not None and lasted >= _WORTH_IT
            due = arrived + lasted if has_time else np.inf
            yield Chunk(data.T * self._volts, timestamps, self.ch_names, arrived)

    def now(self) -> float:
        """Return the time on the clock of the timestamps."""
        return self._lsl.local_clock()

    def _pull(self, n_samples, timeout):
        # mne-lsl gives views of a buffer that the next pull writes to
        data, timestamps = self._inlet.pull_chunk(timeout, n_samples)
        return data.astype(np.float64), timestamps.copy()

    def _reconnect(self):
        """Look for the stream until it is there again; None now and then meanwhile."""
        self._disconnect()
        sfreq, begin = self.sfreq, time.monotonic()
        while True:
            yield None
            try:
                self._connect(0.0)
                break
            except _NotThere as error:
                if time.monotonic() - begin > self._timeout:
                    raise RequestError(
                        f"{self.description} was lost and has not come back within "
                        f"{self._timeout:g} s."
                    ) from error
        if self.sfreq != sfreq:
            raise RequestError(
                f"{self.description} had {sfreq:g} Hz, and came back at {self.sfreq:g} Hz."
            )
        self.n_reconnects += 1

    def _connect(self, timeout=None):
        timeout = self._timeout if timeout is None else timeout
        info = self._resolve(timeout)
        self.description = f"stream {info.name!r} (source {info.source_id!r})"
        # without its own recovery, which would not tell that channels come in another order
        self._inlet = self._lsl.StreamInlet(
            info, max_buffered=_BUFFERED, recover=False, processing_flags=["clocksync"]
        )
        try:
            self._inlet.open_stream(timeout=self._timeout)
            full = self._inlet.get_sinfo(self._timeout)
        except (TimeoutError, RuntimeError) as error:
            self._disconnect()
            raise _NotThere(f"{self.description} does not answer ({error}).") from error
        try:
            self._read(full)
        except RequestError:
            self._disconnect()
            raise
        # after a break, the same one
        self._name, self._source_id = info.name, info.source_id or None

    def _disconnect(self):
        inlet, self._inlet = self._inlet, None
        if inlet is not None:
            inlet._del()  # mne-lsl has no other way than to wait for the garbage collection

    def _resolve(self, timeout):
        """Find the stream that is meant."""
        begin = time.monotonic()
        while True:
            # a whole round, so that a second stream of the same name does not go unseen
            there = self._lsl.resolve_streams(_LOOKING_ROUND)
            meant = [info for info in there if self._is_meant(info)]
            if len(meant) == 1:
                return meant[0]
            if meant:
                raise RequestError(
                    f"{len(meant)} streams are meant: {_list(meant)}. Say which by its name or "
                    "source."
                )
            if time.monotonic() - begin > timeout:
                break
        asked = {"name": self._name, "source": self._source_id}
        wanted = " and ".join(f"{what} {value!r}" for what, value in asked.items() if value)
        raise _NotThere(
            f"no stream of {wanted or 'EEG'} came up within {timeout:g} s. "
            + (
                f"There are: {_list(there)}."
                if there
                else "There is none at all: `mne-lsl player RECORDING` replays a file."
            )
        )

    def _is_meant(self, info):
        if self._name is None and self._source_id is None:
            return info.stype.lower() == "eeg"
        return self._name in (None, info.name) and self._source_id in (None, info.source_id)

    def _read(self, info):
        """Read rate, channels and units of a stream that an inlet is open to."""
        names = info.get_channel_names()
        if info.dtype == "string" or not info.sfreq > 0:
            raise RequestError(f"{self.description} is of markers or events, not of samples.")
        if names is None or None in names or len(names) != info.n_channels:
            raise RequestError(
                f"{self.description} does not name its {info.n_channels} channels, and channels "
                "are matched by name. Have the program that sends it name them."
            )
        self.sfreq, self.ch_names = float(info.sfreq), tuple(names)
        units = info.get_channel_units() or [None] * len(names)
        volts = [_VOLTS.get(str(self._unit if u is None else u).lower().strip()) for u in units]
        wanted = names
        if self._channels is not None:
            wanted = find_channels(self._channels, names).values()
        unknown = [
            f"{name} ({unit or 'none'})"
            for name, unit, factor in zip(names, units, volts, strict=True)
            if factor is None and name in wanted
        ]
        if unknown:
            raise RequestError(
                f"{self.description} tells no unit of volts for {', '.join(unknown[:8])}. Say "
                "which, if it is none: unit uV, mV or V."
            )
        # channels that nobody wants may be of any unit
        self._volts = np.array([[1.0 if factor is None else factor] for factor in volts])


def decode(
    stream: LabStream, decoder: StreamDecoder
) -> Iterator[tuple[list[DecodedWindow], float]]:
    """Decode a stream's chunks as they come.

    While samples are due the decoder rehearses, see :meth:`eegsep.StreamDecoder.rehearse`, which
    takes a few milliseconds of a processor's time for a chunk. Not where decoding takes longer than
    10 ms.

    Parameters
    ----------
    stream : LabStream
    decoder : StreamDecoder

    Yields
    ------
    windows : list of DecodedWindow
        Often none.
    latency : float
        Seconds from the arrival of the last sample in this process until these windows' decision.

    Raises
    ------
    eegsep._utils.errors.RequestError
        If the stream lacks a channel, or as :meth:`LabStream.chunks`.
    """
    last: Chunk | None = None
    took = 0.0

    def decode_again():
        if last is None or took > _AHEAD:  # samples would have to wait for the end of it
            return
        data, timestamps, ch_names, _ = last
        decoder.rehearse(data, timestamps + len(timestamps) / stream.sfreq, ch_names)

    for chunk in stream.chunks(decode_again):
        if chunk is None:
            yield [], 0.0
            continue
        try:
            windows = decoder.feed(chunk.data, chunk.timestamps, chunk.ch_names)
        except ValueError as error:
            raise RequestError(f"{stream.description}: {error}") from error
        last, took = chunk, time.perf_counter() - chunk.arrived
        yield windows, took


class _NotThere(RequestError):
    """A stream cannot be found now; it may come."""


def _list(infos):
    return ", ".join(sorted(f"{info.name!r} (source {info.source_id!r})" for info in infos))


def _load_lsl():
    lsl = import_extra("mne_lsl.lsl", "stream", "streams of the Lab Streaming Layer need mne-lsl")
    _be_quiet(lsl)
    return lsl


def _be_quiet(lsl):
    """Keep liblsl from writing of what goes well, unless it is configured in a way of its own."""
    files = Path.cwd(), Path.home() / "lsl_api", Path("/etc/lsl_api")
    is_configured = "LSLAPICFG" in os.environ or any((f / "lsl_api.cfg").exists() for f in files)
    if not is_configured and hasattr(lsl, "set_config_content"):
        with suppress(NotImplementedError):  # liblsl before 1.17.7
            lsl.set_config_content("[log]\nlevel = -3\n")
