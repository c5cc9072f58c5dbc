"""The model: a space in which clients can be compared, clusters in it, personas for them, and a tree that explains."""
