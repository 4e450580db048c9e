"""Comparisons: methods, problems, stencils and ranks side by side."""
