"""The catalogues: `messages.po` of each language's folder, read when it is first needed."""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO

DEFAULT = "en"
"""English, whose texts are the keys."""
_FILE = "messages.po"


def codes() -> tuple[str, ...]:
    """Return the languages that are there, English first."""
    found = (folder.name for folder in files("languages").iterdir() if folder.joinpath(_FILE).is_file())
    return DEFAULT, *sorted(found)


@cache
def catalogue(code: str) -> NullTranslations:
    """Return the texts of a language; what it lacks stays English."""
    if code == DEFAULT:
        return NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 (slow to read, and English needs none)
    from babel.messages.pofile import read_po  # noqa: PLC0415

    compiled = BytesIO()
    with files("languages").joinpath(code, _FILE).open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return GNUTranslations(compiled)
