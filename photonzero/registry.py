"""Things by name: one registry class for problems, chips, optimizers, stencils, topologies, studies and more.

A registry knows what the project brings, what installed packages bring (entry points of the group
``photonzero.KIND``, such as ``photonzero.optimizers``), and what stands in a user's file, ``my.py:Name``. It
knows nothing of what it holds: the room that owns a kind says what an entry must be, and raises its own type
of error. Only the standard library is imported here, and a module is loaded when its entry is asked for.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_USERS = "photonzero_user_"
"""Start of the names of modules that are users' files."""


def is_file_name(name: str) -> bool:
    """Whether a name means something in a user's Python file: ``my.py`` or ``my.py:Name``."""
    return "\0" not in name and split_file_name(name)[0].suffix == ".py"


def split_file_name(name: str) -> tuple[Path, str | None]:
    """Path and name of ``my.py:Name``; the name is None where only a file is given."""
    # A drive letter of Windows has a colon too: the last one counts, and only behind ".py".
    path, colon, attribute = name.rpartition(":")
    return (Path(path), attribute) if colon and path.endswith(".py") else (Path(name), None)


def file_hash(name: str) -> str:
    """SHA-256 of the file of ``my.py:Name``, so that a run knows when its file has changed.

    Raises:
        OSError: the file cannot be read.
    """
    return hashlib.sha256(split_file_name(name)[0].read_bytes()).hexdigest()


def users_place(error: BaseException) -> str | None:
    """File and line of a user's code that an error came from; None if it came from none."""
    place, trace = None, error.__traceback__
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__", "")).startswith(_USERS):
            place = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place


