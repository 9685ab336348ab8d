"""Nothing goes over a network unless it is asked for, nor into the home folder."""

import json
import os
import subprocess
import sys

CODE = """
import sys

NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
           "urllib.Request", "http.client.connect")

def refuse(event, args):
    if event in NETWORK:
        raise SystemExit(f"went to the network: {event} {args}")

sys.addaudithook(refuse)

import numpy as np
import eegsep
from eegsep.datasets import SimulatedMotorImagery
from eegsep.studies.benchmark import benchmark

X, y = np.random.default_rng(0).normal(size=(20, 4, 128)), np.arange(20) % 2
eegsep.EEGNetClassifier(max_epochs=1, random_state=0).fit(X, y).predict(X)
small = SimulatedMotorImagery(n_subjects=1, n_sessions=2, n_runs=1, n_trials_per_class=10)
result = benchmark(small, output=sys.argv[1], pipelines=["EEGNet", "CSP+LDA"], max_epochs=1)
print(len(result.scores))
"""


def test_a_fit_and_a_benchmark_go_to_no_network_and_leave_the_home_folder_alone(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    kept = ("MNE_", "MOABB_", "XDG_", "MPL", "_MNE")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(kept)}
    environment |= {"HOME": str(home), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "out")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == 4
    # matplotlib's list of the fonts on this machine, see docs/network_and_files.md
    files = {str(file.relative_to(home)) for file in home.rglob("*") if file.is_file()}
    assert all(file.startswith(".cache/matplotlib/fontlist") for file in files), files
