"""Marks for texts that are translated where they are said, so that the catalogues find them where they are written."""


def N_(message: str) -> str:  # noqa: N802 (gettext's own name for it)
    """Mark a text, and return it as it is."""
    return message


def NN_(one: str, many: str) -> tuple[str, str]:  # noqa: N802
    """Mark a text for one and for several, and return both."""
    return one, many
