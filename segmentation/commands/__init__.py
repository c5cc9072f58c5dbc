"""The command line: arguments, commands, and what they say to people."""
