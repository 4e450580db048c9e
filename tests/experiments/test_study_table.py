"""The table of a study as named columns, from a folder and from Python."""

import gc

import numpy as np
import pytest

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies.running import load_study, sweep
from photonzero.experiments.sweep import Axis, Measured, Study
from photonzero.experiments.sweep.table import COLUMNS, TABLE

GRID = {"topology": ["rectangular", "butterfly"], "n_modes": [4, 8], "sigma_phase_rad": [0.0, 0.3]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("study")
    sweep("phase-error", GRID, chips=2, seeds=1, out=path)
    return path


def failing(name="toy"):
    def measure(samples, prepared):
        (sample,) = samples
        if sample.setting["x"] == 2 and sample.chip == 1:
            raise ValueError('no "luck", really')
        return [{"y": 0.1 * sample.setting["x"], "n": 7 if sample.setting["x"] != 1 else None}]

    return Study(
        name,
        "Fails.",
        (Axis("what", "what", "text"), Axis("x", "x [m]", "int")),
        {"chips": 2, "what": ["a, b", 'c"d'], "x": [0, 1, 2]},
        (Measured("y", "y"), Measured("n", "n", "int")),
        measure,
        lambda plan, rows, folder: [],
    )


def test_columns_are_those_of_the_text_row_by_row(folder):
    table = load_study(folder)
    header, *lines = (folder / TABLE).read_text().splitlines()
    assert header.split(",") == list(table.columns)
    assert len(table) == len(lines) == 16
    for place, line in enumerate(lines):
        found = [table[name][place] for name in table.columns]
        assert (
            line
            == ",".join(str(value) for value in found[:5])
            + ","
            + ",".join("" if value != value else repr(float(value)) for value in found[5:-1])
            + f",{found[-1]}"
        )
    assert table["topology"][[0, -1]].tolist() == ["rectangular", "butterfly"]
    assert table["n_modes"].dtype == np.int64
    assert "16 rows" in repr(table)
    assert "sigma_phase_rad (2), 2 chips, 1 seeds -> fidelity" in repr(table)


def test_rows_are_chosen_by_their_values(folder):
    table = load_study(folder)
    chosen = table.where({"n_modes": 8}, topology="butterfly", sigma_phase_rad=0.0)
    assert chosen["chip"].tolist() == [0, 1]
    assert (chosen["matrix_error"] == 0).all()
    assert chosen.rows() == [row for row in table.rows() if row["n_modes"] == 8
                             and row["topology"] == "butterfly" and row["sigma_phase_rad"] == 0]  # fmt: skip
    with pytest.raises(UsageError, match="column: 'sigma'; allowed: topology, n_modes"):
        table.where(sigma=0.0)


@pytest.mark.parametrize("spoil", ["missing", "damaged"])
def test_the_text_counts_where_the_columns_beside_it_cannot_be_used(tmp_path, spoil):
    sweep("phase-error", GRID, chips=1, out=tmp_path)
    before = load_study(tmp_path).rows()
    if spoil == "missing":
        (tmp_path / COLUMNS).unlink()
    if spoil == "damaged":
        (tmp_path / COLUMNS).write_bytes(b"no")
    assert load_study(tmp_path).rows() == before


def test_a_table_that_was_changed_is_refused_until_it_is_to_count(tmp_path):
    sweep("phase-error", GRID, chips=1, out=tmp_path)
    text = (tmp_path / TABLE).read_text()
    first = text.splitlines()[1]
    cells = first.split(",")
    cells[5] = "0.5"
    (tmp_path / TABLE).write_text(text.replace(first, ",".join(cells)))
    with pytest.raises(
        UsageError, match=r"table\.csv: not as it was written; allowed: as it was, or without"
    ):
        load_study(tmp_path)
    (tmp_path / COLUMNS).unlink()
    assert load_study(tmp_path).rows()[0]["fidelity"] == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text + "x\n", "17 rows; allowed: 16|9 rows; allowed: 8"),
        (lambda text: text.replace("butterfly,8", "butterfly,9", 1), "row 6 is 'butterfly,9"),
        (lambda text: text.replace(",1.0,0.0,", ",one,0.0,", 1), "row 0: could not convert"),
    ],
)
def test_a_table_that_is_not_the_studys_is_refused(tmp_path, change, message):
    sweep("phase-error", GRID, chips=1, out=tmp_path)
    path = tmp_path / TABLE
    path.write_text(change(path.read_text()))
    (tmp_path / COLUMNS).unlink()
    with pytest.raises(UsageError, match=message):
        load_study(tmp_path)


def test_a_study_made_here_leaves_nothing_on_the_disk_and_says_what_failed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    table = sweep(failing())
    assert table.n_failed == 2
    assert "12 rows, 2 failed" in repr(table)
    assert ">12 rows, 2 failed</td>" in table._repr_html_()
    failed = table.where(x=2, chip=1)
    assert set(failed["failure"].tolist()) == {'ValueError: no "luck", really'}
    assert np.isnan(failed["y"]).all()
    # Text with commas and quotes survives the file.
    assert table["what"].tolist() == ["a, b"] * 6 + ['c"d'] * 6
    assert [row["n"] for row in table.rows()[:6]] == [7, 7, None, None, 7, None]
    assert list(tmp_path.iterdir()) != []
    del table, failed
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_the_text_alone_says_the_same_of_a_study_with_failures(tmp_path):
    study = failing()
    first = sweep(study, out=tmp_path).rows()
    (tmp_path / COLUMNS).unlink()
    assert sweep(study, out=tmp_path).rows() == first


def test_a_table_becomes_an_xarray_dataset(folder):
    pytest.importorskip("xarray")
    table = load_study(folder)
    data = table.to_xarray()
    assert data["fidelity"].dims == ("topology", "n_modes", "sigma_phase_rad", "chip", "seed")
    one = data["fidelity"].sel(topology="butterfly", n_modes=8, sigma_phase_rad=0.3, chip=1, seed=0)
    assert (
        float(one) == table.where(topology="butterfly", n_modes=8, sigma_phase_rad=0.3, chip=1)["fidelity"][0]
    )
    chosen = table.where(chip=1).to_xarray()
    assert chosen["fidelity"].dims == ("row",)
    assert chosen["row"].to_numpy().tolist() == [k for k in range(16) if k % 2]


def test_a_table_becomes_a_parquet_file(folder, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = load_study(folder)
    table.to_parquet(tmp_path / "table.parquet")
    back = parquet.read_table(tmp_path / "table.parquet").to_pydict()
    assert list(back) == list(table.columns)
    for name, column in table.columns.items():
        if name != "test_accuracy":
            assert back[name] == column.tolist()


def test_an_extra_that_is_missing_is_one_clear_line(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xarray", None)
    with pytest.raises(
        UsageError, match=r"xarray: not installed; allowed: pip install 'photonzero\[xarray\]'"
    ):
        load_study(folder).to_xarray()
