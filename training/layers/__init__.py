"""Learning layer by layer: what a chip reads of each of its layers, and the algebra of the host on it."""
