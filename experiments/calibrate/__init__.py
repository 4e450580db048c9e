"""Chips that calibrate themselves: every layer identified by its own readings, metered, kept and compared."""
