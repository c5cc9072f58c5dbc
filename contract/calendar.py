"""Windows, weekdays and parts of the day."""

import calendar
from datetime import date

WINDOW_MONTHS = (2, 5, 7)
"""Calendar months that a window reaches back from the as-of date, that day included."""
LONGEST_WINDOW = max(WINDOW_MONTHS)

HOURS = {"morning": (5, 11), "afternoon": (12, 17), "evening": (18, 23), "night": (0, 4)}
"""The first and the last hour of each part of the day, on the shop's clock."""
DAY_TIMES = tuple(HOURS)
"""Parts of the day; a tie goes to the first in this order."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""Days of the week; a tie goes to the first in this order."""


def months_before(day: date, months: int) -> date:
    """Go back calendar months; a day that the month does not have becomes its last one."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
