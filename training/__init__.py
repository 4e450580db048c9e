"""Forward-only learning: everything here asks an oracle for measurements, never for gradients.

Imports numpy, scipy and itself only. What it trains may be the simulator of this project or a chip
in a laboratory: it sees `photonzero.training.oracle.ForwardOracle` and nothing behind it.
"""
