"""Nested tables of TOML: read, changed by ``key=value``, turned into frozen dataclasses."""

from __future__ import annotations

import math
import re
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from photonzero.experiments.files.errors import UsageError

T = TypeVar("T")


def apply_settings(table: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Change a nested dictionary by ``section.key=value`` texts, values written as in TOML.

    Raises:
        UsageError: not of that form, or a section that is a value.
    """
    return set_keys(table, read_settings(settings))


def read_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Dotted keys and values of ``section.key=value`` texts, values written as in TOML.

    Raises:
        UsageError: not of that form.
    """
    keys: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {setting}: allowed: key=value, such as batch_size=200")
        keys[key.strip()] = parse_value(text.strip())
    return keys


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
    except (ValueError, RecursionError) as error:
        # Also what the parser says of digits and of brackets beyond count.
        raise UsageError(f"{path}: not TOML ({error})") from error


def from_table(cls: type[T], table: Mapping[str, Any], path: str) -> T:
    """A frozen dataclass, nested ones included, from a dictionary.

    A field whose type has a class method ``from_table(value, path)`` is made by it; a value that is an object
    of its type already is taken as it is.

    Raises:
        UsageError: an unknown key, a missing one or a wrong type, named with its path.
    """
    own: Any = cls
    reject_unknown(table, {f.name for f in fields(own) if f.init}, path)
    for f in fields(own):
        if f.init and f.default is MISSING and f.default_factory is MISSING and f.name not in table:
            raise UsageError(f"configuration: {path}{f.name} is missing")
    hints = typing.get_type_hints(cls, include_extras=True)
    try:
        return cls(**{key: _value(hints[key], value, f"{path}{key}") for key, value in table.items()})
    except ValueError as error:
        # The dataclass itself refused a value.
        raise UsageError(str(error)) from error


def _value(hint: Any, value: Any, path: str) -> Any:
    _check_numbers(value, path)
    own = getattr(hint, "from_table", None)
    if own is not None:
        return own(value, path)
    if any(isinstance(value, option) for option in (typing.get_args(hint) or (hint,)) if _is_record(option)):
        return value
    _check_keys(hint, value, f"{path}.")
    try:
        return msgspec.convert(value, hint, strict=True, dec_hook=_of_kind)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        if isinstance(cause, ValueError):
            # The dataclass itself refused a value: its own words are clearer.
            raise UsageError(str(cause)) from error
        raise UsageError(_in_words(str(error), hint, value, path)) from error


def of_python(value: Any) -> Any:
    """A value as a file would have it: numbers of NumPy as those of Python, inside of tables too."""
    if isinstance(value, Mapping):
        return {key: of_python(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [of_python(each) for each in value]
    return value.item() if getattr(value, "ndim", None) == 0 else value


_LARGEST = 1e60
"""Of numbers in a file: products and powers of them that are computed with are finite."""


def _is_held(value: float) -> bool:
    # NaN and infinity are for the fields to judge.
    return not value or not math.isfinite(value) or 1 / _LARGEST <= abs(value) <= _LARGEST


def _check_numbers(value: Any, path: str) -> None:
    """Refuse numbers that no arithmetic holds, anywhere in a value; what a field allows, it says itself."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            _check_numbers(part, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for k, part in enumerate(value):
            _check_numbers(part, f"{path}[{k}]")
    elif isinstance(value, int) and abs(value) >= 2**63:
        raise UsageError(f"{path}: {str(value)[:20]}..; allowed: integers below 2^63")
    elif isinstance(value, float) and not _is_held(value):
        raise UsageError(f"{path}: {value!r}; allowed: 0, or magnitudes {1 / _LARGEST:g} to {_LARGEST:g}")


def _of_kind(cls: Any, value: Any) -> Any:
    """A value of a class that comes in several kinds, from ``{kind = "name", ..}``."""
    kinds = getattr(cls, "kinds", None)
    if kinds is None:
        raise NotImplementedError(f"{cls.__name__} in a file")
    kind, names = kinds().kind, ", ".join(kinds().names())
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        raise UsageError(f"{kind}: {value!r}; allowed: {{kind = ..}} with one of {names}")
    own = {key: part for key, part in value.items() if key != "kind"}
    return from_table(kinds().get(value["kind"]), own, f"{kind}.")


_NAMES = MappingProxyType(
    {"int": "an integer", "float": "a number", "str": "a text", "bool": "true or false", "array": "a list",
     "object": "a section"}
)  # fmt: skip
"""What msgspec's types are called in a file."""


def _in_words(said: str, hint: Any, value: Any, path: str) -> str:
    """What msgspec refuses, as "key: value; allowed: ..."."""
    what, _, place = said.partition(" - at `$")
    for part in re.findall(r"\.(\w+)|\[(\d+)\]", place):
        name, index = part
        options = [option for option in (*typing.get_args(hint), hint) if _is_record(option)]
        if name:
            value, path = value[name], f"{path}.{name}"
            hint = typing.get_type_hints(options[0], include_extras=True)[name] if options else Any
        else:
            value, path = value[int(index)], f"{path}[{index}]"
            hint = next(iter(typing.get_args(hint)), hint)
    words = [str(word) for option in (*typing.get_args(hint), hint) for word in _literals(option)]
    if words:
        return f"{path}: {value!r}; allowed: {', '.join(dict.fromkeys(words))}"
    expected = re.match(r"Expected `(.*?)`(?:, got `.*`)?(.*)$", what)
    if expected is None:
        return f"configuration {path}: {said}"
    types = [_NAMES.get(name, name) for name in expected[1].split(" | ") if name != "null"]
    return f"{path}: {value!r}; allowed: {' or '.join(types)}{expected[2]}"


def _is_record(hint: Any) -> typing.TypeGuard[type]:
    return isinstance(hint, type) and is_dataclass(hint)


def _literals(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()


def _check_keys(hint: Any, value: Any, path: str) -> None:
    """Refuse unknown keys of a dataclass anywhere in a value."""
    if isinstance(value, list | tuple):
        for part in value:
            _check_keys(hint, part, path)
    if not isinstance(value, Mapping):
        return
    nested = [option for option in (*typing.get_args(hint), hint) if _is_record(option)]
    if nested:
        reject_unknown(value, {f.name for f in fields(nested[0]) if f.init}, path)
        hints = typing.get_type_hints(nested[0])
        for key, part in value.items():
            _check_keys(hints[key], part, f"{path}{key}.")


def reject_unknown(table: Mapping[str, Any], allowed: set[str], path: str) -> None:
    """Refuse keys that nobody reads.

    Raises:
        UsageError: names the key with its path, and what is allowed.
    """
    for key in table:
        if key not in allowed:
            raise UsageError(f"configuration: unknown key {path}{key}; allowed: {', '.join(sorted(allowed))}")


def parse_value(text: str) -> Any:
    """A value as TOML writes it."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        # A bare word is text, so that names need no quotes inside the shell's quotes.
        return text
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{text[:20]}..: {error}; allowed: a value as TOML writes it") from error


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
    return {key: plain(value) for key, value in table.items() if value is not None}


def plain(value: Any) -> Any:
    """Dataclasses and nested tables as TOML has them: no None, tuples as lists.

    What has a method ``to_table()`` says itself how it is written.
    """
    own = getattr(value, "to_table", None)
    if own is not None:
        return own()
    if is_dataclass(value):
        return without_none({f.name: getattr(value, f.name) for f in fields(value)})
    if isinstance(value, Mapping):
        return without_none(value)
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value
