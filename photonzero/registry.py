"""Things by name: one registry class for problems, chips, optimizers, stencils, topologies, studies and more.

A registry knows what the project brings, what installed packages bring (entry points of the group
``photonzero.KIND``, such as ``photonzero.optimizers``), and what stands in a user's file, ``my.py:Name``. It
knows nothing of what it holds: the room that owns a kind says what an entry must be, and raises its own type
of error. Only the standard library is imported here, and a module is loaded when its entry is asked for.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def is_file_name(name: str) -> bool:
    """Whether a name means something in a user's Python file: ``my.py`` or ``my.py:Name``."""
    return split_file_name(name)[0].suffix == ".py"


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
    """

    kind: str
    builtin: Mapping[str, T | str]
    error: type[Exception]
    check: Callable[[str, Any], T]
    is_own: Callable[[Any], bool] = callable
    group: str = ""
    _files: dict[tuple[str, str], T] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.group = self.group or f"photonzero.{self.kind.replace(' ', '_')}s"

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self.builtin or name in self._plugins)

    def names(self) -> tuple[str, ...]:
        """All names, the project's own first."""
        return (*self.builtin, *self._plugins)

    def get(self, name: str) -> T:
        """What is called that, or stands in that file.

        Raises:
            Exception: of the registry's type of error: no such name, a file that cannot be used, an entry
                point that fails to load, or something that breaks the contract of its kind.
        """
        if name in self.builtin:
            entry: Any = self.builtin[name]
            return _load(entry) if isinstance(entry, str) else entry
        if name in self._plugins:
            return self._from_plugin(self._plugins[name])
        if is_file_name(name):
            return self._from_file(name)
        raise self.unknown(name)

    def unknown(self, name: object) -> Exception:
        """The error for a name that nothing has, with the nearest one that something has."""
        allowed = ", ".join((*self.names(), "file.py:Name"))
        near = difflib.get_close_matches(str(name).lower(), self.names(), n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return self.error(f"{self.kind}: {name!r}{hint}; allowed: {allowed}")

    @cached_property
    def _plugins(self) -> dict[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.group):
            other = found.get(point.name)
            if point.name in self.builtin or (other is not None and other.value != point.value):
                taken = "photonzero itself" if point.name in self.builtin else _source(other)
                raise self.error(
                    f"{self.kind} {point.name!r}: brought by {_source(point)} and by {taken}; "
                    "allowed: one of them (uninstall the other)"
                )
            found[point.name] = point
        return found

    def _from_plugin(self, point: EntryPoint) -> T:
        try:
            value = point.load()
        except Exception as error:
            # Whatever a plugin raises at import is an error of the plugin.
            raise self.error(
                f"{self.kind} {point.name!r}: entry point {point.value} of {_source(point)} cannot be "
                f"loaded: {type(error).__name__}: {error}"
            ) from error
        return self.check(point.name, value)

    def _from_file(self, name: str) -> T:
        path, attribute = split_file_name(name)
        try:
            key = (f"{path.resolve()}:{attribute or ''}", file_hash(name))
        except OSError as error:
            raise self.error(
                f"{path}: {error.strerror}; allowed: a Python file with a {self.kind}"
            ) from error
        if key not in self._files:
            self._files[key] = self.check(name, self._in_file(path, attribute))
        return self._files[key]

    def _in_file(self, path: Path, attribute: str | None) -> Any:
        module_name = f"photonzero_user_{path.stem}"
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise self.error(f"{path}: cannot be imported; allowed: a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            # Whatever a user's file raises is an error of the file.
            raise self.error(f"{path}: {type(error).__name__}: {error}{_moved(error)}") from error
        own = {
            key: value
            for key, value in vars(module).items()
            if getattr(value, "__module__", None) == module_name and self.is_own(value)
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


def _load(address: str) -> Any:
    module, _, attribute = address.partition(":")
    return getattr(import_module(module), attribute)


def _source(point: EntryPoint | None) -> str:
    return point.dist.name if point is not None and point.dist is not None else "an installed package"


def _moved(error: Exception) -> str:
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
