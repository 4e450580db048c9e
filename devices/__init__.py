"""What one part of a photonic chip does and costs. Imports numpy only."""
