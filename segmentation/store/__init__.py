"""Where snapshots and kept events are: a folder, or S3; it knows names and bytes, not what they mean."""
