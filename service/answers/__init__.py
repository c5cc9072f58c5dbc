"""The routes for programs: what they take, and what they answer."""
