"""What every part of the service shares: settings, problems, the log, headers."""
