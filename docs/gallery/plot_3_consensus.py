"""
Consensus maps
==============

What several fits of the network have in common, which is what a scalp map should show: a map of one
fit may be chance.
"""

from moabb.paradigms import LeftRightImagery

from eegsep import EEGNetClassifier, components, consensus
from eegsep.datasets import SimulatedMotorImagery
from eegsep.inspection import cross_components
from eegsep.presentation.figures import plot_components, plot_consensus, settings

recordings = SimulatedMotorImagery(n_subjects=2, n_sessions=1)
epochs, y, _ = LeftRightImagery(resample=128).get_data(recordings, [2], return_epochs=True)

# %%
# Five folds, each fit from other random numbers; components of different fits that are alike, in
# their pattern and in their spectrum, make a row.

clf = EEGNetClassifier(random_state=0)
fits = cross_components(clf, epochs, y, cv=5)
found = consensus(fits)

with settings():
    figure = plot_consensus(found, n_clusters=4, title="Simulated subject 2")
figure

# %%
# Reliability is near 1 where what decides recurs in every fit, and around 0 where nothing does: of
# networks that were fitted to shuffled labels, for comparison.

shuffled = consensus(cross_components(clf, epochs, y, cv=5, control="shuffled"))
print(f"trained {found.reliability:.2f}, on shuffled labels {shuffled.reliability:.2f}")

# %%
# One fit, component by component: pattern and filter are different things, and the second is not
# a map of a source.

with settings():
    figure = plot_components(components(clf.fit(epochs, y)), picks=[0, 1, 2])
figure
