"""Mirror images of electrodes: which channel lies where another one does, left and right swapped.

By their names in the 10-20 system and its extensions, where odd numbers are left and even
right; for starts that take a mirror image to be of the other class.
"""

import re

import numpy as np

_NAME = re.compile(r"([A-Za-z]+?)(z|\d+)", re.IGNORECASE)


def mirror_images(ch_names):
    """Find each channel's mirror image.

    Parameters
    ----------
    ch_names : sequence of str
        Such as ``["C3", "Cz", "C4"]``.

    Returns
    -------
    mirror : ndarray of int, shape (n_chans,) | None
        Positions: of C4 where C3 is, of Cz where Cz is. None where a channel's image is not among
        them, or a name is not of that kind.
    """
    position = {name.lower(): i for i, name in enumerate(ch_names)}
    images = []
    for name in ch_names:
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        place, side = match[1].lower(), match[2].lower()
        if side != "z":
            side = str(int(side) - 1 if int(side) % 2 == 0 else int(side) + 1)
        images.append(position.get(place + side))
    return None if None in images else np.array(images)
