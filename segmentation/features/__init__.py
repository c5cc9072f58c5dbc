"""Events to the client table: the columns, their definition, and the run of it."""
