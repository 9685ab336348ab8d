"""``eegsep stream``: a stream of the Lab Streaming Layer, decoded as it comes."""

import gc
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from .options import Replace, Trusted
from .progress import Progress
from .refusals import in_one_line, refuse


@in_one_line(stopped="")
def stream(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="File by clf.save or `eegsep fit` (.eegsep).")
    ],
    name: Annotated[
        str | None,
        typer.Option(help="Name of the stream (default: the only one of EEG)."),
    ] = None,
    source_id: Annotated[str | None, typer.Option(help="Source of the stream.")] = None,
    step: Annotated[float, typer.Option(help="Seconds from one window to the next.")] = 0.1,
    band: Annotated[
        str | None,
        typer.Option(
            help="Pass band in Hz, such as 8-32, 8- or -32; none for no filter "
            "(default: the model's)."
        ),
    ] = None,
    memory: Annotated[
        float, typer.Option(help="Seconds in which evidence of past windows fades.")
    ] = 5.0,
    threshold: Annotated[
        float | None,
        typer.Option(help="Least accumulated probability of a decision."),
    ] = None,
    max_gap: Annotated[
        float,
        typer.Option(help="Seconds of lost samples that are interpolated; after more, anew."),
    ] = 0.1,
    unit: Annotated[
        str | None,
        typer.Option(help="Unit of a stream that tells none: V, mV, uV."),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(help="Seconds after which it ends (default: at Ctrl+C)."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(help="Seconds to look for the stream, also after a break.")
    ] = 10.0,
    output: Annotated[
        Path | None,
        typer.Option(help="CSV file of windows, gaps and decisions."),
    ] = None,
    trusted: Trusted = None,
    overwrite: Replace = False,
):
    """Decode an EEG stream of the Lab Streaming Layer as it comes, with a live view.

    Without a device: `mne-lsl player RECORDING` replays a file.
    """
    for option, seconds in (("duration", duration), ("timeout", timeout)):
        if seconds is not None and not seconds >= 0:
            refuse(f"{option} must be a number of seconds, 0 or more, not {seconds:g}.")
    pass_band = _read_band(band)
    with ExitStack() as stack:
        progress = stack.enter_context(Progress())
        from eegsep._utils.errors import RequestError
        from eegsep._utils.tables import check_free, folders_for
        from eegsep.deployment.lab_streaming_layer import LabStream, decode
        from eegsep.deployment.stored_model import load_for_stream
        from eegsep.deployment.stream_decoder import StreamDecoder
        from eegsep.deployment.stream_events import StreamEvents
        from eegsep.presentation.live import StreamView

        if output is not None:
            check_free(output, overwrite, sources=[model])
        stack.enter_context(folders_for(output))  # made now, rather than find out when it streams
        estimator, arguments = load_for_stream(model, trusted=trusted or ())
        if band is not None:
            arguments["band"] = pass_band
        arguments |= {"step": step, "memory": memory, "threshold": threshold, "max_gap": max_gap}
        try:
            decoder = StreamDecoder(estimator, **arguments)
            progress.stage("looking for the stream")
            lab = LabStream(name, source_id, channels=decoder.ch_names_, unit=unit, timeout=timeout)
            if lab.sfreq != decoder.sfreq_:
                decoder = StreamDecoder(estimator, sfreq=lab.sfreq, **arguments)
        except (ValueError, TypeError) as error:
            raise RequestError(str(error)) from error
    gc.collect()
    gc.freeze()  # what is there already is not looked at again while windows wait
    end = None if duration is None else time.monotonic() + duration
    with lab, StreamEvents(output, decoder.classes_) as events, StreamView(decoder, lab) as view:
        n_reconnects = 0
        try:
            for windows, latency in decode(lab, decoder):
                while decoder.gaps_:
                    gap = decoder.gaps_.popleft()
                    view.say(*events.note(gap.time, gap.outcome, gap.n_lost))
                if lab.n_reconnects > n_reconnects:
                    n_reconnects = lab.n_reconnects
                    view.say(*events.note(lab.now(), "reconnected", 0))
                events.write(windows, latency)
                view.show(windows, latency)
                if end is not None and time.monotonic() >= end:
                    break
        except KeyboardInterrupt:
            pass  # which is how it is to be ended


def _read_band(text):
    """Read a pass band such as 8-32, 8-, -32 or none."""
    if text is None or text == "none":
        return None
    low, dash, high = text.partition("-")
    try:
        if not dash or not (low or high):
            raise ValueError
        return float(low) if low else None, float(high) if high else None
    except ValueError:
        refuse(f"cannot read the band {text!r}: write it as 8-32, 8-, -32 or none.")
