"""`photonzero draw`."""

from __future__ import annotations

from pathlib import Path

import click

from photonzero.experiments.commands.computing import Computing


@click.command(cls=Computing)
@click.argument("topology")
@click.option(
    "--modes", type=click.IntRange(2, 64), metavar="N", help="[default: 8, or those of the matrix in a file]"
)
@click.option(
    "--picture",
    type=click.Choice(["mesh", "transfer", "error"]),
    default="mesh",
    show_default=True,
    help="Phases; the transfer matrix; or what fabrication errors change in it.",
)
@click.option(
    "--unitary",
    metavar="random|dft|identity|FILE.npy",
    default="random",
    show_default=True,
    help="What the mesh is set to; random phases suit every mesh.",
)
@click.option("--noise", help="What errs: a preset or a TOML file, instead of the next two.")
@click.option(
    "--coupler-std-rad", type=float, default=0.02, show_default=True, help="Errors of the couplers."
)
@click.option("--cell-loss-db", type=float, default=0.0, show_default=True, help="Loss of each MZI.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("mesh.png"), show_default=True)
def draw(
    topology: str,
    modes: int | None,
    picture: str,
    unitary: str,
    noise: str | None,
    coupler_std_rad: float,
    cell_loss_db: float,
    seed: int,
    out: Path,
) -> None:
    """Draw a mesh, its transfer matrix or its errors as a PNG.

    TOPOLOGY is a name of `photonzero list`, or my.py:NAME for one of your own. The errors concern the last
    two pictures only.

    \b
    Examples:
      photonzero draw rectangular --modes 8 --unitary dft --out dft.png
      photonzero draw rectangular --unitary u.npy --picture transfer --coupler-std-rad 0
      photonzero draw triangular --picture error --coupler-std-rad 0.05
      photonzero draw my.py:star --picture error --noise published
    """
    from photonzero.devices.coupler import CouplerImbalance
    from photonzero.devices.loss import InsertionLoss
    from photonzero.devices.noise_model import NoiseModel
    from photonzero.experiments.config.run_config import noise_table
    from photonzero.experiments.drawing.mesh_pictures import draw as draw_picture
    from photonzero.experiments.files.toml import from_table

    if noise is None:
        model = NoiseModel(
            coupler_imbalance=CouplerImbalance(angle_std_rad=coupler_std_rad),
            insertion_loss=InsertionLoss(cell_db=cell_loss_db),
        )
    else:
        table = noise_table(noise)
        del table["name"]
        model = from_table(NoiseModel, table, "noise.")
    draw_picture(topology, n_modes=modes, picture=picture, unitary=unitary, noise=model, seed=seed, out=out)
    click.echo(str(out))
