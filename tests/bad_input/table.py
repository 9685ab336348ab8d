"""One table of bad input: what is wrong, what is asked of it, and what comes out.

A case is right where the answer is that of the equivalent clean input, or where there is one
exception of a documented type whose text says what to do, and nothing is half done.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

# Types of errors that are documented; another that derives from one of them slipped through.
DOCUMENTED = {
    "AttributeError",
    "FloatingPointError",
    "InvalidParameterError",
    "KeyboardInterrupt",
    "ModelFileError",
    "NotFittedError",
    "Refusal",
    "RequestError",
    "RuntimeError",  # torch's, of tensors that do not go with the network's
    "TypeError",
    "ValueError",
}


class Refusal(Exception):
    """A command that ended with status 2 and a line, or typer's few, that says why."""


AREAS: list[Area] = []


@dataclass(frozen=True)
class Refused:
    """One exception of this type whose text has these words (a regular expression)."""

    error: type[BaseException]
    words: str


@dataclass(frozen=True)
class Same:
    """The answer of the clean input, or what ``of`` makes of it."""

    of: Callable[[Any], Any] = field(default=lambda answer: answer)
    within: float = 0.0


@dataclass(frozen=True)
class Told:
    """An answer, with a warning that has these words, since there is no clean input like it."""

    words: str


@dataclass(frozen=True)
class Case:
    """A kind of bad input: ``make`` makes it of the clean one."""

    name: str
    make: Callable[[Any], Any]
    outcome: Refused | Same | Told


@dataclass
class Area:
    """What is asked of inputs of one kind, and all that may be wrong with them.

    ``clean(folder)`` makes the input that nothing is wrong with, ``act`` asks what is to be asked.
    """

    title: str
    clean: Callable[[Path], Any]
    act: Callable[[Any], Any]
    cases: list[Case] = field(default_factory=list)
    answer: Any = None

    def __post_init__(self):
        AREAS.append(self)

    def same(self, name, make, of=lambda answer: answer, *, within=0.0):
        self.cases.append(Case(name, make, Same(of, within)))

    def told(self, name, make, words):
        self.cases.append(Case(name, make, Told(words)))

    def refused(self, name, make, error, words):
        self.cases.append(Case(name, make, Refused(error, words)))

    def clean_answer(self, folder):
        """Answer the clean input, once."""
        if self.answer is None:
            folder.mkdir()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.answer = self.act(self.clean(folder))
        return self.answer

    def check(self, case, folder):
        """Run a case, and say what came out (a text); AssertionError where it is not as told."""
        expected = self.clean_answer(folder / "clean") if isinstance(case.outcome, Same) else None
        folder = folder / "bad"
        folder.mkdir()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clean = self.clean(folder)
            before = contents(folder)
            try:
                given = case.make(clean)
                before = contents(folder)
                answer = self.act(given)
            except BaseException as error:
                if not isinstance(case.outcome, Refused):
                    raise
                return _check_refusal(case.outcome, error, folder, before)
        told = [" ".join(str(each.message).split()) for each in caught]
        assert not isinstance(case.outcome, Refused), f"taken for clean: {answer!r}, {told}"
        if isinstance(case.outcome, Same):
            _assert_same(answer, case.outcome.of(expected), case.outcome.within)
            return "the answer of the clean input"
        fitting = [text for text in told if re.search(case.outcome.words, text)]
        assert fitting, f"no warning has {case.outcome.words!r}: {told}"
        return f"a warning: {fitting[0]}"


def _check_refusal(outcome, error, folder, before):
    text = " ".join(str(error).split())
    where = f"{type(error).__name__}: {text}"
    assert isinstance(error, outcome.error), where
    assert type(error).__name__ in DOCUMENTED, where
    assert re.search(outcome.words, text), where
    assert contents(folder) == before, "something was written, or removed"
    text = text.replace(str(folder), "…")
    return text if isinstance(error, Refusal) else f"`{type(error).__name__}`: {text}"


def _assert_same(answer, expected, within):
    if isinstance(expected, dict):
        assert answer.keys() == expected.keys()
        for key, value in expected.items():
            _assert_same(answer[key], value, within)
    elif isinstance(expected, (tuple, list)) and not np.isscalar(expected):
        assert len(answer) == len(expected)
        for one, other in zip(answer, expected, strict=True):
            _assert_same(one, other, within)
    elif within:
        np.testing.assert_allclose(answer, expected, rtol=0, atol=within)
    else:
        np.testing.assert_array_equal(answer, expected)


def contents(folder):
    """What is in a folder: bytes of each file, None of each folder, by path."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