@dataclass
class Registry(Generic[T]):
    """What one kind of thing is called.

    Attributes:
        kind: one word for it, as in errors: "optimizer".
        builtin: names of the project's own: the thing itself, or "package.module:attribute", which is
            loaded when it is asked for.
        error: type of the errors, whose only argument is their text.
        check: given a name and what was found in a file or an entry point; returns it as an entry, or
            raises `error` with what it lacks.
        is_own: given a value of a user's file; whether it is meant when the file is given without a name.
        group: entry points that belong to it.
        also: what else may stand in place of a name, as errors say it.
    """

    kind: str
    builtin: Mapping[str, T | str]
    error: type[Exception]
    check: Callable[[str, Any], T]
    is_own: Callable[[Any], bool] = callable
    group: str = ""
    also: tuple[str, ...] = ()
    _files: dict[tuple[str, str], T] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.group = self.group or f"photonzero.{self.kind.replace(' ', '_')}s"

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self.builtin or name in self._plugins)

    def names(self) -> tuple[str, ...]:
        """All names, the project's own first; one that several things claim, which `get` refuses, once."""
        return (*self.builtin, *(name for name in self._plugins if name not in self.builtin))

    def get(self, name: str) -> T:
        """What is called that, or stands in that file.

        Raises:
            Exception: of the registry's type of error: no such name, a file that cannot be used, an entry
                point that fails to load, or something that breaks the contract of its kind.
        """
        points = self._plugins.get(name, [])
        claimed = ["photonzero itself"] * (name in self.builtin) + [_source(point) for point in points]
        if len(claimed) > 1:
            raise self.error(
                f"{self.kind} {name!r}: brought by {' and by '.join(claimed)}; "
                "allowed: one of them (uninstall the other)"
            )
        if points:
            return self._from_plugin(points[0])
        if name in self.builtin:
            entry: Any = self.builtin[name]
            return self.check(name, _load(entry)) if isinstance(entry, str) else entry
        if is_file_name(name):
            return self._from_file(name)
        raise self.unknown(name)

    def resolved(self, name: str) -> str:
        """The name as a configuration holds it: that of a user's file with its absolute path.

        Raises:
            Exception: of the registry's type of error, as `get` does for the same name.
        """
        self.get(name)
        if name in self or not is_file_name(name):
            return name
        path, attribute = split_file_name(name)
        return f"{path.resolve()}:{attribute}" if attribute else str(path.resolve())

    def label(self, name: str) -> str:
        """A short name, for folders and figures: what is meant in a user's file."""
        if name in self or not is_file_name(name):
            return name
        path, attribute = split_file_name(name)
        return attribute or path.stem

    def fingerprint(self, name: str) -> str | None:
        """SHA-256 of a user's file, which a run's identity depends on; None for all that is installed.

        Raises:
            Exception: of the registry's type of error: the file cannot be read.
        """
        return None if name in self or not is_file_name(name) else self._hash(name)

    def unknown(self, name: object) -> Exception:
        """The error for a name that nothing has, with the nearest one that something has."""
        allowed = ", ".join((*self.names(), "file.py:Name", *self.also))
        near = difflib.get_close_matches(str(name).lower(), self.names(), n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return self.error(f"{self.kind}: {name!r}{hint}; allowed: {allowed}")

    @cached_property
    def _plugins(self) -> dict[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        for point in importlib.metadata.entry_points(group=self.group):
            others = found.setdefault(point.name, [])
            # A package in development may be found twice.
            if all(other.value != point.value for other in others):
                others.append(point)
        return found

    def _from_plugin(self, point: EntryPoint) -> T:
        try:
            value = point.load()
        except (Exception, SystemExit) as error:
            # Whatever a plugin raises at import is an error of the plugin.
            raise self.error(
                f"{self.kind} {point.name!r}: entry point {point.value} of {_source(point)} cannot be "
                f"loaded: {_said(error)}"
            ) from error
        return self.check(point.name, value)

    def _hash(self, name: str) -> str:
        try:
            return file_hash(name)
        except OSError as error:
            path, _ = split_file_name(name)
            raise self.error(
                f"{path}: {error.strerror}; allowed: a Python file with a {self.kind}"
            ) from error

    def _from_file(self, name: str) -> T:
        path, attribute = split_file_name(name)
        key = (f"{path.resolve()}:{attribute or ''}", self._hash(name))
        if key not in self._files:
            self._files[key] = self.check(name, self._in_file(path, attribute, key[1]))
        return self._files[key]

    def _in_file(self, path: Path, attribute: str | None, content: str) -> Any:
        # Files of one name in two folders are two modules, and so is a file before and after an edit.
        module_name = f"{_USERS}{path.stem}_{content[:12]}"
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise self.error(f"{path}: cannot be imported; allowed: a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            # Whatever a user's file raises is an error of the file.
            del sys.modules[module_name]
            raise self.error(f"{path}: {_said(error)}{_moved(error)}") from error
        own = {
            key: value
            for key, value in vars(module).items()
            if not key.startswith("_") and self.is_own(value) and _made_in(module_name, value)
        }
        found = ", ".join(own) or "none"
        if attribute is None:
            if len(own) != 1:
                raise self.error(
                    f"{path}: {len(own)} of kind {self.kind}; allowed: {path}:NAME with one of: {found}"
                )
            (attribute,) = own
        if not hasattr(module, attribute):
            raise self.error(f"{path}: no {self.kind} {attribute!r}; allowed: {found}")
        return getattr(module, attribute)


def _made_in(module_name: str, value: Any) -> bool:
    """Whether a class or function was written in that module, not imported; what else there is, was made."""
    return not hasattr(value, "__qualname__") or value.__module__ == module_name


def _load(address: str) -> Any:
    module, _, attribute = address.partition(":")
    return getattr(import_module(module), attribute)


def _source(point: EntryPoint) -> str:
    return "an installed package" if point.dist is None else point.dist.name


def _said(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _moved(error: BaseException) -> str:
    """What to change in a file written when the project's folders were packages of their own."""
    first = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and first in (
        "training",
        "photonics",
        "devices",
        "experiments",
    ):
        return f"; write photonzero.{error.name} in its place"
    return ""
