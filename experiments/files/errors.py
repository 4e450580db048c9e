"""Errors of the command's own input."""


class UsageError(Exception):
    """A setting, file or folder given to the command cannot be used; says which and what is allowed."""
