"""The HTML page of a run or a study: self-contained, complete, escaped."""

import base64
import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from photonzero.experiments.config.run_config import default_table, resolve
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.report import write_report
from photonzero.experiments.report.page import cell, table
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.run.runs import execute_in
from photonzero.experiments.studies.running import run_command

QUICK = {"quick": False, "executor": "serial", "scheduler": None, "workers": None, "quiet": True}


class Page(HTMLParser):
    """Collects what a page refers to, and checks that tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.headings, self.cells = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.sources += [value for key, value in attrs if key in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "study"
    settings = ("chips=3", "n_modes=4", "sigma_phase_rad=[0.01, 0.1]")
    run_command("phase-error", settings=settings, out=folder, **QUICK)
    return folder


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("result.json", "{"),
        ("result.json", "[]"),
        ("result.json", "{}"),
        ("result.json", '{"figures": 3, "failed": 0, "wall_s": 1.0}'),
        ("study.toml", 'study = "phase-error"\nchips = "many"'),
    ],
)
def test_a_damaged_folder_is_one_error(study, tmp_path, file, text):
    shutil.copytree(study, tmp_path / "copy")
    (tmp_path / "copy" / file).write_text(text)
    with pytest.raises(UsageError, match=r"allowed|damaged"):
        write_report(tmp_path / "copy")


@pytest.mark.parametrize("name", ["../../secret", "/etc/secret", "a/b", "a\0b"])
def test_a_tampered_result_reaches_no_file_outside_of_the_figures(study, tmp_path, name):
    shutil.copytree(study, tmp_path / "copy")
    (tmp_path / "secret.png").write_bytes(b"secret")
    result = json.loads((tmp_path / "copy" / "result.json").read_text())
    result["figures"][0]["name"] = name
    (tmp_path / "copy" / "result.json").write_text(json.dumps(result))
    with pytest.raises(UsageError, match="allowed: the name of a file in figures"):
        write_report(tmp_path / "copy")


def test_the_page_of_a_study_holds_its_figure_its_numbers_and_how_to_repeat_it(study):
    text = write_report(study).read_text(encoding="utf-8")
    page = Page(text)
    assert page.headings[:3] == ["Study phase-error", "What", "Figures"]
    assert len(page.sources) == 1
    image = base64.b64decode(page.sources[0].removeprefix("data:image/png;base64,"))
    assert image == (study / "figures" / "phase-error.png").read_bytes()
    assert "http" not in re.sub(r"base64,[^\"]*", "", text)
    assert "<script" not in text
    assert "prefers-color-scheme: dark" in text
    assert "photonzero sweep study.toml" in text
    assert "sigma_phase_rad = [" in text
    medians = [
        line.split(",")[4] for line in (study / "figures" / "phase-error.csv").read_text().splitlines()
    ]
    assert {f"{float(value):.4g}" for value in medians[1:]} <= set(page.cells)


def test_the_page_of_a_run_shows_the_result_and_the_last_step(tmp_path):
    run_table = default_table("hjb2", "gauss-newton", None, "published")
    run_table["batch_size"] = 40
    run_table["limits"]["max_inferences"] = 40_000
    config = resolve(run_table)
    folder = tmp_path / "run"
    folder.mkdir()
    result = execute_in(assemble(config, 1), folder).result
    page = Page(write_report(folder, tmp_path / "sub" / "page.html").read_text(encoding="utf-8"))
    assert page.headings[0] == "hjb2 on tonn-tiny"
    assert len(page.sources) == 3
    assert f"{result['rel_l2']:.4g}" in page.cells
    assert f"{result['inferences']:,}" in page.cells


def test_text_is_escaped_and_numbers_are_right_aligned():
    text = table(("a<b", "n"), [("<script>", 1234567), ("x", None)])
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert '<td class="number">1,234,567</td>' in text
    assert cell(0.000123456) == "0.0001235"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no run and no study; allowed: a folder with config.toml or study.toml"),
        ({"config.toml": ""}, "the run is not finished"),
        ({"config.toml": "", "result.json": "{"}, "damaged"),
        ({"study.toml": 'study = "phase-error"'}, "the study is not finished"),
    ],
)
def test_a_folder_without_a_result_is_one_clear_line(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_result_json_of_a_study_names_its_figures(study):
    result = json.loads((study / "result.json").read_text(encoding="utf-8"))
    assert [figure["name"] for figure in result["figures"]] == ["phase-error"]
    assert result["samples"] == 6
    assert result["failed"] == 0
