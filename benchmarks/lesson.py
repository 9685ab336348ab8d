"""Count and time the layers that the sliders of docs/lesson.md show, and write them into the page.

    python -m benchmarks.lesson

Of each number of outputs N, kernel k and number of groups g: the grouped convolution (standard for
g = 1, depthwise for g = C), and the same from C to C channels with a pointwise step to N after it.
"""

import json
import platform
import re
from pathlib import Path

import torch
from torch import nn

from eegsep.network.convolutions import GroupedConv2d, PointwiseConv2d
from eegsep.network.cost import count, time_in_turns
from eegsep.network.cost.timing import forward_of

PAGE = Path(__file__).parent.parent / "docs" / "lesson.md"
CHANNELS, SIZE, BATCH = 64, 28, 8
GROUPS = (1, 2, 4, 8, 16, 32, 64)
OUTPUTS = (64, 128, 256)
KERNELS = (1, 3, 5, 7)
DATA = re.compile(r'(<script type="application/json" id="layers">\n)(.*?)(</script>)', re.DOTALL)


def make_layers(n_outputs, kernel, groups):
    """Make the grouped convolution, and the one that mixes its groups again by a pointwise step."""
    options = {"padding": "same", "groups": groups}
    return (
        GroupedConv2d(CHANNELS, n_outputs, kernel, **options),
        nn.Sequential(
            GroupedConv2d(CHANNELS, CHANNELS, kernel, **options),
            PointwiseConv2d(CHANNELS, n_outputs),
        ),
    )


def measure():
    """Return [weights, multiply-adds, ms an image] of both layers by ``"N,k,g"``."""
    x = torch.randn(BATCH, CHANNELS, SIZE, SIZE)
    measured = {}
    for n_outputs in OUTPUTS:
        for kernel in KERNELS:
            layers = {groups: make_layers(n_outputs, kernel, groups) for groups in GROUPS}
            actions = {(g, i): forward_of(layers[g][i].eval(), x) for g in GROUPS for i in (0, 1)}
            seconds = time_in_turns(actions, repetitions=7)
            for g in GROUPS:
                measured[f"{n_outputs},{kernel},{g}"] = [
                    [*count(layers[g][i], x.shape[1:]), round(1e3 * seconds[g, i] / BATCH, 4)]
                    for i in (0, 1)
                ]
    return measured


if __name__ == "__main__":
    torch.set_num_threads(1)
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in measure().items()]
    text = PAGE.read_text(encoding="utf-8")
    text = DATA.sub(lambda found: found[1] + "{" + ",\n".join(lines) + "}\n" + found[3], text)
    PAGE.write_text(text, encoding="utf-8")
    print(f"{len(lines)} sizes on {platform.processor()}, torch {torch.__version__}")
