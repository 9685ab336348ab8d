"""Figures leave matplotlib as they found it, and are saved by suffix."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from eegsep.inspection import components
from eegsep.presentation.figures import (
    plot_ablation,
    plot_components,
    plot_confusion,
    plot_consensus,
    plot_history,
    plot_learning_curves,
    plot_maps,
    plot_reliability,
    plot_scores,
    plot_separability_scores,
    save,
)
from eegsep.statistics import summarise


def test_figures_leave_matplotlib_as_it_was(
    scores, fitted, consensus, ablation, curves, pairs, correlation, reliability, tmp_path
):
    before = dict(mpl.rcParams), mpl.get_backend(), plt.get_fignums()
    save(plot_ablation(*ablation), tmp_path / "ablation.png")
    save(plot_learning_curves(curves), tmp_path / "learning_curve.png")
    save(plot_separability_scores(pairs, correlation), tmp_path / "separability.png")
    save(plot_scores(scores, summarise(scores)), tmp_path / "scores.png")
    save(plot_reliability(reliability), tmp_path / "reliability.png")
    save(plot_confusion([[3, 1], [1, 3]], ["left", "right"]), tmp_path / "confusion.png")
    save(plot_history(fitted[0].history_), tmp_path / "history.png")
    save(plot_maps(fitted[0]), tmp_path / "maps.png")
    save(plot_components(components(fitted[0])), tmp_path / "components.png")
    save(plot_consensus(consensus), tmp_path / "consensus.png")
    assert (dict(mpl.rcParams), mpl.get_backend(), plt.get_fignums()) == before


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_figures_are_saved_by_suffix(scores, tmp_path, suffix):
    file = tmp_path / f"scores.{suffix}"
    save(plot_scores(scores, summarise(scores)), file)
    assert file.stat().st_size > 1000
