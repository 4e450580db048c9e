"""A fabricated chip: its face, what light meets, and how its answers are made."""
