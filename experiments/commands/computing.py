"""Commands that compute."""

from __future__ import annotations

from typing import Any

import click


class Computing(click.Command):
    """A command whose matrix products use one thread; its --help loads nothing for that."""

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command, once its arguments are known to be right."""
        from photonzero.experiments.run.blas import one_blas_thread

        with one_blas_thread():
            return super().invoke(ctx)
