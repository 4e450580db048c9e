"""Files of arrays: whole or not at all, and damaged ones are an error that says so."""

import io
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from photonzero.stored import DamagedFileError, load_array, load_arrays, save_arrays, write_atomically


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def full(file):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"table\.csv") as caught:
        write_atomically(path, full)
    assert caught.value.filename == str(path)
    assert [each.name for each in tmp_path.iterdir()] == ["table.csv"]
    assert path.read_text() == "old"
    with pytest.raises(OSError, match="table") as caught:
        write_atomically(tmp_path / "none" / "table.csv", full)
    assert caught.value.filename == str(tmp_path / "none" / "table.csv")


def test_arrays_come_back_and_objects_are_neither_written_nor_read(tmp_path):
    path = tmp_path / "some.npz"
    for compressed in (False, True):
        save_arrays(path, {"a": np.arange(3), "text": np.array("x")}, compressed=compressed)
        found = load_arrays(path)
        assert found.keys() == {"a", "text"}
        np.testing.assert_array_equal(found["a"], np.arange(3))
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        save_arrays(path, {"a": np.array([{}])})
    np.savez(path, a=np.array([{}]), allow_pickle=True)
    with pytest.raises(DamagedFileError, match="Object arrays cannot be loaded"):
        load_arrays(path)


@pytest.mark.parametrize("compressed", [False, True])
def test_whatever_bit_is_flipped_the_error_is_one_of_the_file(tmp_path, compressed):
    path, rng = tmp_path / "some.npz", np.random.default_rng(0)
    save_arrays(path, {"a": np.arange(3), "b": np.ones((2, 2))}, compressed=compressed)
    whole = path.read_bytes()
    for place in rng.integers(8 * len(whole), size=400):
        bad = bytearray(whole)
        bad[place // 8] ^= 1 << (place % 8)
        with suppress(DamagedFileError):
            load_arrays(io.BytesIO(bytes(bad)))


def test_a_damaged_npy_is_one_error_too(tmp_path):
    path, rng = tmp_path / "some.npy", np.random.default_rng(0)
    np.save(path, np.arange(12.0).reshape(3, 4))
    whole = path.read_bytes()
    failed = 0
    for place in rng.integers(8 * 80, size=300):
        bad = bytearray(whole)
        bad[place // 8] ^= 1 << (place % 8)
        path.write_bytes(bytes(bad))
        try:
            load_array(path)
        except DamagedFileError:
            failed += 1
    assert failed > 100
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "x")
    with pytest.raises(DamagedFileError, match="several arrays"):
        load_array(path)
