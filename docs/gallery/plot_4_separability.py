"""
Separability of recordings
==========================

Which class differences a filter that is *a map times a rhythm* can see. Imagery changes the power
of sources: separable. A wave that travels in two directions does not change powers at all.
"""

from moabb.paradigms import LeftRightImagery, MotorImagery

from eegsep import data_separability
from eegsep.datasets import SimulatedMotorImagery, SimulatedTravellingWaves
from eegsep.presentation.figures import plot_separability, settings

subjects = [1, 2, 3, 4]
imagery = SimulatedMotorImagery(n_subjects=4, n_sessions=1)
waves = SimulatedTravellingWaves(n_subjects=4, n_sessions=1)

indices = {}
for name, recordings, paradigm in [
    ("imagery", imagery, LeftRightImagery(resample=128)),
    ("wave", waves, MotorImagery(n_classes=2, resample=128)),
]:
    X, y, metadata = paradigm.get_data(recordings, subjects)
    for subject in subjects:
        chosen = (metadata["subject"] == subject).to_numpy()
        index = data_separability(X[chosen], y[chosen], sfreq=128)
        indices[f"{name} {subject}"] = index

with settings():
    figure = plot_separability({}, indices)
figure

# %%
# Near 1 separable filters see all of the class difference, near 0 none of it. An open marker says
# that the classes were not found to differ, and that the index then says nothing.

for name, index in indices.items():
    print(f"{name}: index {index.index:.2f}, p {index.p_value:.3f}")
