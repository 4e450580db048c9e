"""The chips whose cost the literature states."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from photonzero.photonics.cost.architecture import (
    ArchitectureSpec,
    LayerParts,
    dense_parts,
    tensor_train_parts,
)
from photonzero.photonics.errors import PhotonicsError


def _published_tt_layer(copies: int) -> LayerParts:
    # 1024 = 4 x 8 x 4 x 8 inputs, 8 x 4 x 8 x 4 outputs: every core unfolds to 8 x 8 [zhao2024].
    return tensor_train_parts(
        output_modes=(8, 4, 8, 4),
        input_modes=(4, 8, 4, 8),
        ranks=(1, 2, 1, 2, 1),
        wavelengths=32,
        copies=copies,
        block=8,
    )


PRESETS: Mapping[str, ArchitectureSpec] = MappingProxyType(
    {
        # Two dense 1024 x 1024 layers: 2 N (N - 1) = 2,095,104 MZIs.
        "onn-1024": ArchitectureSpec((dense_parts(1024, 1024),) * 2, name="onn-1024"),
        # TONN-1: 128 lanes as 4 copies x 32 wavelengths: 2 x 4 x 4 x 56 = 1,792 MZIs.
        "tonn-1024": ArchitectureSpec((_published_tt_layer(4),) * 2, name="tonn-1024"),
        # TONN-2: one pair of 8 x 8 meshes for everything, reprogrammed after a batch of 100.
        "tonn2-1024": ArchitectureSpec(
            (_published_tt_layer(1),) * 2,
            name="tonn2-1024",
            time_multiplexed=True,
            stream_length=100,
        ),
    }
)


def preset(name: str) -> ArchitectureSpec:
    """The architecture of that name.

    Raises:
        PhotonicsError: no such preset; lists the allowed names.
    """
    if name not in PRESETS:
        raise PhotonicsError(f"architecture: {name!r}; allowed: {', '.join(PRESETS)}")
    return PRESETS[name]
