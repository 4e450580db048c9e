"""What a hardware cost is computed from: the matrices of a chip and how they share light."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.topologies import mesh


def _require_count(name: str, value: object, low: int = 1) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise PhotonicsError(f"{name}: {value!r}; allowed: an integer >= {low}")


def mesh_mzis(n_modes: int, topology: str = "rectangular") -> int:
    """MZIs of a mesh: N(N-1)/2 for the universal ones, N/2 log2 N for the butterfly; a waveguide has none.

    Raises:
        PhotonicsError: N < 1, a size that the topology does not have, or an unknown topology.
    """
    _require_count("n_modes", n_modes)
    return mesh(topology, n_modes).n_mzi if n_modes > 1 else 0


def mesh_stages(n_modes: int, topology: str = "rectangular") -> int:
    """Cascaded MZIs on the longest path through a mesh.

    N for the rectangle [clements2016] (1 for N = 2), 2N - 3 for the triangle [reck1994], log2 N for
    the butterfly.

    Raises:
        PhotonicsError: as `mesh_mzis`.
    """
    _require_count("n_modes", n_modes)
    return mesh(topology, n_modes).n_layers if n_modes > 1 else 0


def _mesh_shifters(n_modes: int, topology: str) -> int:
    """Phase shifters of a complex mesh, those of its outputs and outside its MZIs with them."""
    return mesh(topology, n_modes).n_shifters if n_modes > 1 else 1


@dataclass(frozen=True)
class CoreParts:
    """One matrix in optics, ``U diag(s) V``, whole or cut into square blocks.

    Attributes:
        rows: outputs of the matrix; for a tensor-train core r_{k-1} m_k.
        cols: inputs of the matrix; for a tensor-train core n_k r_k.
        lanes: vectors that one inference sends through it; for a tensor-train core the product of
            the sizes of all other indices of the tensor.
        block: side of the square blocks that it is padded to; None for one U of `rows` modes, one V
            of `cols` modes and min(rows, cols) attenuators.
        topology: of all its meshes.
    """

    rows: int
    cols: int
    lanes: int = 1
    block: int | None = None
    topology: str = "rectangular"

    def __post_init__(self) -> None:
        for name in ("rows", "cols", "lanes"):
            _require_count(f"core {name}", getattr(self, name))
        if self.block is not None:
            _require_count("core block", self.block)
        for modes in self._mesh_modes:
            mesh_stages(modes, self.topology)

    @property
    def _mesh_modes(self) -> tuple[int, int]:
        return (self.rows, self.cols) if self.block is None else (self.block, self.block)

    @property
    def block_rows(self) -> int:
        """Blocks that one input is split among."""
        return 1 if self.block is None else math.ceil(self.rows / self.block)

    @property
    def block_cols(self) -> int:
        """Blocks whose outputs are summed."""
        return 1 if self.block is None else math.ceil(self.cols / self.block)

    @property
    def n_mzi(self) -> int:
        """MZIs of all meshes, without the attenuators, as the published counts have it."""
        per_block = sum(mesh_mzis(modes, self.topology) for modes in self._mesh_modes)
        return self.block_rows * self.block_cols * per_block

    @property
    def n_attenuators(self) -> int:
        """Cells that set the singular values."""
        return self.block_rows * self.block_cols * min(self._mesh_modes)

    @property
    def n_stages(self) -> int:
        """Cascaded MZIs: V, one attenuator, U."""
        return 1 + sum(mesh_stages(modes, self.topology) for modes in self._mesh_modes)

    @property
    def splitting_loss_db(self) -> float:
        """Light lost to splitting among block rows and summing over block columns [dB].

        An input spread over R blocks reaches each with 1/R; a passive sum of C fields keeps 1/C.
        """
        return 10.0 * math.log10(self.block_rows * self.block_cols)

    def n_phases(self, complex_meshes: bool) -> int:
        """Phase shifters, attenuators included.

        Args:
            complex_meshes: all phases of a mesh, two per MZI and one per output, and those at the rim of
                some topologies; else one per MZI, the real orthogonal form, in which an 8 x 8 block has
                2 x 28 + 8 = 64.
        """
        if not complex_meshes:
            return self.n_mzi + self.n_attenuators
        per_block = sum(_mesh_shifters(modes, self.topology) for modes in self._mesh_modes)
        return self.block_rows * self.block_cols * per_block + self.n_attenuators


@dataclass(frozen=True)
class LayerParts:
    """A linear layer between two conversions to electronics.

    Attributes:
        cores: matrices in the order light meets them.
        wavelengths: lanes that share the meshes at one time.
        copies: sets of meshes side by side, each with all wavelengths.
    """

    cores: tuple[CoreParts, ...]
    wavelengths: int = 1
    copies: int = 1

    def __post_init__(self) -> None:
        if not self.cores:
            raise PhotonicsError("layer cores: none; allowed: at least one")
        _require_count("layer wavelengths", self.wavelengths)
        _require_count("layer copies", self.copies)

    def slots(self, core: CoreParts) -> int:
        """Symbol times that one inference occupies a core: its lanes over those side by side."""
        return math.ceil(core.lanes / (self.wavelengths * self.copies))

    @property
    def is_optical_cascade(self) -> bool:
        """Whether light goes from core to core without electronics.

        It does if all lanes of every core are there at once: reshaping between cores mixes lanes,
        so lanes that come one after another must be stored.
        """
        return all(self.slots(core) == 1 for core in self.cores)


@dataclass(frozen=True)
class ArchitectureSpec:
    """A chip as its cost sees it.

    Attributes:
        layers: in order; electronics (bias, nonlinearity) in between.
        name: for reports.
        complex_meshes: two phases per MZI and output phases, instead of one (real orthogonal).
        time_multiplexed: one set of meshes, as large as the largest core and as many copies as any
            layer has, serves all cores of all layers one after another (TONN-2); else every core
            has its own (TONN-1).
        stream_length: inferences that a time-multiplexed chip sends through a core before it is
            reprogrammed; they share the phases, so it is at most the batch of one setting.
    """

    layers: tuple[LayerParts, ...]
    name: str = "custom"
    complex_meshes: bool = False
    time_multiplexed: bool = False
    stream_length: int = 1

    def __post_init__(self) -> None:
        if not self.layers:
            raise PhotonicsError("architecture layers: none; allowed: at least one")
        _require_count("architecture stream_length", self.stream_length)


def dense_parts(
    rows: int, cols: int, *, block: int | None = None, topology: str = "rectangular"
) -> LayerParts:
    """A dense matrix, as one singular value decomposition or in k x k blocks, one vector at a time.

    Raises:
        PhotonicsError: a size or block that is not an integer >= 1.
    """
    return LayerParts((CoreParts(rows, cols, block=block, topology=topology),))


def tensor_train_parts(
    output_modes: Sequence[int],
    input_modes: Sequence[int],
    ranks: Sequence[int],
    *,
    wavelengths: int = 1,
    copies: int = 1,
    block: int | None = None,
    topology: str = "rectangular",
) -> LayerParts:
    """A tensor-train layer whose cores (r_{k-1} m_k) x (n_k r_k) are met last one first.

    When core k is met, the indices n_1 .. n_{k-1} are still inputs and m_{k+1} .. m_d are already
    outputs: their product is the number of lanes.

    Args:
        output_modes: m_1 .. m_d.
        input_modes: n_1 .. n_d.
        ranks: r_0 .. r_d, both ends 1.
        wavelengths: lanes that share the meshes at one time.
        copies: sets of meshes side by side.
        block: side of the blocks that each core is padded to; None to build every core whole.
        topology: of all meshes.

    Raises:
        PhotonicsError: lists of different lengths, or ends of the ranks other than 1.
    """
    d = len(output_modes)
    if len(input_modes) != d or len(ranks) != d + 1:
        raise PhotonicsError(
            f"tensor train: {d} output modes, {len(input_modes)} input modes, {len(ranks)} ranks; "
            "allowed: d, d, d + 1"
        )
    if d == 0 or ranks[0] != 1 or ranks[-1] != 1:
        raise PhotonicsError(f"ranks: {list(ranks)}; allowed: first and last 1, and one core or more")
    cores = tuple(
        CoreParts(
            rows=ranks[k] * output_modes[k],
            cols=input_modes[k] * ranks[k + 1],
            lanes=math.prod(input_modes[:k]) * math.prod(output_modes[k + 1 :]),
            block=block,
            topology=topology,
        )
        for k in reversed(range(d))
    )
    return LayerParts(cores, wavelengths=wavelengths, copies=copies)
