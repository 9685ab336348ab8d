"""Mirror images of electrodes: which channel lies where another one does, left and right swapped.

By their names in the 10-20 system and its extensions, where odd numbers are left and even
right; for starts that take a mirror image to be of the other class.
"""

import re

import numpy as np

from .channels import channel_key

_NAME = re.compile(r"([a-z]+?)(z|\d+)")


def mirror_images(ch_names):
    """Find each channel's mirror image: its position, of C4 where C3 is, of Cz where Cz is.

    An array (n_chans,) of int, however names are spelled (``"c3.."``). None where a channel's image
    is not among them, a name is not of that kind, or all lie in the middle.
    """
    keys = [channel_key(name) for name in ch_names]
    position = {key: i for i, key in enumerate(keys)}
    images = []
    for key in keys:
        match = _NAME.fullmatch(key)
        if match is None:
            return None
        place, side = match.groups()
        if side != "z":
            side = str(int(side) - 1 if int(side) % 2 == 0 else int(side) + 1)
        images.append(position.get(place + side))
    return None if None in images or images == [*range(len(images))] else np.array(images)
