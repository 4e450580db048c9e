"""Studies of one kind of imperfection: networks loaded onto chips that have it, or trained on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.experiments.studies.networks import (
    TaskOptions,
    error_label,
    error_of,
    ideal_networks,
    network_name,
    prepare_ideal,
    sample_config,
    train,
)
from photonzero.experiments.sweep.figures import BAND_TEXT, Panel, draw_panels, good
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Drawing, Measured, Prepared, Row, Sample, Study

PROBLEMS = ("hjb20", "digits")

FIDELITY = Measured("fidelity", "fidelity of a mesh")


def network_study(
    name: str,
    summary: str,
    axes: tuple[Axis, ...],
    noise_of: Callable[[NoiseModel, Mapping[str, Any]], NoiseModel],
    *,
    defaults: Mapping[str, Any],
    quick: Mapping[str, Any],
    caption: str,
    fidelity_of: Callable[[Sample], float] | None = None,
) -> Study:
    """A study of the error of networks against one kind of imperfection.

    Besides its own axes it has ``problem`` and ``method``: "loaded" from an ideal chip, or trained "on-chip".

    Args:
        name: what the command calls it.
        summary: one line.
        axes: its own, the one along the figures' x last.
        noise_of: noise of a chip, from that of the preset and the setting.
        defaults: see `Study`.
        quick: see `Study`.
        caption: first sentences of the figure's caption.
        fidelity_of: fidelity of a mesh with the same imperfection; None measures networks only.
    """

    def measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
        return [_measure(sample, prepared) for sample in samples]

    def _measure(sample: Sample, prepared: Prepared) -> Row:
        problem = sample.setting["problem"]
        config = sample_config(sample, problem, noise_of(preset(sample.options.noise), sample.setting))
        row: Row = {} if fidelity_of is None else {"fidelity": fidelity_of(sample)}
        if sample.setting["method"] == "on-chip":
            trained = train(config)
            return {**row, "error": trained.error, "inferences": trained.inferences}
        network = prepared[network_name(problem, sample.seed)]
        return {**row, "error": error_of(config, network["controls"]), "inferences": 0}

    def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
        x, others = axes[-1].name, tuple(axis.name for axis in axes[:-1])
        panels = [
            Panel(
                x,
                "error",
                ("method", *others),
                title=problem,
                y_label=f"test error ({error_label(problem)})",
                y_log=True,
                where={"problem": problem},
            )
            for problem in plan.grid["problem"]
            if good([row for row in rows if row["problem"] == problem], "error")
        ]
        if fidelity_of is not None:
            one = {key: plan.grid[key][0] for key in ("problem", "method")}
            mesh = Panel(
                x, "fidelity", others, y_of=lambda value: 1.0 - value, y_label="1 − fidelity of a mesh",
                title="meshes of 16 modes", where=one,
            )  # fmt: skip
            panels.insert(0, mesh)
        draw_panels(folder, name, plan.study, rows, panels, height_in=3.0)
        ways = (
            "Loaded: trained on an ideal chip, then programmed. On-chip: trained on the chip, forward-only."
        )
        chips = f"{plan.chips} chips of the preset {plan.options.noise} besides; {BAND_TEXT}"
        return [Drawing(name, f"{caption} {ways} {chips}.")]

    columns = () if fidelity_of is None else (FIDELITY,)
    return Study(
        name=name,
        summary=summary,
        axes=(
            Axis("problem", "problem", "text", choices=PROBLEMS),
            Axis("method", "method", "text", choices=("loaded", "on-chip")),
            *axes,
        ),
        defaults={"chips": 5, "problem": list(PROBLEMS), "method": ["loaded", "on-chip"], **defaults},
        quick={"chips": 2, "problem": ["digits"], **quick},
        measured=(
            *columns,
            Measured("error", "test error"),
            Measured("inferences", "optical inferences on the chip", "int"),
        ),
        measure=measure,
        draw=draw,
        options=TaskOptions,
        preparations=ideal_networks,
        prepare=prepare_ideal,
    )
