"""A user's own PDE from a Python file."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from pathlib import Path

from photonzero.training.errors import ProblemError
from photonzero.training.pde.base import PDE


def is_file_problem(name: str) -> bool:
    """Whether a name means a class in a file: ``path/to/my_pde.py:MyProblem``, or the file alone."""
    return ".py:" in name or name.endswith(".py")


def split_file_problem(name: str) -> tuple[Path, str | None]:
    """File and class of such a name; None for a file alone, whose only PDE is meant."""
    if name.endswith(".py"):
        return Path(name), None
    path, _, cls = name.rpartition(":")
    return Path(path), cls


def file_hash(name: str) -> str:
    """SHA-256 of the file's content: part of what identifies a run.

    Raises:
        ProblemError: the file cannot be read.
    """
    path, _ = split_file_problem(name)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ProblemError(f"{path}: {error.strerror}; allowed: a Python file with a class of PDE") from error


def load_file_problem(name: str) -> PDE:
    """The problem of ``path.py:Class``. The file is executed: it is code of the user's.

    Raises:
        ProblemError: no file, an error in it, no such class, or one that is no PDE.
    """
    path, cls_name = split_file_problem(name)
    file_hash(name)
    module_name = f"photonzero_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ProblemError(f"{path}: cannot be imported; allowed: a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        # Whatever a user's file raises is an error of the file.
        moved = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "training"
        hint = "; write `from photonzero.training.problems import PDE`" if moved else ""
        raise ProblemError(f"{path}: {type(error).__name__}: {error}{hint}") from error
    own = {
        key: value
        for key, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, PDE) and value.__module__ == module_name
    }
    found = ", ".join(own) or "none (derive a class from photonzero.training.problems.PDE)"
    if cls_name is None:
        if len(own) != 1:
            raise ProblemError(f"{path}: {len(own)} classes of PDE; allowed: {path}:NAME of one of: {found}")
        (cls_name,) = own
    if cls_name not in own:
        raise ProblemError(f"{path}: no PDE {cls_name!r}; allowed: {found}")
    cls = own[cls_name]
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        raise ProblemError(f"{cls_name}: no method {', '.join(missing)}; allowed: def residual(self, at, u)")
    return cls()
