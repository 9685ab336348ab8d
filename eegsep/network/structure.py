"""Which convolutions an EEGNet is made of: their names, what fits together, how many parameters.

Known before a network is made.
"""

from __future__ import annotations

from itertools import count, takewhile

# The convolutions of the two blocks, and what the number that follows some of them counts.
SPATIAL_KINDS = {
    "depthwise": None,
    "grouped": "groups",
    "standard": None,
    "joint": None,
    "low_rank": "rank",
}
SEPARABLE_KINDS = {
    "separable": None,
    "grouped": "groups",
    "standard": None,
    "shuffle": "groups",
    "inception": "towers",
    "spatially_separable": None,
}
PUBLISHED_F1 = 8
N_TOWERS = 4


def parse_convolution(name, text):
    """Read the name of a convolution, such as ``"depthwise"`` or ``"grouped:4"``.

    Parameters
    ----------
    name : {"spatial", "separable"}
        The parameter it is given as.
    text : str
        A kind, and for some of them a number after a colon.

    Returns
    -------
    kind : str
        One of ``SPATIAL_KINDS`` or ``SEPARABLE_KINDS``.
    number : int | None
        Groups, rank or towers; None for kinds without.

    Raises
    ------
    ValueError
        If ``text`` is no such name.

    Examples
    --------
    >>> from eegsep.network import parse_convolution
    >>> parse_convolution("spatial", "grouped:4")
    ('grouped', 4)
    >>> parse_convolution("separable", "separable")
    ('separable', None)
    """
    kinds = {"spatial": SPATIAL_KINDS, "separable": SEPARABLE_KINDS}[name]
    kind, colon, number = text.partition(":") if isinstance(text, str) else (None, "", "")
    if kind in kinds:
        counted = kinds[kind]
        # more digits than these count no maps, and Python refuses to read thousands of them
        digits = number.isascii() and number.isdecimal() and len(number) < 20
        if colon and counted and digits and int(number) > 0:
            return kind, int(number)
        if not colon and counted is None:
            return kind, None
        if not colon and counted == "towers":
            return kind, N_TOWERS
    written = [
        f'"{kind}"' if counted is None else f'"{kind}:<{counted}>"'
        for kind, counted in kinds.items()
    ]
    raise ValueError(f"{name} must be one of {', '.join(written)}, got {text!r}")


def check_convolutions(spatial, separable, F1, D, F2):
    """Refuse convolutions that do not fit the numbers of filters.

    Parameters
    ----------
    spatial, separable : str
        As in :class:`eegsep.EEGNet`.
    F1, D, F2 : int
        Numbers of filters.

    Raises
    ------
    ValueError
        If a name is unknown, or groups or towers do not divide the maps that they split.

    Examples
    --------
    >>> from eegsep.network import check_convolutions
    >>> check_convolutions("grouped:4", "separable", F1=8, D=2, F2=16)
    >>> check_convolutions("grouped:3", "separable", F1=8, D=2, F2=16)
    Traceback (most recent call last):
    ...
    ValueError: ...
    """
    kind, number = parse_convolution("spatial", spatial)
    if kind == "grouped" and F1 % number:
        raise ValueError(f"spatial={spatial!r} needs groups that divide F1={F1}")
    kind, number = parse_convolution("separable", separable)
    maps = {"F1 * D": F1 * D, "F2": F2}
    if kind == "inception":
        del maps["F1 * D"]
    if number is not None and any(n % number for n in maps.values()):
        counts = " and ".join(f"{name}={n}" for name, n in maps.items())
        raise ValueError(f"separable={separable!r} needs {SEPARABLE_KINDS[kind]} dividing {counts}")


