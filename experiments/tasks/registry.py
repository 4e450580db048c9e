"""Tasks by the names that the command knows, or from objects of Python."""

from __future__ import annotations

import difflib
from typing import Any

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.given import refuse_given
from photonzero.experiments.tasks.base import Task
from photonzero.registry import Registry


def _checked(name: str, found: Any) -> type[Task]:
    if not isinstance(found, type) or not callable(getattr(found, "find", None)):
        raise UsageError(
            f"kind of task {name!r}: {found!r}; allowed: a class as in experiments/tasks/base.py"
        )
    return found


KINDS: Registry[type[Task]] = Registry(
    "task",
    {
        "pde": "photonzero.experiments.tasks.pde:PdeTask",
        "classification": "photonzero.experiments.tasks.classification:ClassificationTask",
    },
    UsageError,
    _checked,
)


def find_task(problem: Any) -> Task:
    """The task of a name, a user's ``file.py:Class``, or an object such as a `PDE` or a `Dataset`.

    Raises:
        UsageError: nothing is called that; names what is.
        TrainingError: it is found, but cannot be used.
    """
    if isinstance(problem, str):
        refuse_given("problem", problem)
    for kind in KINDS:
        task = KINDS.get(kind).find(problem)
        if task is not None:
            return task
    names = [name for kind in KINDS for name in KINDS.get(kind).known()]
    near = difflib.get_close_matches(str(problem).lower(), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise UsageError(f"problem: {problem!r}{hint}; allowed: {', '.join(names)}, file.py:Class")


def known_tasks() -> dict[str, str]:
    """All names of tasks, each with one line on what it is."""
    return {name: text for kind in KINDS for name, text in KINDS.get(kind).known().items()}
