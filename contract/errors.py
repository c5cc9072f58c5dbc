"""What can go wrong, each with the exit code that a command ends with."""


class MenagerieError(Exception):
    """A fault told in one sentence; `exit_code` is what the process ends with."""

    exit_code = 1


class WrongUsageError(MenagerieError):
    """A command, or a setting, that cannot be followed."""

    exit_code = 2


class BadInputError(MenagerieError):
    """What was given to read cannot be read, or cannot be meant."""

    exit_code = 3
