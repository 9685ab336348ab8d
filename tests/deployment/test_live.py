"""What is shown of a stream: a view on a terminal, lines elsewhere, and a summary at the end."""

from types import SimpleNamespace

import pytest

from eegsep import StreamDecoder
from eegsep.presentation import live
from eegsep.presentation.live import StreamView

from .conftest import make_recording

STREAM = SimpleNamespace(description="stream 'amplifier' (source 'a')", n_reconnects=1)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_probabilities_latency_and_losses_are_shown(clf, capsys, monkeypatch, is_terminal):
    monkeypatch.setenv("COLUMNS", "110")
    if is_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setattr(live, "_REDRAWN", 0.0)
    else:
        monkeypatch.delenv("FORCE_COLOR", raising=False)
        monkeypatch.setattr(live, "_LINE", 0.0)
    decoder, x = StreamDecoder(clf, step=0.5), make_recording(400)
    x[:, 200:205] = float("nan")
    with StreamView(decoder, STREAM) as view:
        for start in range(0, 400, 50):
            view.show(decoder.feed(x[:, start : start + 50]), 0.002 if start else 0.004)
        gap = decoder.gaps_[0]
        view.say(gap.time, gap.outcome, gap.n_lost)
    shown = capsys.readouterr().out
    window = decoder.n_windows_
    assert "1.602 s: samples lost and interpolated, 5 samples" in shown
    assert f"{window} windows, decided" in shown
    assert "latency p50 2.0 ms, p99 2.0 ms" in shown
    assert "samples 400, lost 5 (1.2%), begun anew 0, reconnected 1, interpolated 5" in shown
    assert ("this window" in shown) == is_terminal
    for label in clf.classes_:
        assert label in shown
