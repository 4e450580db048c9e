"""Files that users give and get: TOML and CSV, and the error that says what is wrong with them."""
