"""What the batch and the service agree on, stated once: months, columns, names of files. Standard library only."""
