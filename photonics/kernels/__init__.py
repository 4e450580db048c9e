"""Compiled kernels. Public functions elsewhere validate and allocate; these only compute.

- `jit`: how all of them are compiled.
- `elementary`, `normals`: functions of numbers, and noise, that others are made of.
- `contraction`, `population`: networks, one setting after the other or many that have much in common.
- `mesh_transfer`, `mesh_rows`: transfer matrices of complex meshes; those of real cores are built in
  `photonzero.photonics.mesh.orthogonal`.
- `mesh_nulling`: from a unitary matrix to phases.
"""
