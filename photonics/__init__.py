"""Circuits of parts: meshes, cores, tensor-train layers, fabricated chips and their measurements."""
