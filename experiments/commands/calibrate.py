"""`photonzero calibrate`."""

from __future__ import annotations

from pathlib import Path

import click

from photonzero.experiments.commands.computing import Computing


@click.command(cls=Computing)
@click.argument("chip")
@click.option(
    "--noise", default="published-detector", show_default=True, help="Of the chip: a preset or a TOML file."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the chip and of what is read."
)
@click.option(
    "--modes",
    type=click.IntRange(2),
    metavar="N",
    help="CHIP is a mesh of its own with N modes, by its topology.",
)
@click.option(
    "--layer",
    "layers",
    type=click.IntRange(1),
    multiple=True,
    metavar="N",
    help="One layer; may be repeated.  [default: all]",
)
@click.option(
    "--from",
    "before",
    type=click.Path(path_type=Path),
    metavar="MODEL.npz",
    help="Model of this chip from before: bring it up to date from a few readings.",
)
@click.option(
    "--readings",
    type=click.IntRange(1),
    default=6,
    show_default=True,
    metavar="N",
    help="With --from: vectors that each layer is presented.",
)
@click.option(
    "--after",
    "elapsed_s",
    type=click.FloatRange(0.0),
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    help="That pass on the simulated chip first.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder.  [default: runs/calibrate-CHIP-NNN]")
@click.option(
    "--threads", type=click.IntRange(1), metavar="N", help="Simulator threads; no effect on results."
)
@click.option("--json", "as_json", is_flag=True, help="Print result.json.")
@click.option("--quiet", is_flag=True, help="No progress.")
def calibrate(
    chip: str,
    noise: str,
    seed: int,
    modes: int | None,
    layers: tuple[int, ...],
    before: Path | None,
    readings: int,
    elapsed_s: float,
    out: Path | None,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Let CHIP find its own errors, from nothing but forward readings of its layers, or of a mesh.

    CHIP is a design of `photonzero list`, or a TOML file with one. Biases, gammas and thermal crosstalk of
    every layer are fitted to readings; `model.npz` holds them, `result.json` says how well they predict
    readings at settings never used, and `figures/` shows what was found against what the simulator knows.

    With --from a chip that has drifted since it was calibrated is brought up to date: biases near those of
    the model are fitted to a handful of readings.

    With --modes, CHIP is the topology of one complex mesh between modulators and homodyne receivers, such as
    rectangular: phase biases and couplers of every MZI are found, and where needed gammas and crosstalk.

    \b
    Examples:
      photonzero calibrate tonn-hjb20 --noise published-detector --seed 1
      photonzero calibrate tonn-black-scholes --layer 2 --out runs/known
      photonzero calibrate tonn-wave --noise drifting.toml --out runs/known
      photonzero calibrate tonn-wave --noise drifting.toml --after 0.5 --from runs/known/model.npz
      photonzero calibrate rectangular --modes 16 --out runs/mesh
    """
    from photonzero.experiments.calibrate.calibrated_model import CalibratedModel
    from photonzero.experiments.calibrate.calibration import calibrate as calibrate_chip
    from photonzero.experiments.calibrate.calibration import write
    from photonzero.experiments.calibrate.figures import draw_errors
    from photonzero.experiments.calibrate.recalibration import recalibrate
    from photonzero.experiments.calibrate.simulated import true_errors
    from photonzero.experiments.commands.printing import print_object
    from photonzero.experiments.config.chips import read_design
    from photonzero.experiments.config.noise import noise_model
    from photonzero.experiments.files.errors import UsageError
    from photonzero.experiments.run.folder import new_folder
    from photonzero.photonics.calibration import IdentifiedLayer
    from photonzero.photonics.chip.chip import fabricate

    if modes is not None:
        if layers or before is not None or elapsed_s > 0.0:
            raise UsageError("--layer, --from, --after: allowed without --modes")
        _calibrate_mesh(chip, modes, noise, seed, out, as_json)
        return
    design, model = read_design(chip), noise_model(noise)
    about = {"chip": chip, "noise": noise, "seed": seed}
    known = None if before is None else CalibratedModel.load(before)
    if known is not None and layers:
        raise UsageError("--layer: allowed: without --from, which follows the layers of its model")
    fabricated = fabricate(design, model, seed, threads=threads)
    if elapsed_s > 0.0:
        fabricated.wait(elapsed_s)
    if known is not None:
        followed = recalibrate(fabricated, known, readings, seed=seed)
        folder = new_folder(out, f"calibrate-{design.name}")
        print_object(
            write(folder, followed.model, {**about, "from": str(before), **followed.result()}), as_json
        )
        return

    def said(own: IdentifiedLayer) -> None:
        if not quiet:
            click.echo(
                f"layer {own.wiring.number + 1}: chi^2 {own.fit.chi2_per_dof:.3f}, error at unseen settings "
                f"{own.rel_error_unseen:.1e}",
                err=True,
            )

    found = calibrate_chip(fabricated, seed=seed, layers=layers or None, done=said)
    folder = new_folder(out, f"calibrate-{design.name}")
    result = write(folder, found.model, {**about, **found.result()})
    for own in found.layers:
        path = folder / "figures" / f"layer{own.wiring.number + 1}.png"
        draw_errors(path, own, true_errors(fabricated, own.wiring))
    if found.refused:
        number, reason = next(iter(found.refused.items()))
        raise UsageError(f"layer {number} of {design.name}: {reason}; what was found is in {folder}")
    print_object(result, as_json)


def _calibrate_mesh(
    topology: str, modes: int, noise: str, seed: int, out: Path | None, as_json: bool
) -> None:
    from photonzero.experiments.calibrate.calibration import write
    from photonzero.experiments.calibrate.figures import draw_mesh_errors
    from photonzero.experiments.calibrate.mesh import calibrate_mesh
    from photonzero.experiments.calibrate.simulated import true_mesh_errors
    from photonzero.experiments.commands.printing import print_object
    from photonzero.experiments.config.noise import noise_model
    from photonzero.experiments.run.folder import new_folder
    from photonzero.photonics.mesh import fabricate_mesh, mesh

    fabricated = fabricate_mesh(mesh(topology, modes), noise_model(noise), seed)
    found = calibrate_mesh(fabricated, seed=seed)
    folder = new_folder(out, f"calibrate-{fabricated.topology.name}-{modes}")
    about = {"chip": topology, "noise": noise, "seed": seed}
    result = write(folder, found.model, about | found.result())
    draw_mesh_errors(folder / "figures" / "mesh.png", found.found, *true_mesh_errors(fabricated))
    print_object(result, as_json)
