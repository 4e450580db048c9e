"""Figures: of runs, meshes and chips, in one style."""
