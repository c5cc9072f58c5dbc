"""The events of each day as a calendar, with the days on which some seem to be missing."""

from datetime import date, timedelta
from typing import Any

import plotly.graph_objects as go

from segmentation.report.facts import Facts, closed_weekdays, events_by_day, suspected_gaps
from segmentation.report.pictures.labels import MONTHS, WEEKDAYS
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import ACCENT, figure
from segmentation.report.words import said_day, said_weekdays, typeset
from segmentation.words import number

_EVENTS = {"en": ("{} event", "{} events"), "fr": ("{} événement", "{} événements")}
_SCALE = {"en": "events a day", "fr": "événements par jour"}
_GAP = {"en": "suspected gap", "fr": "lacune probable"}
_SAYS = {
    "en": (
        "No day has suspiciously few events: the quietest, {quietest}, has {least}, the busiest, {busiest}, {most}.",
        "On {gap} there are suspiciously few events ({events}), so that some are probably missing.",
        "On {count} days there are suspiciously few events, the first of them {gap} ({events}), so that some are "
        "probably missing.",
    ),
    "fr": (
        "Aucun jour n’a étonnamment peu d’événements : le plus calme, le {quietest}, en a {least}, le plus chargé, le "
        "{busiest}, {most}.",
        "Le {gap}, il y a étonnamment peu d’événements ({events}) : il en manque sans doute.",
        "Pendant {count} jours, dont le premier est le {gap} ({events}), il y a étonnamment peu d’événements : il en "
        "manque sans doute.",
    ),
}
_CLOSED = {
    "en": ("; {} there are no events in any week.", "; {} there are hardly any events in any week."),
    "fr": (" ; {}, il n’y a jamais d’événements.", " ; {}, il n’y a presque jamais d’événements."),
}


def _figure(facts: Facts, language: str) -> go.Figure:
    days, gaps = events_by_day(facts), suspected_gaps(facts)
    monday = min(days) - timedelta(days=min(days).weekday())
    weeks = range((max(days) - monday).days // 7 + 1)
    shown = [[monday + timedelta(days=7 * week + weekday) for week in weeks] for weekday in range(7)]
    heat = go.Heatmap(
        z=[[days.get(day) for day in row] for row in shown],
        y=WEEKDAYS[language],
        zmin=0,
        text=[[_hover(day, days.get(day, 0), day in gaps, language) for day in row] for row in shown],
        hovertemplate="%{text}<extra></extra>",
        hoverongaps=False,
        colorbar={
            "title": {"text": _SCALE[language], "side": "right"},
            "thickness": 10,
            "outlinewidth": 0,
            "tickformat": ",d",
        },
        xgap=3,
        ygap=3,
    )
    marks = go.Scatter(
        x=[(day - monday).days // 7 for day in gaps],
        y=[WEEKDAYS[language][day.weekday()] for day in gaps],
        mode="markers",
        marker={"symbol": "x-thin", "size": 12, "line": {"color": ACCENT, "width": 3}},
        hoverinfo="skip",
        name=_GAP[language],
        showlegend=bool(gaps),
    )
    months = [day for day in days if day.day == 1] or [min(days)]
    return figure(
        [heat, marks],
        language,
        narrowest=760,
        height=270,
        showlegend=bool(gaps),
        legend={"y": -0.02, "yanchor": "top"},
        xaxis={
            "side": "top",
            "showgrid": False,
            "zeroline": False,
            "tickvals": [(day - monday).days // 7 for day in months],
            "ticktext": [f"{MONTHS[language][day.month - 1]} {day.year}" for day in months],
        },
        yaxis={"autorange": "reversed", "showgrid": False},
    )


def _hover(day: date, events: int, gap: bool, language: str) -> str:
    mark = f"<br>{_GAP[language]}" if gap else ""
    return f"{WEEKDAYS[language][day.weekday()]} {said_day(day, language)}<br>{_events(events, language)}{mark}"


def _events(events: int, language: str) -> str:
    singular = events == 1 or (events == 0 and language == "fr")
    return _EVENTS[language][not singular].format(number(events, language))


def _says(facts: Facts, language: str) -> str:
    days, gaps = events_by_day(facts), suspected_gaps(facts)
    said: dict[str, Any] = {"count": len(gaps)}
    if gaps:
        said |= {"gap": said_day(gaps[0], language), "events": _events(days[gaps[0]], language)}
    else:
        open_days = {day: events for day, events in days.items() if day.weekday() not in closed_weekdays(facts)} or days
        quietest, busiest = (choose(open_days, key=days.__getitem__) for choose in (min, max))
        said |= {"quietest": said_day(quietest, language), "busiest": said_day(busiest, language)}
        said |= {"least": number(days[quietest], language), "most": number(days[busiest], language)}
    sentence = _SAYS[language][min(len(gaps), 2)].format(**said)
    if closed := closed_weekdays(facts):
        some = any(events for day, events in days.items() if day.weekday() in closed)
        sentence = sentence.removesuffix(".") + _CLOSED[language][some].format(said_weekdays(closed, language))
    return typeset(sentence, language)


CALENDAR = Picture(
    "calendar",
    {"en": "Events day by day", "fr": "Les événements jour par jour"},
    _figure,
    _says,
)
