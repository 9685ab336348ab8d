"""Ranks are drawn at their places, and joined where they do not differ."""

import numpy as np
import pandas as pd
import pytest

from eegsep.presentation.figures import plot_ranks
from eegsep.statistics import Ranking


@pytest.fixture
def ranking():
    ranks = pd.Series({"EEGNet": 1.4, "CSP+LDA": 2.0, "TS+LR": 2.6})
    groups = [["EEGNet", "CSP+LDA"], ["CSP+LDA", "TS+LR"]]
    return Ranking(ranks, 12, 8.7, 0.01, 0.96, groups)


def test_lines_lead_from_ranks_to_names(ranking):
    ax = plot_ranks(ranking).axes[0]
    np.testing.assert_allclose([line.get_xdata()[0] for line in ax.lines], [1.4, 2.0, 2.6])
    words = [text.get_text() for text in ax.texts]
    assert {"EEGNet  1.40", "CSP+LDA  2.00", "2.60  TS+LR"} <= set(words)


def test_bars_join_groups_and_show_the_critical_difference(ranking):
    ax = plot_ranks(ranking).axes[0]
    spans = [np.ptp(c.get_segments()[0][:, 0]) for c in ax.collections]
    for expected in (0.96, 0.6 + 0.06):
        assert any(abs(span - expected) < 1e-9 for span in spans)
