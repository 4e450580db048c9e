"""The built-in studies, one module each; every one ends in a `STUDY`."""
