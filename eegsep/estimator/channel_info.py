"""mne.Info of a classifier's channels as plain values, and back.

What describes channels and signal is kept; nothing of persons, dates and devices.
"""

from __future__ import annotations

import numpy as np

_OF_CHANNEL = ("kind", "coil_type", "unit", "unit_mul", "coord_frame", "cal", "range")
_OF_POINT = ("kind", "ident", "coord_frame")


def to_plain(info):
    """Take what is known of channels (dict), in MNE's numbers: metres, and FIFF's constants."""
    if info is None:
        return None
    transform = info["dev_head_t"]
    return {
        "ch_names": list(info["ch_names"]),
        "ch_types": info.get_channel_types(),
        "bads": list(info["bads"]),
        "sfreq": float(info["sfreq"]),
        "highpass": float(info["highpass"]),
        "lowpass": float(info["lowpass"]),
        "line_freq": None if info["line_freq"] is None else float(info["line_freq"]),
        "custom_ref_applied": int(info["custom_ref_applied"]),
        "loc": np.array([ch["loc"] for ch in info["chs"]], dtype=np.float64),
        "of_channels": np.array([[ch[key] for key in _OF_CHANNEL] for ch in info["chs"]], float),
        "points": None if info["dig"] is None else _points(info["dig"]),
        "projectors": [_projector(each) for each in info["projs"]],
        "dev_head_t": None if transform is None else np.array(transform["trans"], np.float64),
    }


def _points(dig):
    numbers = np.array([[int(point[key]) for key in _OF_POINT] for point in dig], dtype=np.int64)
    places = np.array([point["r"] for point in dig], dtype=np.float64)
    return numbers.reshape(-1, len(_OF_POINT)), places.reshape(-1, 3)


def _projector(projector):
    data = projector["data"]
    explained = projector["explained_var"]
    return {
        "desc": str(projector["desc"]),
        "kind": int(projector["kind"]),
        "active": bool(projector["active"]),
        "explained_var": None if explained is None else float(explained),
        "col_names": list(data["col_names"]),
        "row_names": None if data["row_names"] is None else list(data["row_names"]),
        "data": np.array(data["data"], dtype=np.float64),
    }


def from_plain(plain, n_chans):
    """Make an mne.Info of what :func:`to_plain` took, None of None.

    It is a ValueError if it is not of that form, or has another number of channels.
    """
    if plain is None:
        return None
    import mne

    try:
        _check(plain, n_chans)
        made = mne.create_info(plain["ch_names"], plain["sfreq"], plain["ch_types"], verbose=False)
        with made._unlock():
            for key in ("highpass", "lowpass", "line_freq", "custom_ref_applied"):
                made[key] = plain[key]
            for ch, loc, numbers in zip(
                made["chs"], plain["loc"], plain["of_channels"], strict=True
            ):
                ch["loc"] = loc.copy()
                for key, number in zip(_OF_CHANNEL, numbers.tolist(), strict=True):
                    known = ch[key]
                    if known != number:
                        ch[key] = number if isinstance(known, float) else int(number)
            if plain["points"] is not None:
                point = type(mne.channels.make_dig_montage(nasion=[0, 0, 0]).dig[0])
                made["dig"] = [
                    point(r=place, **dict(zip(_OF_POINT, map(int, numbers), strict=True)))
                    for numbers, place in zip(*plain["points"], strict=True)
                ]
            if plain["dev_head_t"] is not None:
                made["dev_head_t"] = mne.Transform("meg", "head", plain["dev_head_t"])
            made["projs"] = [_made_projector(each) for each in plain["projectors"]]
        made["bads"] = plain["bads"]
        repr(made)
    except (KeyError, TypeError, AttributeError, RuntimeError, AssertionError) as error:
        raise ValueError(f"its channels cannot be made ({error})") from error
    return made


def _check(plain, n_chans):
    """Refuse numbers that no channels have."""
    names = plain["ch_names"]
    shapes = {"loc": (n_chans, 12), "of_channels": (n_chans, len(_OF_CHANNEL))}
    right = (
        isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        and len(set(names)) == len(names) == n_chans
        and isinstance(plain["ch_types"], list)
        and isinstance(plain["bads"], list)
        and set(plain["bads"]) <= set(names)
        and all(plain[key].shape == shape for key, shape in shapes.items())
        and np.isfinite(plain["of_channels"]).all()
        and not np.isinf(plain["loc"]).any()
        and all(isinstance(plain[key], float) for key in ("sfreq", "highpass", "lowpass"))
        and 0 < plain["sfreq"] < np.inf
        and plain["custom_ref_applied"] in (0, 1, 3)
        and (plain["dev_head_t"] is None or plain["dev_head_t"].shape == (4, 4))
    )
    if not right:
        raise ValueError("its channels are not as MNE has them")
    if plain["points"] is not None:
        numbers, places = plain["points"]
        if numbers.shape != (len(places), len(_OF_POINT)) or places.shape[1:] != (3,):
            raise ValueError("its digitised points are not as MNE has them")


def _made_projector(plain):
    import mne

    data = plain["data"]
    rows, columns = plain["row_names"], plain["col_names"]
    if data.shape[1:] != (len(columns),) or not np.isfinite(data).all():
        raise ValueError("a projector has other channels than its matrix")
    if not all(isinstance(name, str) for name in columns):
        raise ValueError("a projector has channels without names")
    return mne.Projection(
        active=plain["active"],
        data={
            "nrow": len(data),
            "ncol": len(columns),
            "row_names": rows,
            "col_names": columns,
            "data": data,
        },
        desc=plain["desc"],
        kind=plain["kind"],
        explained_var=plain["explained_var"],
    )
