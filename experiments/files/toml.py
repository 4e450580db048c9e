"""Nested tables of TOML: read, changed by ``key=value``, turned into frozen dataclasses."""

from __future__ import annotations

import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from photonzero.experiments.files.errors import UsageError

T = TypeVar("T")


def apply_settings(table: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Change a nested dictionary by ``section.key=value`` texts, values written as in TOML.

    Raises:
        UsageError: not of that form, or a section that is a value.
    """
    keys: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {setting}: allowed: key=value, such as batch_size=200")
        keys[key.strip()] = parse_value(text.strip())
    return set_keys(table, keys)


def set_keys(table: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a nested dictionary with some values changed, ``{"section.key": value}``.

    Raises:
        UsageError: a section that is a value.
    """
    changed = merge({}, table)
    for key, value in keys.items():
        *sections, last = key.split(".")
        place: Any = changed
        for name in sections:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise UsageError(f"{key}: {name} is a value, not a section")
        place[last] = value
    return changed


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file.

    Raises:
        UsageError: missing, unreadable or not TOML; names the file.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML ({error})") from error


def build(cls: type[T], table: Mapping[str, Any], path: str) -> T:
    """A frozen dataclass, nested ones included, from a dictionary.

    Raises:
        UsageError: an unknown key or a wrong type, named with its path.
    """
    _check_keys(cls, table, path)
    try:
        return msgspec.convert(table, cls, strict=True, dec_hook=_of_kind)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        if isinstance(cause, ValueError):
            # The dataclass itself refused a value: its own words are clearer.
            raise UsageError(str(cause)) from error
        raise UsageError(f"configuration {path.rstrip('.')}: {error}") from error


def _of_kind(cls: Any, value: Any) -> Any:
    """A value of a class that comes in several kinds, from ``{kind = "name", ..}``."""
    kinds = getattr(cls, "kinds", None)
    if kinds is None:
        raise NotImplementedError(f"{cls.__name__} in a file")
    kind, names = kinds().kind, ", ".join(kinds().names())
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        raise UsageError(f"{kind}: {value!r}; allowed: {{kind = ..}} with one of {names}")
    own = {key: part for key, part in value.items() if key != "kind"}
    return build(kinds().get(value["kind"]), own, f"{kind}.")


def _check_keys(cls: Any, table: Mapping[str, Any], path: str) -> None:
    known = {f.name for f in fields(cls)}
    reject_unknown(table, known, path)
    hints = typing.get_type_hints(cls)
    for key, value in table.items():
        options = typing.get_args(hints[key]) or (hints[key],)
        nested = [option for option in options if is_dataclass(option)]
        for part in value if isinstance(value, list) else [value]:
            if nested and isinstance(part, Mapping):
                _check_keys(nested[0], part, f"{path}{key}.")


def reject_unknown(table: Mapping[str, Any], allowed: set[str], path: str) -> None:
    """Refuse keys that nobody reads.

    Raises:
        UsageError: names the key with its path, and what is allowed.
    """
    for key in table:
        if key not in allowed:
            raise UsageError(f"configuration: unknown key {path}{key}; allowed: {', '.join(sorted(allowed))}")


def require_known(what: str, value: Any, allowed: Any) -> None:
    """Accept one of some names.

    Raises:
        UsageError: another one.
    """
    if value not in allowed:
        raise UsageError(f"{what}: {value!r}; allowed: {', '.join(allowed)}")


def section(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The section of that name.

    Raises:
        UsageError: it is a value.
    """
    if not isinstance(table[key], Mapping):
        raise UsageError(f"configuration {key}: {table[key]!r}; allowed: a section [{key}]")
    return table[key]


def require_integer(value: Any, name: str, low: int) -> int:
    """Accept an integer >= low.

    Raises:
        UsageError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise UsageError(f"{name}: {value!r}; allowed: an integer >= {low}")
    return value


def parse_value(text: str) -> Any:
    """A value as TOML writes it."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        # A bare word is text, so that names need no quotes inside the shell's quotes.
        return text


def merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of nested tables with changes, section by section."""
    merged = {key: merge(value, {}) if isinstance(value, Mapping) else value for key, value in base.items()}
    for key, value in change.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key, {}), dict):
            merged[key] = merge(merged.get(key, {}), value)
        else:
            merged[key] = value
    return merged


def without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables as TOML has them: no None, lists for tuples."""
    return {key: _plain(value) for key, value in table.items() if not isinstance(value, types.NoneType)}


def _plain(value: Any) -> Any:
    """Nested tables without None, tuples as the lists that TOML has."""
    if isinstance(value, Mapping):
        return without_none(value)
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
