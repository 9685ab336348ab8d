"""Model files changed at random and on purpose; ``benchmarks/mutate.py`` has ten thousand."""

from benchmarks.mutate import CHANGES, FAILURES, run


def test_none_of_300_changed_files_runs_code_hangs_or_loads_silently_wrong(tmp_path):
    failures = []
    counts, _ = run(tmp_path, 300, seed=1, show=failures.append)
    assert failures == []
    assert sum(counts.values()) == 300
    assert not any(outcome in FAILURES for _, outcome in counts)
    assert {change for change, _ in counts} == {change.__name__ for change in CHANGES}
    assert sum(n for (_, outcome), n in counts.items() if outcome == "refused") > 200
