"""Warnings are counted instead of shown, with the recordings that they are about."""

import logging
import warnings
from collections import Counter

import mne
import pytest

from eegsep._utils.logs import about, by_text, join_ranges, quiet


def test_equal_texts_are_said_once_with_all_subjects():
    caught = Counter()
    with quiet(caught):
        for subject in (1, 2, 3, 7):
            with about("Set", subject):
                warnings.warn("loose", UserWarning, stacklevel=1)
    assert by_text(caught) == {"UserWarning: loose (Set, subjects 1-3,7)": 4}


def test_sessions_are_said_where_they_are_known():
    caught = Counter()
    with quiet(caught), about("Set"), about(subject=4), about(session="1"):
        warnings.warn("loose", UserWarning, stacklevel=1)
    assert by_text(caught) == {"UserWarning: loose (Set, subject 4, session 1)": 1}


def test_what_is_about_nothing_says_nothing():
    caught = Counter()
    with quiet(caught):
        warnings.warn("general", UserWarning, stacklevel=1)
    assert by_text(caught) == {"UserWarning: general": 1}


def test_deprecations_are_kept_apart():
    caught = Counter()
    with quiet(caught):
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert by_text(caught) == {}
    assert by_text(caught, "deprecation") == {"DeprecationWarning: old": 1}


@pytest.mark.parametrize("level", ["ERROR", False, "CRITICAL"])
def test_mnes_warnings_are_counted_whatever_it_is_told_of_them(level):
    caught = Counter()
    with quiet(caught), mne.use_log_level(level):
        mne.utils.warn("short file")
    assert by_text(caught) == {"RuntimeWarning: short file": 1}


@pytest.mark.parametrize("name", ["mne", "moabb"])
def test_what_is_logged_as_a_warning_is_counted_and_not_shown(name, capfd):
    caught = Counter()
    with quiet(caught):
        logging.getLogger(name).warning("odd")
        logging.getLogger(name).info("chatter")
    assert by_text(caught) == {f"{name}: odd": 1}
    assert capfd.readouterr() == ("", "")


def test_logging_is_left_as_it_was():
    loggers = [logging.getLogger(name) for name in ("mne", "moabb")]

    def state():
        return [(each.level, each.propagate, list(each.handlers), vars(each).get("setLevel"))
                for each in loggers]  # fmt: skip

    before = state()
    with quiet(Counter()), quiet(Counter()):
        mne.set_log_level("ERROR")
    assert state() == before


def test_ranges_are_written_as_they_are_read():
    assert join_ranges([8, 1, 2, 3]) == "1-3,8"
    assert join_ranges([]) == ""
