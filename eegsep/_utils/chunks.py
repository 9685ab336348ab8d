"""Trials a few at a time, so that what is computed of them stays in a core's cache."""

# Trials are read in pieces of about this size wherever one pass over the data suffices.
CHUNK_BYTES = 2**19


def chunks(X, index, n_bytes=0):
    """Yield ``X[index]`` in pieces of about ``CHUNK_BYTES`` (``n_bytes`` a trial, if more)."""
    step = max(1, CHUNK_BYTES // max(1, n_bytes, X[:1].nbytes))
    for start in range(0, len(index), step):
        yield X[index[start : start + step]]
