"""The server: gunicorn with our settings."""
