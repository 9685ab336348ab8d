"""Which shares of a study (``--shard``) a folder has, and which are missing.

A share is noted in the store when it is done; shares that are merged bring their notes along.
"""

from __future__ import annotations

from .store import Store

_NOTE = "shard "


def note_shard(store, shard):
    """Note that a share is done.

    Parameters
    ----------
    store : Store
    shard : (int, int) | None
        Its number and how many there are; None for a study that is no share.
    """
    if shard is not None:
        number, n_shards = shard
        store.note(f"{_NOTE}{number}/{n_shards}", "done")


def shards_of(folder):
    """Read which shares a folder has.

    Parameters
    ----------
    folder : path-like
        Of a study.

    Returns
    -------
    shards : list of (int, int)
        Number of each, and how many there are; empty where there is no study, or it is no share.
    """
    store = Store(folder, None)
    if not store.file.exists():
        return []
    shards = [note.removeprefix(_NOTE).split("/") for note in store.noted(_NOTE)]
    return sorted((int(number), int(n_shards)) for number, n_shards in shards)


def missing_shards(folder):
    """List the shares that a folder lacks, of those by which its study was shared.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    missing : list of (int, int)
    """
    done = shards_of(folder)
    counts = sorted({n_shards for _, n_shards in done})
    # of a study that was shared twice, in other ways, one that is whole will do
    missing = [[(k, n) for k in range(1, n + 1) if (k, n) not in done] for n in counts]
    return min(missing, key=len, default=[])
