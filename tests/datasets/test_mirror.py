"""Mirror images of channels, by the names of the 10-20 system."""

import numpy as np
import pytest

from eegsep.datasets.mirror import mirror_images


class TestMirror:
    def test_images_are_left_and_right_by_the_names_of_the_10_20_system(self):
        names = ["FC5", "C3", "Cz", "C4", "FC6", "T10", "T9"]
        np.testing.assert_array_equal(mirror_images(names), [4, 3, 2, 1, 0, 6, 5])

    def test_images_are_found_in_names_as_eegmmidb_spells_them(self):
        names = ["Fc5.", "C3..", "Cz..", "C4..", "Fc6.", "T10.", " T9"]
        np.testing.assert_array_equal(mirror_images(names), [4, 3, 2, 1, 0, 6, 5])

    @pytest.mark.parametrize("names", [["C3", "Cz"], ["EEG 1", "EEG 2"], ["a", "b"], ["Fz", "Cz"]])
    def test_none_where_an_image_is_lacking_all_are_their_own_or_names_say_nothing(self, names):
        assert mirror_images(names) is None
