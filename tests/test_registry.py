"""Things by name: the project's own, installed plugins, users' files; and all that can be wrong with them."""

import importlib.metadata
import sys
from importlib.metadata import EntryPoint

import pytest

from photonzero.registry import Registry, is_file_name, split_file_name


class BadThing(Exception):
    pass


def check(name, value):
    if not callable(value):
        raise BadThing(f"thing {name!r}: {value!r} is not callable; allowed: a callable")
    return value


def registry(builtin=None):
    own = {"ours": len, "late": "collections:OrderedDict"}
    return Registry("new thing", own if builtin is None else builtin, BadThing, check)


class Distribution:
    def __init__(self, name):
        self.name = name


def point(name, value, package):
    made = EntryPoint(name, value, "photonzero.new_things")
    vars(made)["dist"] = Distribution(package)
    return made


@pytest.fixture
def installed(monkeypatch):
    """Put entry points into the group of the registry."""

    def install(*points):
        def entry_points(*, group):
            return points if group == "photonzero.new_things" else ()

        monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)

    return install


@pytest.fixture
def file(tmp_path):
    def write(text, name="mine.py"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def one_line(caught, *words):
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text


def test_own_things_by_name_and_late():
    ours = registry()
    assert ours.names() == tuple(ours) == ("ours", "late")
    assert ours.get("ours") is len
    assert ours.get("late").__name__ == "OrderedDict"
    assert "late" in ours
    assert 3 not in ours


def test_a_module_is_loaded_when_its_entry_is_asked_for():
    late = registry({"zen": "colorsys:hls_to_rgb"})
    loaded = sys.modules.pop("colorsys", None)
    assert late.names() == ("zen",)
    assert "colorsys" not in sys.modules
    late.get("zen")
    assert "colorsys" in sys.modules
    if loaded is not None:
        sys.modules["colorsys"] = loaded


def test_an_unknown_name_says_what_is_allowed_and_what_was_meant():
    with pytest.raises(BadThing) as caught:
        registry().get("our")
    one_line(caught, "new thing: 'our'", "did you mean 'ours'", "allowed: ours, late, file.py:Name")


def test_entry_points_are_names_like_any_other(installed):
    installed(point("theirs", "operator:add", "their-package"))
    ours = registry()
    assert ours.names() == ("ours", "late", "theirs")
    assert "theirs" in ours
    assert ours.get("theirs")(1, 2) == 3
    assert ours.resolved("theirs") == ours.label("theirs") == "theirs"
    assert ours.fingerprint("theirs") is None


@pytest.mark.parametrize(
    ("value", "said"),
    [("no_such_module:x", "ModuleNotFoundError"), ("operator:no_such_name", "AttributeError")],
)
def test_an_entry_point_that_fails_to_load_harms_nothing_else(installed, value, said):
    installed(point("broken", value, "their-package"), point("sound", "operator:add", "their-package"))
    ours = registry()
    assert ours.get("ours") is len
    assert ours.get("sound")(1, 2) == 3
    with pytest.raises(BadThing) as caught:
        ours.get("broken")
    one_line(caught, "new thing 'broken'", value, "their-package", "cannot be loaded", said)


def test_an_entry_point_that_breaks_the_contract_is_named(installed):
    installed(point("number", "math:pi", "their-package"))
    with pytest.raises(BadThing) as caught:
        registry().get("number")
    one_line(caught, "thing 'number'", "allowed: a callable")


def test_two_plugins_of_one_name_are_both_named_and_harm_nothing_else(installed):
    installed(
        point("same", "operator:add", "first-package"),
        point("same", "operator:sub", "second-package"),
        point("late", "operator:sub", "second-package"),
    )
    ours = registry()
    assert ours.names() == ("ours", "late", "same")
    assert ours.get("ours") is len
    with pytest.raises(BadThing) as caught:
        ours.get("same")
    one_line(caught, "new thing 'same'", "first-package and by second-package", "uninstall the other")
    with pytest.raises(BadThing) as caught:
        ours.get("late")
    one_line(caught, "new thing 'late'", "photonzero itself and by second-package")


def test_a_package_that_is_found_twice_is_one(installed):
    installed(point("same", "operator:add", "a-package"), point("same", "operator:add", "a-package"))
    assert registry().get("same")(1, 2) == 3


def test_names_of_files():
    for name in ("my.py", "a/my.py:Name", "C:\\a\\my.py", "C:\\a\\my.py:Name"):
        assert is_file_name(name)
    for name in ("black-scholes", "chip.toml", "my.py.txt", "tcp://host:9000"):
        assert not is_file_name(name)
    assert split_file_name("C:/a/my.py")[1] is None
    assert split_file_name("C:/a/my.py:Name")[1] == "Name"
    assert split_file_name("a/my.py:Name")[0].name == "my.py"


def test_something_in_a_users_file(file, monkeypatch, tmp_path):
    path = file("def double(x):\n    return 2 * x\n")
    ours = registry()
    assert ours.get(f"{path}:double")(3) == 6
    assert ours.get(path)(3) == 6
    assert ours.get(path) is ours.get(path)
    monkeypatch.chdir(tmp_path)
    assert ours.resolved("mine.py:double") == f"{path}:double"
    assert ours.resolved("mine.py") == path
    assert ours.label(f"{path}:double") == "double"
    assert ours.label(path) == "mine"


def test_an_edited_file_is_another_thing(file):
    ours = registry()
    path = file("def f():\n    return 1\n")
    first, before = ours.get(path), ours.fingerprint(path)
    file("def f():\n    return 2\n")
    assert (first(), ours.get(path)()) == (1, 2)
    assert ours.fingerprint(path) != before


def test_files_of_one_name_in_two_folders_are_two_modules(tmp_path):
    ours = registry()
    for k in (1, 2):
        (tmp_path / str(k)).mkdir()
        (tmp_path / str(k) / "mine.py").write_text(f"class Mine:\n    k = {k}\n")
    found = [ours.get(str(tmp_path / str(k) / "mine.py")) for k in (1, 2)]
    assert [mine.k for mine in found] == [1, 2]
    assert all(sys.modules[mine.__module__].Mine is mine for mine in found)


def test_what_a_file_only_imports_or_hides_is_not_meant(file):
    path = file("from operator import add\n\ndef _help():\n    pass\n\ndef f():\n    return 1\n")
    assert registry().get(path)() == 1
    assert registry().get(f"{path}:add")(1, 2) == 3


def test_a_file_with_several_asks_for_a_name(file):
    path = file("def f(): ...\ndef g(): ...\n")
    with pytest.raises(BadThing) as caught:
        registry().get(path)
    one_line(caught, path, "2 of kind new thing", "one of: f, g")


def test_a_file_without_the_attribute(file):
    path = file("def f(): ...\n")
    with pytest.raises(BadThing) as caught:
        registry().get(f"{path}:g")
    one_line(caught, path, "no new thing 'g'", "allowed: f")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("raise ValueError('two\\nlines')\n", "ValueError: two lines"),
        ("def f(:\n", "SyntaxError"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        (
            "raise ModuleNotFoundError('none', name='training.problems')\n",
            "write photonzero.training.problems in its place",
        ),
    ],
)
def test_a_file_that_raises(file, text, said):
    path = file(text)
    before = set(sys.modules)
    with pytest.raises(BadThing) as caught:
        registry().get(path)
    one_line(caught, path, said)
    assert not [name for name in set(sys.modules) - before if name.startswith("photonzero_user")]


def test_something_in_a_file_that_breaks_the_contract(file):
    path = file("x = 3\n")
    with pytest.raises(BadThing) as caught:
        registry().get(f"{path}:x")
    one_line(caught, path, "allowed: a callable")


@pytest.mark.parametrize("name", ["", ":f"])
def test_a_file_that_is_not_there(tmp_path, name):
    ours = registry()
    for call in (ours.get, ours.resolved, ours.fingerprint):
        with pytest.raises(BadThing) as caught:
            call(f"{tmp_path}/none.py{name}")
        one_line(caught, "none.py: No such file or directory", "allowed: a Python file with a new thing")
