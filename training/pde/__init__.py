"""The language in which a PDE is written: coordinates, fields, terms, conditions."""
