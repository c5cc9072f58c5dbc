"""Every language that people are spoken to in: its words, numbers, shares and dates.

English is the key of every text, and `languages/<code>/messages.po` the catalogue of another language. A language is
there when its folder is. Numbers, dates and plurals are written as the CLDR has them, through Babel.
"""

from languages.catalogue import DEFAULT
from languages.language import LANGUAGES, Language, language

__all__ = ["DEFAULT", "LANGUAGES", "Language", "language"]
