"""The error that bad circuit arguments raise."""


class PhotonicsError(ValueError):
    """A circuit argument is not allowed: names it, its value and what is allowed."""
