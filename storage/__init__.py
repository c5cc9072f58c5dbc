"""Storage besides folders: buckets of objects, of one cloud or another."""
