"""Board types: one folder per family, each data (board.yaml) plus quirks."""
