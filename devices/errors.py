"""The error that bad device parameters raise."""


class DeviceError(ValueError):
    """A device parameter is out of range: names it, its value and what is allowed."""
