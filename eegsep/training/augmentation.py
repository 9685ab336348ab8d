"""Augmentation of batches in training: braindecode's transforms, by name or made, and functions.

All that they draw comes from a seed that the training gives, nothing from global generators.
"""

from __future__ import annotations

import copy
import difflib
import inspect
from collections.abc import Mapping

import numpy as np
import torch

# Of braindecode's transforms that are only named: most need one, and have no default.
PROBABILITY = 0.5


class Augmentation:
    """Transforms of a batch, one after the other.

    Parameters
    ----------
    given : str | dict | callable | list of these
        As :class:`eegsep.EEGNetClassifier` takes it. It is copied, and so never changed.

    Raises
    ------
    ValueError
        If braindecode has no such transform, or it cannot be made of the parameters.

    Examples
    --------
    >>> import torch
    >>> from eegsep.training import Augmentation
    >>> noise = {"GaussianNoise": {"probability": 0.5, "std": 0.1}}
    >>> augmentation = Augmentation(["SignFlip", noise])
    """

    def __init__(self, given):
        self._transforms = [_make(part) for part in as_list(given)]
        self._generator = None

    @property
    def keeps_lag_statistics(self):
        """Whether batches keep sums over all channels, as where these only change places (bool)."""
        return all(isinstance(transform, MirrorImages) for transform in self._transforms)

    def start(self, seed, device):
        """Let all transforms draw from a seed.

        Parameters
        ----------
        seed : int
        device : torch.device
            Where batches lie.
        """
        self._generator = torch.Generator(device).manual_seed(seed)
        rng = np.random.RandomState(seed)
        for transform in self._transforms:
            if _is_braindecodes(transform):
                _seed(transform, rng)

    @torch.no_grad()
    def __call__(self, X, y):
        """Transform a batch.

        Parameters
        ----------
        X : torch.Tensor, shape (B, n_chans, n_times)
        y : torch.Tensor of int, shape (B,)

        Returns
        -------
        X, y : torch.Tensor
            Of the same shapes.

        Raises
        ------
        ValueError
            If a transform returns anything else.
        """
        for transform in self._transforms:
            more = () if _is_braindecodes(transform) else (self._generator,)
            made = transform(X, y, *more)
            if not _is_like(made, X, y):
                name = getattr(transform, "__name__", type(transform).__name__)
                raise ValueError(
                    f"augmentation {name} must return (X, y), a tensor of shape {tuple(X.shape)} "
                    f"and class indices of shape {tuple(y.shape)} as it gets them. Transforms that "
                    "mix labels, such as Mixup, cannot be used."
                )
            X, y = made[0].to(X.dtype), made[1]
        return X, y


def as_list(given):
    """List what :class:`Augmentation` takes; nothing for None."""
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


class MirrorImages:
    """Trials of a batch, half of them at random, as mirror images, which are of the other class.

    Of the class that weighs more fewer are taken, so that the shares of the classes stay.

    Parameters
    ----------
    mirror : ndarray of int, shape (n_chans,)
        Position of each channel's mirror image.
    y : ndarray of int, shape (n_trials,)
        Class indices of all trials, of two classes.
    weight : ndarray, shape (n_trials,)
    device : torch.device | str, default="cpu"
        Where batches lie.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from eegsep.training.augmentation import MirrorImages
    >>> mirror_images = MirrorImages(np.array([1, 0]), np.array([0, 1]), np.ones(2))
    >>> X, y = torch.arange(4.0).reshape(2, 2, 1), torch.tensor([0, 1])
    >>> mirrored, labels = mirror_images(X, y, torch.Generator().manual_seed(2))
    >>> mirrored.squeeze(2).tolist(), labels.tolist()
    ([[0.0, 1.0], [3.0, 2.0]], [0, 0])
    """

    def __init__(self, mirror, y, weight, device="cpu"):
        sums = np.bincount(y, weight, minlength=2)
        channels = torch.stack([torch.arange(len(mirror)), torch.from_numpy(mirror)])
        self._channels = channels.to(device)  # as they are, and mirrored
        probabilities = sums.min() / np.maximum(sums, 1e-300) / 2
        self._probabilities = torch.from_numpy(probabilities).float().to(device)

    def __call__(self, X, y, generator):
        """Transform a batch, as :class:`Augmentation` calls functions."""
        drawn = torch.rand(len(y), device=y.device, dtype=torch.float32, generator=generator)
        is_image = drawn < self._probabilities[y]
        trials = torch.arange(len(y), device=y.device).unsqueeze(1)
        return X[trials, self._channels[is_image.long()]], torch.where(is_image, 1 - y, y)


def _make(part):
    """Return a transform, private to a training."""
    if isinstance(part, str):
        part = {part: None}
    if not isinstance(part, Mapping):
        if not callable(part) or inspect.isclass(part):
            raise ValueError(
                "augmentation must be a name of braindecode's, a dict of a name to its parameters, "
                f"a transform, a function (X, y, generator), or a list of these, got {part!r}"
            )
        return copy.deepcopy(part)
    if len(part) != 1:
        raise ValueError(
            f"augmentation has a dict of {len(part)} names: give a list of dicts with one name "
            "each, in the order in which they are to be applied."
        )
    [(name, parameters)] = part.items()
    return _make_by_name(name, {} if parameters is None else parameters)


def _make_by_name(name, parameters):
    from braindecode import augmentation

    kinds = {
        each: kind
        for each, kind in vars(augmentation).items()
        if inspect.isclass(kind)
        and issubclass(kind, augmentation.Transform)
        and kind not in (augmentation.Transform, augmentation.Compose)
    }
    if name not in kinds:
        meant = difflib.get_close_matches(str(name), kinds, n=1)
        hint = f"do you mean {meant[0]}?" if meant else f"there are {', '.join(sorted(kinds))}."
        raise ValueError(f"augmentation: braindecode has no transform {name!r}; {hint}")
    if not isinstance(parameters, Mapping):
        raise ValueError(
            f"augmentation {name}: parameters must be a dict of names to values, got {parameters!r}"
        )
    if "random_state" in parameters:
        raise ValueError(
            f"augmentation {name}: leave random_state out, it follows from the classifier's."
        )
    if "probability" in inspect.signature(kinds[name]).parameters:
        parameters = {"probability": PROBABILITY, **parameters}
    try:
        return kinds[name](**parameters)
    except (TypeError, ValueError, AssertionError) as error:
        raise ValueError(f"augmentation {name} cannot be made: {error}") from error


def _is_braindecodes(transform):
    if not isinstance(transform, torch.nn.Module):
        return False  # and braindecode need not be loaded, which takes seconds
    from braindecode.augmentation import Transform

    return isinstance(transform, Transform)


def _seed(transform, rng):
    """Set the generator of a transform, and of those that it is composed of."""
    transform.rng = rng
    for part in getattr(transform, "transforms", ()):
        _seed(part, rng)


def _is_like(made, X, y):
    if not isinstance(made, (list, tuple)) or len(made) != 2:
        return False
    if not all(isinstance(tensor, torch.Tensor) for tensor in made):
        return False
    shapes = made[0].shape == X.shape and made[1].shape == y.shape
    return shapes and made[0].is_floating_point() and made[1].dtype == y.dtype
