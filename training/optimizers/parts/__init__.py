"""What methods are made of: scales, codes of a DAC, updates, the noise floor, the solver of the readout."""
