"""Which shares of a study (``--shard``) a folder has, and which are missing.

A share is noted in the store when it is done; shares that are merged bring their notes along.
"""

from __future__ import annotations

from .store import Store

_NOTE = "shard "


def note_shard(store, shard):
    """Note in the store that a share, (number, how many there are), is done; None is none."""
    if shard is not None:
        number, n_shards = shard
        store.note(f"{_NOTE}{number}/{n_shards}", "done")


def shards_of(folder):
    """Read which shares a study's folder has: number of each, and how many there are.

    It is empty where there is no study, or it is no share.
    """
    store = Store(folder, None)
    if not store.file.exists():
        return []
    shards = [note.removeprefix(_NOTE).split("/") for note in store.noted(_NOTE)]
    return sorted((int(number), int(n_shards)) for number, n_shards in shards)


def missing_shards(folder):
    """List the shares that a folder lacks, of those by which its study was shared."""
    done = shards_of(folder)
    counts = sorted({n_shards for _, n_shards in done})
    # of a study that was shared twice, in other ways, one that is whole will do
    missing = [[(k, n) for k in range(1, n + 1) if (k, n) not in done] for n in counts]
    return min(missing, key=len, default=[])
