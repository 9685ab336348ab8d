"""The file itself: whole or absent, the same bytes for the same contents, refused if changed."""

import os
import pickle
import resource
import struct
import threading

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save_file

from eegsep._utils.errors import RequestError
from eegsep.files import ModelFileError, read_metadata
from eegsep.files.container import Contents, digest, read, to_bytes, write

CONTENTS = Contents("test", {"a": np.arange(100.0), "b": [1, (2.5, "é")]}, {"note": "π"})


@pytest.fixture
def file(tmp_path):
    write(tmp_path / "a model é.eegsep", CONTENTS)
    return tmp_path / "a model é.eegsep"


def test_what_was_written_is_read(file):
    kind, document, metadata = read(str(file))
    assert (kind, document["b"], metadata) == ("test", [1, (2.5, "é")], {"note": "π"})
    np.testing.assert_array_equal(document["a"], np.arange(100.0))
    assert read_metadata(file) == {"note": "π"}


def test_the_same_contents_give_the_same_bytes():
    assert to_bytes(CONTENTS) == to_bytes(CONTENTS)


def test_arrays_are_those_of_any_reader_of_safetensors(file):
    [array] = load_arrays(file.read_bytes()).values()
    np.testing.assert_array_equal(array, np.arange(100.0))


def test_each_flipped_bit_of_the_beginning_and_each_cut_is_refused_or_changes_nothing(file):
    whole = file.read_bytes()
    expected = to_bytes(read(file))
    changed = [whole[:i] for i in range(0, len(whole), 17)]
    changed += [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(0, len(whole), 3)]
    refusals = []
    for other in changed:
        file.write_bytes(other)
        try:
            contents = read(file)
        except ModelFileError as error:
            refusals.append(str(error))
        else:
            assert to_bytes(contents) == expected
    assert len(refusals) > 0.95 * len(changed)
    assert all(str(file) in refusal for refusal in refusals)


@pytest.mark.parametrize(
    "content",
    [b"", b"x", bytes(100), b"PK\3\4" + bytes(100), pickle.dumps({"a": 1}), b"\xff" * 100],
    ids=["empty", "a byte", "zeros", "zip", "pickle", "ones"],
)
def test_another_kind_of_file_is_refused_by_what_it_is_not(content, file):
    file.write_bytes(content)
    with pytest.raises(ModelFileError, match="is no model file of eegsep"):
        read(file)


def test_other_safetensors_are_refused(file):
    save_file({"weight": np.zeros(3)}, file, {"format": "pt"})
    with pytest.raises(ModelFileError, match="is no model file of eegsep"):
        read(file)


def test_a_newer_format_is_refused_with_the_eegsep_that_wrote_it(file):
    whole = file.read_bytes()
    assert b'"format_version":"1"' in whole
    file.write_bytes(whole.replace(b'"format_version":"1"', b'"format_version":"7"'))
    with pytest.raises(ModelFileError, match=r"version 7 .* eegsep \d.*Install a newer eegsep"):
        read(file)


def test_a_header_longer_than_any_is_not_read(file):
    with open(file, "wb") as opened:
        opened.write(struct.pack("<Q", 2**32))
        opened.truncate(2**33)  # a sparse file
    with pytest.raises(ModelFileError, match="is no model file"):
        read(file)


def test_what_is_missing_or_a_folder_or_a_pipe_is_one_line(tmp_path):
    with pytest.raises(ModelFileError, match=r"cannot read .*nothing.eegsep \(No such file"):
        read(tmp_path / "nothing.eegsep")
    with pytest.raises(ModelFileError, match="is no model file"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="is no model file"):
        read(tmp_path / "pipe")


def test_a_digest_that_was_made_anew_hides_no_array_too_many(file):
    arrays, header = load_arrays(file.read_bytes()), safe_open(file, "np").metadata()
    arrays["another"] = np.zeros(3)
    header["sha256"] = digest(header, arrays)
    save_file(arrays, file, header)
    with pytest.raises(ModelFileError, match="more or less than was written"):
        read(file)


def test_a_full_disk_leaves_the_former_file_and_nothing_else(file):
    before = file.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        with pytest.raises(RequestError, match=r"cannot write .*a model é.eegsep"):
            write(file, Contents("test", {"a": np.zeros(10_000)}, {}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_threads_that_write_one_file_leave_one_of_theirs(file):
    versions = [Contents("test", {"a": np.full(50_000, i)}, {"i": i}) for i in range(8)]
    threads = [threading.Thread(target=write, args=(file, each)) for each in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _, document, metadata = read(file)
    assert (document["a"] == metadata["i"]).all()
    assert list(file.parent.iterdir()) == [file]


def test_values_that_are_not_plain_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(TypeError, match="metadata has a value of type"):
        write(tmp_path / "new.eegsep", Contents("test", {}, {"a": {1}}))
    assert list(tmp_path.iterdir()) == []
