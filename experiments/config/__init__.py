"""What a run depends on, as frozen dataclasses to and from TOML, and the presets of every problem."""
