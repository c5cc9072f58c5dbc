"""Raw files of a shop to typed events, with an account of every row."""
