"""The designs by the names that the command knows.

Every network exists twice: ``tonn-NAME`` with its cores as meshes, and ``tt-NAME``, the same with its
cores as digital numbers, the baseline without optics. A new one is a function of a few lines and a row of
`_FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from photonzero.photonics.cores import Core, Meshes, Numbers, Rings
from photonzero.photonics.design import Activation, NetworkDesign, TTLayer, dense_layer
from photonzero.photonics.errors import PhotonicsError


def hjb20(name: str, core: Core) -> NetworkDesign:
    """21-512-512-1 with sines, ranks 1, 2, 2, 2, 1; Zhao et al. 2023, HJB-20 [zhao2023tonn]."""
    ranks = (1, 2, 2, 2, 1)
    return NetworkDesign(
        name,
        "21-512-512-1, sin, the published HJB-20 network",
        (
            TTLayer((8, 4, 4, 4), (1, 1, 3, 7), ranks, core=core),
            TTLayer((8, 4, 4, 4), (4, 4, 4, 8), ranks, core=core),
        ),
    )


def tiny(name: str, core: Core) -> NetworkDesign:
    """3-16-16-1 with sines and 4 x 4 cores: for tests and first steps."""
    core = core.sized(4)
    return NetworkDesign(
        name,
        "3-16-16-1, sin, 4 x 4 cores: for tests and first steps",
        (
            TTLayer((4, 4), (1, 3), (1, 2, 1), core=core),
            TTLayer((4, 4), (4, 4), (1, 2, 1), core=core),
        ),
    )


def black_scholes(name: str, core: Core) -> NetworkDesign:
    """2-128-128-1 with tanh and a gain of 2; Zhao et al. 2023, Black-Scholes [zhao2023tonn]."""
    return plane(name, core, "tanh", gain=2.0)


def plane(
    name: str, core: Core, activation: Activation = "tanh", gain: float = 2.0, n_out: int = 1
) -> NetworkDesign:
    """2-128-128-n, TT [16, 8] x [2, 1] and [4, 4, 8] x [4, 4, 8] of rank 2, for problems of two coordinates.

    Args:
        name: of the design.
        core: what its cores are made of.
        activation: of both layers.
        gain: of the first layer, so that its slopes suit sharp solutions on [-1, 1].
        n_out: outputs.
    """
    return NetworkDesign(
        name,
        f"2-128-128-{n_out}, {activation}, gain {gain:g}",
        (
            TTLayer((16, 8), (2, 1), (1, 2, 1), activation, core, gain=gain),
            TTLayer((4, 4, 8), (4, 4, 8), (1, 2, 2, 1), activation, core),
        ),
        n_out=n_out,
    )


def steep(name: str, core: Core) -> NetworkDesign:
    """2-128-128-1 as `plane`, its biases three times as wide: features that are steep all over [-4, 4]."""
    design = plane(name, core)
    layers = tuple(replace(layer, initial_bias_std=3.0) for layer in design.layers)
    return replace(design, description="2-128-128-1, tanh, gain 2, wide biases", layers=layers)


def wave(name: str, core: Core) -> NetworkDesign:
    """2-64-64-1 with sines, TT [8, 8] x [2, 1] and [8, 8] x [8, 8] of rank 2: few features, for waves."""
    return NetworkDesign(
        name,
        "2-64-64-1, sin, gain 2",
        (
            TTLayer((8, 8), (2, 1), (1, 2, 1), "sin", core, gain=2.0),
            TTLayer((8, 8), (8, 8), (1, 2, 1), "sin", core),
        ),
    )


def deep_wave(name: str, core: Core) -> NetworkDesign:
    """2-64-64-64-1 as `wave`, a layer deeper."""
    first, second = wave(name, core).layers
    return NetworkDesign(name, "2-64-64-64-1, sin, gain 2", (first, second, second))


def wide_plane(name: str, core: Core) -> NetworkDesign:
    """2-256-256-1, tanh, gain 2: twice the features of `plane`, for a shock."""
    return NetworkDesign(
        name,
        "2-256-256-1, tanh, gain 2",
        (
            TTLayer((16, 16), (2, 1), (1, 2, 1), "tanh", core, gain=2.0),
            TTLayer((4, 8, 8), (4, 8, 8), (1, 2, 2, 1), "tanh", core),
        ),
    )


def burgers(name: str, core: Core) -> NetworkDesign:
    """2-100-100-100-100-1 with tanh; Zhao et al. 2023, Burgers [zhao2023tonn]."""
    ranks = (1, 2, 2, 1)
    hidden = TTLayer((4, 5, 5), (5, 5, 4), ranks, "tanh", core)
    return NetworkDesign(
        name,
        "2-100-100-100-100-1, tanh, the published Burgers network, gain 8",
        (TTLayer((4, 5, 5), (1, 1, 2), ranks, "tanh", core, gain=8.0), hidden, hidden, hidden),
    )


def many_dimensional(name: str, core: Core, n_in: int, in_modes: tuple[int, ...]) -> NetworkDesign:
    """n-512-512-1 with sines, the published HJB-20 network for another number of coordinates."""
    ranks = (1, 2, 2, 2, 1)
    return NetworkDesign(
        name,
        f"{n_in}-512-512-1, sin, ranks {ranks}",
        (
            TTLayer((8, 4, 4, 4), in_modes, ranks, core=core),
            TTLayer((8, 4, 4, 4), (4, 4, 4, 8), ranks, core=core),
        ),
        n_inputs=n_in,
    )


def wide(name: str, core: Core, in_modes: tuple[int, int]) -> NetworkDesign:
    """n-512-512-1 with sines, and a first layer of few, large cores, whose rows point in many directions.

    With the first layer of `many_dimensional` the last core has four rows for all the inputs that it
    sees, and 512 features span few of the quadratic functions of ten coordinates.
    """
    first = TTLayer((16, 32), in_modes, (1, 4, 1), core=core)
    second = TTLayer((8, 4, 4, 4), (8, 4, 4, 4), (1, 2, 2, 2, 1), core=core)
    return NetworkDesign(name, f"{first.n_in}-512-512-1, sin, TT first layer of rank 4", (first, second))


def mnist(name: str, core: Core, rank: int = 4) -> NetworkDesign:
    """784-1024-10 as tensor trains of one rank, no digital readout; Zhao et al. 2023 [zhao2023tonn].

    Biases start at zero, as is usual before a relu: random ones, which features of a PDE need, would drown
    the images' own signals. Of meshes singular values cannot exceed s_max, and electronic gains of
    2 and 4 give logits the size that those of a trained network have.

    Args:
        name: of the design.
        core: what its cores are made of.
        rank: all inner ranks.
    """
    ranks = (1, rank, rank, rank, 1)
    integers = f", integers of {core.bits} bits" if isinstance(core, Numbers) and core.bits else ""
    gains = (2.0, 4.0) if core.is_optical else (1.0, 1.0)
    layers = (
        TTLayer((8, 4, 4, 8), (7, 4, 4, 7), ranks, "relu", core, gain=gains[0]),
        TTLayer((1, 5, 2, 1), (8, 4, 4, 8), ranks, "identity", core, gain=gains[1]),
    )
    return NetworkDesign(
        name,
        f"784-1024-10, relu, the published MNIST network at rank {rank}{integers}",
        tuple(replace(layer, initial_bias_std=0.0) for layer in layers),
        n_out=10,
        readout=False,
    )


def dense_mnist(name: str) -> NetworkDesign:
    """784-1024-10 as two dense matrices: 814,090 numbers, the baseline of tensor compression."""
    layers = (
        dense_layer(1024, 784, "relu", Numbers()),
        dense_layer(10, 1024, "identity", Numbers()),
    )
    return NetworkDesign(
        name,
        "784-1024-10, relu, dense, digital: the baseline of tensor compression",
        tuple(replace(layer, initial_bias_std=0.0) for layer in layers),
        n_out=10,
        readout=False,
    )


def ring_digits(name: str) -> NetworkDesign:
    """64-32-10 with a first layer of microrings and a digital readout, for the 8 x 8 digits."""
    return NetworkDesign(
        name,
        "64-32-10, tanh, 32 rows of 64 microrings, digital readout, for 8 x 8 digits",
        (dense_layer(32, 64, "tanh", Rings()),),
        n_out=10,
    )


def digits(name: str, core: Core) -> NetworkDesign:
    """64-128-10 with a digital readout, for the 8 x 8 digits of scikit-learn."""
    return NetworkDesign(
        name,
        "64-128-10, tanh, digital readout, for 8 x 8 digits",
        (TTLayer((4, 4, 8), (4, 4, 4), (1, 4, 4, 1), "tanh", core),),
        n_out=10,
    )


_FAMILIES: Mapping[str, Callable[[str, Core], NetworkDesign]] = MappingProxyType(
    {
        "hjb20": hjb20,
        "hjb100": lambda name, core: many_dimensional(name, core, 101, (2, 4, 4, 4)),
        "10d": lambda name, core: many_dimensional(name, core, 10, (1, 1, 2, 5)),
        "11d": lambda name, core: many_dimensional(name, core, 11, (1, 1, 3, 4)),
        "6d": lambda name, core: many_dimensional(name, core, 6, (1, 1, 2, 3)),
        "black-scholes": black_scholes,
        "plane": plane,
        "wide-plane": wide_plane,
        "wave": wave,
        "deep-wave": deep_wave,
        "steep": steep,
        "flow": lambda name, core: plane(name, core, n_out=3),
        "burgers": burgers,
        "smooth": lambda name, core: plane(name, core, "sin", gain=1.0),
        "smooth-flow": lambda name, core: plane(name, core, "sin", gain=1.0, n_out=3),
        "wide-6d": lambda name, core: wide(name, core, (2, 3)),
        "wide-10d": lambda name, core: wide(name, core, (2, 5)),
        "wide-11d": lambda name, core: wide(name, core, (1, 11)),
        "wide-20d": lambda name, core: wide(name, core, (4, 5)),
        "wide-21d": lambda name, core: wide(name, core, (3, 7)),
        "wide-101d": lambda name, core: wide(name, core, (1, 101)),
        "mnist": mnist,
        "digits": digits,
        "tiny": tiny,
    }
)
_KINDS: Mapping[str, Core] = MappingProxyType({"tonn": Meshes(), "tt": Numbers()})
_SINGLE: Mapping[str, Callable[[str], NetworkDesign]] = MappingProxyType(
    {
        "dense-mnist": dense_mnist,
        "int8-mnist": lambda name: mnist(name, Numbers(bits=8)),
        "mrr-digits": ring_digits,
    }
)


def design_names() -> tuple[str, ...]:
    """Names that `get_design` knows."""
    return (*(f"{kind}-{family}" for family in _FAMILIES for kind in _KINDS), *_SINGLE)


def get_design(name: str) -> NetworkDesign:
    """The design of that name.

    Raises:
        PhotonicsError: no such design; lists the allowed names.
    """
    if name in _SINGLE:
        return _SINGLE[name](name)
    kind, _, family = name.partition("-")
    if kind not in _KINDS or family not in _FAMILIES:
        raise PhotonicsError(f"chip: {name!r}; allowed: {', '.join(design_names())}, or a TOML file")
    return _FAMILIES[family](name, _KINDS[kind])
