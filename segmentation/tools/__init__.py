"""Tools that every stage shares: errors, the embedded engine, progress, scratch space, tables in parts."""
