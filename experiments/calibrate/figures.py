"""Figures of a calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from photonzero.experiments.drawing.style import BLUE, GREY, ORANGE, figure
from photonzero.photonics.calibration import IdentifiedLayer, PhaseErrors
from photonzero.photonics.calibration.meshes import IdentifiedMesh

FloatArray = npt.NDArray[np.float64]


def draw_errors(path: Path, found: IdentifiedLayer, true: PhaseErrors | None) -> None:
    """Biases of start and fit against the true ones, and what the fit misses over what it claims.

    Args:
        path: of the PNG.
        found: a layer.
        true: errors that it was fabricated with; None on a real chip, of which standard errors are shown.
    """
    n, lit, errors = found.wiring.n_phases, found.fit.lit, found.fit.errors
    stated = found.fit.standard_errors
    with figure(path, 7.2, 3.2) as drawn:
        left, right = drawn.subplots(1, 2)
        if true is None:
            left.hist(errors.bias_rad[lit], 40, color=BLUE)
            left.set_xlabel("bias found [rad]")
            right.hist(np.log10(stated[:n][lit]), 40, color=BLUE)
            right.set_xlabel("log10 of its standard error [rad]")
        else:
            bias = true.bias_rad[lit]
            ends = [bias.min(), bias.max()]
            left.plot(ends, ends, color=GREY, linewidth=0.8)
            left.plot(bias, found.start_bias_rad[lit], ".", color=ORANGE, markersize=4, label="start")
            left.plot(bias, errors.bias_rad[lit], ".", color=BLUE, markersize=3, label="fit")
            left.set_xlabel("true bias [rad]")
            left.set_ylabel("bias found [rad]")
            left.legend()
            both = np.tile(lit, 2)
            missed = np.concatenate([errors.bias_rad - true.bias_rad, errors.gamma - true.gamma])
            right.hist((missed / stated[: 2 * n])[both], 40, color=BLUE, density=True)
            x = np.linspace(-4, 4, 101)
            right.plot(x, np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi), color=GREY)
            right.set_xlabel("(found - true) / standard error")
        drawn.suptitle(
            f"layer {found.wiring.number + 1}: {int(lit.sum())} of {n} phases lit, "
            f"chi^2 {found.fit.chi2_per_dof:.3f}, unseen settings {found.rel_error_unseen:.1e}",
            fontsize=9,
        )


def draw_mesh_errors(
    path: Path, found: IdentifiedMesh, true_bias_rad: FloatArray, true_couplers_rad: FloatArray
) -> None:
    """Errors of the biases of start and fit, and what the fit misses over what it claims.

    Args:
        path: of the PNG.
        found: a mesh.
        true_bias_rad: (n_shifters,) that it was fabricated with [rad].
        true_couplers_rad: (2, n_mzi) [rad].
    """
    errors, (bias_std, couplers_std) = found.fit.errors, found.standard_errors
    with figure(path, 7.2, 3.2) as drawn:
        left, right = drawn.subplots(1, 2)
        for errors_of, color, label in ((found.start, ORANGE, "start"), (errors, BLUE, "fit")):
            off = np.abs(np.angle(np.exp(1j * (errors_of.bias_rad - true_bias_rad))))
            left.semilogy(
                np.angle(np.exp(1j * true_bias_rad)), off, ".", color=color, markersize=3, label=label
            )
        left.set_xlabel("true bias [rad]")
        left.set_ylabel("error of the bias found [rad]")
        left.legend()
        missed = np.angle(np.exp(1j * (errors.bias_rad - true_bias_rad))) / bias_std
        coupled = (errors.couplers_rad - true_couplers_rad) / couplers_std
        bins = np.linspace(-4.0, 4.0, 33)
        right.hist(
            [missed, coupled.ravel()], bins, color=[BLUE, ORANGE], density=True, label=["biases", "couplers"]
        )
        x = np.linspace(-4, 4, 101)
        right.plot(x, np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi), color=GREY)
        right.set_xlabel("(found - true) / standard error")
        right.legend()
        drawn.suptitle(
            f"{found.topology.name}, {found.topology.n_modes} modes: chi^2 {found.fit.chi2_per_dof:.3f}, "
            f"unseen settings {found.rel_error_unseen:.1e}, {found.inferences:,} vectors",
            fontsize=9,
        )
