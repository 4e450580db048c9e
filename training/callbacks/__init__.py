"""What is called after every step: rules of one's own for stopping, displays, writers."""

from photonzero.training.callbacks.base import Callback, Closes, Progress
from photonzero.training.callbacks.registry import CALLBACKS, make_callback

__all__ = ["CALLBACKS", "Callback", "Closes", "Progress", "make_callback"]
