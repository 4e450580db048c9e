"""Meshes of Mach-Zehnder interferometers: topologies, transfer matrices, decompositions."""
