"""How the report says weekdays and scores."""

from collections.abc import Sequence

from contract.words import N_
from languages import Language

ON_DAYS = {
    "monday": N_("on Mondays"),
    "tuesday": N_("on Tuesdays"),
    "wednesday": N_("on Wednesdays"),
    "thursday": N_("on Thursdays"),
    "friday": N_("on Fridays"),
    "saturday": N_("on Saturdays"),
    "sunday": N_("on Sundays"),
}
AT_TIMES = {
    "morning": N_("in the morning"),
    "afternoon": N_("in the afternoon"),
    "evening": N_("in the evening"),
    "night": N_("at night"),
}
_DECIMALS = 3


def said_weekdays(weekdays: Sequence[int], say: Language) -> str:
    """Write weekdays, Monday as 0, as people do: on Saturdays and on Sundays."""
    names = list(ON_DAYS.values())
    return say.listed([say.gettext(names[weekday]) for weekday in weekdays])


def score(value: float, say: Language) -> str:
    """Write a score of at most 1; what falls short of 1 is never written as 1."""
    rounded = say.number(value, _DECIMALS)
    if value < 1 and rounded == say.number(1, _DECIMALS):
        return f">{say.number(1 - 10**-_DECIMALS, _DECIMALS)}"
    return rounded
