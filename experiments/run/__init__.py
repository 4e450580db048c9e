"""One training and its folder."""
