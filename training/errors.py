"""The errors this package raises on purpose; the command turns each into one line and exit code 2."""


class TrainingError(Exception):
    """Base of all errors that `training` raises on purpose."""


class ArgumentError(TrainingError, ValueError):
    """An argument is not what the function takes: names it, its value and what is allowed."""


class MeasurementError(TrainingError):
    """An oracle answered with the wrong shape, with NaN or infinity, or raised."""


class CheckpointError(TrainingError):
    """A checkpoint is missing, damaged, or belongs to another run."""


class OtherCheckpointError(CheckpointError):
    """A checkpoint is whole, and belongs to something else."""


class ProblemError(ArgumentError):
    """No such PDE, or its definition cannot be used: names the problem, what is wrong and what is allowed."""
