"""What one core of a layer is made of: the protocol that every kind of core follows.

A core is a matrix (rows, columns) of a tensor train. A kind of core says which controls set it, where
training starts, which matrix realised controls make and how large it can be, and what of it there is on
the chip. Nothing outside of this folder asks which kind it has before it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from photonzero.devices.loss import InsertionLoss
from photonzero.photonics.controls import Response
from photonzero.photonics.errors import PhotonicsError
from photonzero.registry import Registry, is_file_name, split_file_name

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Element: TypeAlias = Literal["rotation", "attenuator", "drive", "number"]

_NOWHERE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Part:
    """Controls of a core that do the same work, such as the angles of all its U meshes.

    Attributes:
        name: behind the core's own in the name of the group, such as "U"; empty where nothing else sets
            the core.
        element: what one control sets: the angle of a "rotation", the phase of an "attenuator" that makes a
            singular value, the "drive" of a heater that saturates instead of turning, or a "number" of the
            electronics.
        shape: (copies, n): sets that lie far apart on the chip, and controls of each.
        column: (n,) place of each shifter of a set along the light; shifters that are neighbours in
            `column` and `row` heat each other. Empty for numbers.
        row: (n,) the same across the light; the two modes of a cell are one row apart.
    """

    name: str
    element: Element
    shape: tuple[int, int]
    column: IntArray = field(default_factory=lambda: _NOWHERE)
    row: IntArray = field(default_factory=lambda: _NOWHERE)


@dataclass(frozen=True, eq=False)
class Light:
    """What light meets on its way through a core besides what is set.

    Attributes:
        gain: of the receivers, see `Core.gain`.
        cells: for every part (copies, n, 4) of what errs in the cell that each control sets, see
            `photonzero.photonics.mesh.orthogonal.rotation_cells`; None where nothing does.
        offset_nm: how far it is from the wavelength that the core was made for [nm]. Settings and cells have
            allowed for it: it concerns what else depends on wavelength.
    """

    gain: float
    cells: Sequence[FloatArray] | None = None
    offset_nm: float = 0.0


class Core(ABC):
    """A kind of core. Each is a frozen dataclass whose fields are what a design may choose.

    Matrices of a tensor-train layer keep the variance of a signal if their entries have a standard
    deviation `std`, which the layer knows and hands over.

    Attributes:
        kind: what files call it; one in a user's file is called ``path/to/my.py:Name``.
        is_optical: whether light does the multiplication.
        carries_fields: whether the fields that leave the core can enter the next one without a detector
            in between. Where their cells err these fields are complex.
        cascades: whether several of the kind can make one layer.
        response: how a matrix depends on one control: "sinusoid" for ``a + b cos x + c sin x``, as the angle
            of an interferometer acts, else "smooth".
    """

    kind: ClassVar[str]
    is_optical: ClassVar[bool] = True
    carries_fields: ClassVar[bool] = False
    response: ClassVar[Response] = "smooth"
    cascades: ClassVar[bool] = True

    @property
    def names(self) -> tuple[str, ...]:
        """Choices that are names of a registry, and so may stand in files of the user's."""
        return ()

    def to_table(self) -> dict[str, Any]:
        """The kind and its choices, as a file has them; None is left out."""
        choices = asdict(self) if is_dataclass(self) else {}
        return {"kind": self.kind, **{key: value for key, value in choices.items() if value is not None}}

    @staticmethod
    def kinds() -> Registry[type[Core]]:
        """All kinds of core by the names that files have for them."""
        return KINDS

    @abstractmethod
    def parts(self, rows: int, columns: int) -> tuple[Part, ...]:
        """The controls of a core, in the order of the control vector."""

    @abstractmethod
    def initial(self, rows: int, columns: int, std: float, rng: np.random.Generator) -> list[FloatArray]:
        """Random controls to start training from: Gaussian entries where the kind can make them.

        Args:
            rows: of the core.
            columns: of the core.
            std: standard deviation of its entries.
            rng: source of the random numbers.

        Returns:
            For every part an array of its shape.
        """

    @abstractmethod
    def matrices(
        self, settings: Sequence[FloatArray], rows: int, columns: int, light: Light
    ) -> npt.NDArray[Any]:
        """Matrices that realised controls make.

        Args:
            settings: for every part the realised controls of P settings, (P, copies, n).
            rows: of the core.
            columns: of the core.
            light: what it meets besides.

        Returns:
            (P, rows, columns), complex where cells err.
        """

    @abstractmethod
    def load(self, matrix: FloatArray, std: float) -> list[FloatArray]:
        """Controls with which an ideal core is a wanted matrix, or the nearest one within its limit.

        Args:
            matrix: (rows, columns).
            std: standard deviation that entries of the layer start from.

        Returns:
            For every part an array of its shape.

        Raises:
            PhotonicsError: the kind cannot be set to any wanted matrix.
        """

    def limit(self, std: float) -> float:
        """Largest singular value that can be set; infinite where nothing limits it."""
        return math.inf

    def reach(self, std: float) -> tuple[float, float]:
        """Ends of the range that drivers can set controls to; beyond, they saturate or turn.

        Args:
            std: standard deviation that entries of the layer start from.
        """
        return 0.0, 2.0 * math.pi

    def sized(self, size: int) -> Core:
        """The same kind in square blocks of a size; what has no blocks stays as it is."""
        return self

    def fitted(self, matrices: Sequence[FloatArray], std: float) -> Core:
        """The same kind with a limit that holds these matrices (rows, columns)."""
        return self

    def gain(self, std: float, loss: InsertionLoss) -> float:
        """Factor of the receivers on the light of one core: its limit, and what makes up for its loss.

        Args:
            std: standard deviation that entries of the layer start from.
            loss: of the cells.

        Returns:
            1 for a core without light.
        """
        return 1.0

    def n_mzi(self, rows: int, columns: int) -> int:
        """Mach-Zehnder interferometers of the meshes of a core; attenuators are not counted."""
        return 0

    @property
    def largest_code(self) -> int | None:
        """Numbers of the layer, biases too, are integers from minus to plus this; None for real ones."""
        return None

    def code_step(self, scale: float) -> float:
        """Step that such integers are multiplied with, for numbers of a size; 0 for real numbers.

        Args:
            scale: typical size of the numbers.
        """
        return 0.0


def require_limit(name: str, value: float | None) -> None:
    """Accept a largest singular value that was chosen, or None.

    Raises:
        PhotonicsError: not above 0.
    """
    if value is not None and not (math.isfinite(value) and value > 0):
        raise PhotonicsError(f"{name}: s_max {value}; allowed: > 0")


def _checked(name: str, found: Any) -> type[Core]:
    if not (isinstance(found, type) and issubclass(found, Core) and is_dataclass(found)):
        raise PhotonicsError(f"core {name!r}: {found!r}; allowed: a dataclass that derives from Core")
    if is_file_name(name):
        found.kind = f"{split_file_name(name)[0].resolve()}:{found.__name__}"
    return found


KINDS: Registry[type[Core]] = Registry(
    "core",
    {
        "meshes": "photonzero.photonics.cores.meshes:Meshes",
        "numbers": "photonzero.photonics.cores.numbers:Numbers",
        "rings": "photonzero.photonics.cores.rings:Rings",
    },
    PhotonicsError,
    _checked,
)