def count_parameters(
    n_chans,
    n_times,
    n_outputs,
    *,
    F1=PUBLISHED_F1,
    D=2,
    F2=None,
    kernel_length=64,
    separable_kernel_length=16,
    pool1=4,
    pool2=8,
    spatial="depthwise",
    separable="separable",
):
    """Trainable parameters of :class:`eegsep.EEGNet`, by formula.

    Parameters
    ----------
    n_chans, n_times, n_outputs, F1, D, F2 : int
        As in :class:`eegsep.EEGNet`, and so are the rest.
    kernel_length, separable_kernel_length, pool1, pool2 : int
        Lengths, which shrink to the window as there.
    spatial, separable : str
        Names of convolutions.

    Returns
    -------
    n_parameters : int

    Examples
    --------
    >>> from eegsep.network import count_parameters
    >>> count_parameters(n_chans=22, n_times=512, n_outputs=4)
    2484
    >>> count_parameters(n_chans=22, n_times=512, n_outputs=4, spatial="standard")
    4948
    """
    C, K, M = n_chans, min(kernel_length, n_times), F1 * D
    F2 = M if F2 is None else F2
    pool1 = min(pool1, n_times)
    n_pooled = n_times // pool1
    L, pool2 = min(separable_kernel_length, n_pooled), min(pool2, n_pooled)
    temporal = F1 * K + 2 * F1
    kind, number = parse_convolution("spatial", spatial)
    first = {
        "depthwise": lambda: temporal + M * C,
        "grouped": lambda: temporal + M * C * F1 // number,
        "standard": lambda: temporal + M * C * F1,
        "joint": lambda: M * C * K,
        "low_rank": lambda: M * number * (C + K),
    }[kind]()
    kind, number = parse_convolution("separable", separable)
    second = {
        "separable": lambda: M * L + M * F2,
        "grouped": lambda: M * F2 * L // number,
        "standard": lambda: M * F2 * L,
        "shuffle": lambda: (M * F2 + F2 * F2) // number + F2 * L,
        "inception": lambda: M * F2 + F2 * F2 * L // number,
        "spatially_separable": lambda: M * F2 + F2 * L,
    }[kind]()
    dense = n_outputs * (F2 * (n_pooled // pool2) + 1)
    return first + 2 * M + second + 2 * F2 + dense


def matched_F1(
    n_chans,
    n_times,
    n_outputs,
    *,
    D=2,
    F2=None,
    spatial="depthwise",
    separable="separable",
    **lengths,
):
    """Find how many temporal filters give a network the published one's number of parameters.

    Tells "another structure" from "more parameters": the largest F1 with which the network has no
    more trainable parameters than the published one of eight temporal filters, everything else
    (D, F2, kernels, pools, the window) being the same.

    Parameters
    ----------
    n_chans, n_times, n_outputs, D, F2, spatial, separable
        As in :class:`eegsep.EEGNet`.
    **lengths
        Of kernels and pools, as in :func:`count_parameters`.

    Returns
    -------
    F1 : int

    Raises
    ------
    ValueError
        If no F1 has as few parameters.

    Examples
    --------
    >>> from eegsep.network import count_parameters, matched_F1
    >>> matched_F1(n_chans=22, n_times=512, n_outputs=4, spatial="standard")
    5
    """

    def n_parameters(F1, **kinds):
        return count_parameters(n_chans, n_times, n_outputs, F1=F1, D=D, F2=F2, **lengths, **kinds)

    kinds = {"spatial": spatial, "separable": separable}
    most = n_parameters(PUBLISHED_F1)
    within = list(takewhile(lambda F1: n_parameters(F1, **kinds) <= most, count(1)))
    for F1 in reversed(within):
        try:
            check_convolutions(spatial, separable, F1, D, F1 * D if F2 is None else F2)
        except ValueError:
            continue
        return F1
    reason = f"F1 up to {len(within)} would, but groups or towers do not divide the maps"
    if not within:
        reason = f"F1=1 has {n_parameters(1, **kinds):,} already"
    raise ValueError(
        f'F1="matched" finds no network with spatial={spatial!r} and separable={separable!r} of at '
        f"most the published one's {most:,} parameters: {reason}. Give F1 as a number, or take "
        "another D."
    )
