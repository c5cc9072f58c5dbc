"""The language of a page: which one a request asks for, and what templates say in it."""

from collections.abc import Mapping
from typing import Any

from flask import Request

from contract.calendar import HOURS, LONGEST_WINDOW, WINDOW_MONTHS
from contract.columns import COLUMNS, FAMILIES, TYPICAL, Column, is_recorded
from contract.words import N_
from languages import DEFAULT, LANGUAGES, Language, language
from service.pages.figures import date_of, readable

PARAMETER = "lang"
_TIMES = {
    "morning": N_("Morning ({first} to {last})"),
    "afternoon": N_("Afternoon ({first} to {last})"),
    "evening": N_("Evening ({first} to {last})"),
    "night": N_("Night ({first} to {last})"),
}
_WEEKDAYS = {
    "monday": N_("Monday"),
    "tuesday": N_("Tuesday"),
    "wednesday": N_("Wednesday"),
    "thursday": N_("Thursday"),
    "friday": N_("Friday"),
    "saturday": N_("Saturday"),
    "sunday": N_("Sunday"),
}
_SINGLE = tuple(column for column in COLUMNS if column.months is None and column.kind != "id")


def language_of(request: Request) -> Language:
    """Return the language of a request: `?lang=`, else what its browser prefers, else English."""
    asked = request.args.get(PARAMETER)
    if asked in LANGUAGES:
        return language(asked)
    # Not best_match: to it "fr-CA, en;q=0.5" is English, because that is there by its whole name.
    preferred = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
    return language(next((code for code in preferred if code in LANGUAGES), DEFAULT))


def said(say: Language) -> dict[str, Any]:
    """Return what templates say, and of what: functions of the language, and the columns with their names."""
    day_times, weekdays = _day_times(say), {name: say.gettext(day) for name, day in _WEEKDAYS.items()}
    functions = (say.ngettext, say.of, say.whole, say.decimal, say.money, say.about, say.percent, say.day)
    return {
        **{function.__name__: function for function in functions},
        "_": say.gettext,
        "capitalized": say.capitalized,
        "readable": readable,
        "date_of": date_of,
        "is_recorded": is_recorded,
        "titled": lambda column: _titled(column, say),
        "language": say.code,
        "others": [language(code) for code in LANGUAGES if code != say.code],
        "typical": TYPICAL,
        "families": FAMILIES,
        "single": _SINGLE,
        "windows": WINDOW_MONTHS,
        "day_times": day_times,
        "weekdays": weekdays,
        "choices": {**day_times, **weekdays},
    }


def _titled(column: Column, say: Language) -> str:
    """Return a column's name as a title, with what it looks back on."""
    label = say.capitalized(say.gettext(column.label))
    if column.months is None and column.kind != "money":
        return label
    return say.gettext("{label} in {months} months", label=label, months=column.months or LONGEST_WINDOW)


def _day_times(say: Language) -> Mapping[str, str]:
    return {name: say.gettext(_TIMES[name], first=first, last=last) for name, (first, last) in HOURS.items()}
