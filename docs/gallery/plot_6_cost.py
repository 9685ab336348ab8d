"""
Cost of convolutions
====================

Parameters, multiply-adds and measured time of the family between a standard and a depthwise
separable convolution: fewer operations are not proportionally less time.
"""

import matplotlib.pyplot as plt

from eegsep.network.cost import family_table, reduction, say_speed
from eegsep.presentation.figures import settings

# %%
# A place in the middle of a network: 64 channels in and out, an image of 28 × 28, kernels of 3 × 3.

table = family_table(channels=64, size=28, kernel_size=3, repetitions=5)
chosen = table.set_index("convolution")
names = [name.replace("_", " ") for name in chosen.index]

with settings():
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
    axes[0].barh(names, chosen["multiply_adds"] / 1e6, color="#2a7fb8")
    axes[0].set(xscale="log", xlabel="multiply-adds, millions", title="what is computed")
    axes[1].barh(names, chosen["seconds"] * 1e3, color="#c8442f")
    axes[1].set(xscale="log", xlabel="ms for a forward pass, here", title="what the clock says")
    axes[0].invert_yaxis()
    for ax in axes:
        ax.xaxis.set_major_formatter("{x:g}")
figure

# %%

print(say_speed(table.dropna(subset=["speedup"])))
table[["convolution", "parameters", "multiply_adds", "reduction", "speedup"]].round(2)

# %%
# The share of a standard convolution that a depthwise separable one costs is 1/N + 1/(kh · kw): in
# an early layer, of few output channels N, the first term takes the gain away.

channels = [2, 4, 8, 16, 32, 64, 128, 256, 512]
with settings():
    figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for kernel in (3, 5, 7):
        gain = [1 / reduction(n, kernel).total for n in channels]
        (line,) = ax.plot(channels, gain, marker="o", label=f"{kernel} × {kernel}")
        ax.axhline(kernel**2, color=line.get_color(), linestyle=":", linewidth=1)
    ax.set(xscale="log", yscale="log", xlabel="output channels N", ylabel="times fewer products")
    ax.set_xticks(channels, channels)
    ax.set_yticks([1, 2, 5, 10, 20, 50], [1, 2, 5, 10, 20, 50])
    ax.minorticks_off()
    ax.legend(title="kernel")
figure
