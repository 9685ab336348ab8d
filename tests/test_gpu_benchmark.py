"""The benchmark for accelerators, in its smallest size on the CPU."""

import math
import os
import subprocess
import sys

from tests.conftest import REPOSITORY


def test_it_prints_the_times_of_all_ways():
    sizes = ["--shapes", "3x1125", "--trials", "8", "--networks", "2", "--epochs", "1"]
    done = subprocess.run(
        [sys.executable, "benchmarks/gpu.py", "--device", "cpu", *sizes],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    row = next(line for line in done.stdout.splitlines() if "3 x 1125" in line)
    shape, *numbers = (cell.strip() for cell in row.strip("│ \n").split("│"))
    assert shape == "3 x 1125, K 125"
    times = [float(number) for number in numbers]
    assert len(times) == 8
    assert all(map(math.isfinite, times))
