"""Simulate photonic chips and train them from forward measurements alone."""
