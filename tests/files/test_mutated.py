"""Model files changed at random and on purpose; ``benchmarks/mutate.py`` has ten thousand."""

import pickle

from benchmarks.mutate import CHANGES, FAILURES, Canary, run


def test_the_canary_sings_where_a_pickle_runs_a_program(tmp_path):
    canary = Canary(tmp_path)
    with canary:
        pickle.loads(pickle.dumps(canary))
    assert "os.system" in canary.heard
    assert canary.sang()
    assert not canary.file.exists()


def test_none_of_300_changed_files_runs_code_hangs_or_loads_silently_wrong(tmp_path):
    failures = []
    counts, _ = run(tmp_path, 300, seed=1, show=failures.append)
    assert failures == []
    assert sum(counts.values()) == 300
    assert not any(outcome in FAILURES for _, outcome in counts)
    assert {change for change, _ in counts} == {change.__name__ for change in CHANGES}
    assert sum(n for (_, outcome), n in counts.items() if outcome == "refused") > 200
