"""Compositions of devices, photonics and training: presets, runs, sweeps, figures, the command."""
