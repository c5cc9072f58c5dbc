"""The events of each day as a calendar, with the days on which some seem to be missing."""

from datetime import date, timedelta
from typing import Any

import plotly.graph_objects as go

from contract.words import N_
from languages import Language
from segmentation.report.facts import Facts, closed_weekdays, events_by_day, suspected_gaps
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import ACCENT, figure
from segmentation.report.words import said_weekdays

_SCALE = N_("events a day")
_GAP = N_("suspected gap")
_SAYS = (
    N_("No day has suspiciously few events: the quietest, {quietest}, has {least}, the busiest, {busiest}, {most}."),
    N_("On {gap} there are suspiciously few events ({events}), so that some are probably missing."),
    N_(
        "On {count} days there are suspiciously few events, the first of them {gap} ({events}), so that some "
        "are probably missing."
    ),
)
_CLOSED = (
    N_("{said}; {on_days} there are no events in any week."),
    N_("{said}; {on_days} there are hardly any events in any week."),
)


def _figure(facts: Facts, say: Language) -> go.Figure:
    days, gaps = events_by_day(facts), suspected_gaps(facts)
    monday = min(days) - timedelta(days=min(days).weekday())
    weeks = range((max(days) - monday).days // 7 + 1)
    shown = [[monday + timedelta(days=7 * week + weekday) for week in weeks] for weekday in range(7)]
    heat = go.Heatmap(
        z=[[days.get(day) for day in row] for row in shown],
        y=[say.weekday(weekday) for weekday in range(7)],
        zmin=0,
        text=[[_hover(day, days.get(day, 0), day in gaps, say) for day in row] for row in shown],
        hovertemplate="%{text}<extra></extra>",
        hoverongaps=False,
        colorbar={
            "title": {"text": say.gettext(_SCALE), "side": "right"},
            "thickness": 10,
            "outlinewidth": 0,
            "tickformat": ",d",
        },
        xgap=3,
        ygap=3,
    )
    marks = go.Scatter(
        x=[(day - monday).days // 7 for day in gaps],
        y=[say.weekday(day.weekday()) for day in gaps],
        mode="markers",
        marker={"symbol": "x-thin", "size": 12, "line": {"color": ACCENT, "width": 3}},
        hoverinfo="skip",
        name=say.gettext(_GAP),
        showlegend=bool(gaps),
    )
    months = [day for day in days if day.day == 1] or [min(days)]
    return figure(
        [heat, marks],
        say,
        narrowest=760,
        height=270,
        showlegend=bool(gaps),
        legend={"y": -0.02, "yanchor": "top"},
        xaxis={
            "side": "top",
            "showgrid": False,
            "zeroline": False,
            "tickvals": [(day - monday).days // 7 for day in months],
            "ticktext": [f"{say.month(day.month)} {day.year}" for day in months],
        },
        yaxis={"autorange": "reversed", "showgrid": False},
    )


def _hover(day: date, events: int, gap: bool, say: Language) -> str:
    mark = f"<br>{say.gettext(_GAP)}" if gap else ""
    return f"{say.weekday(day.weekday())} {say.day(day)}<br>{_events(events, say)}{mark}"


def _events(events: int, say: Language) -> str:
    return say.ngettext("{count} event", "{count} events", events)


def _says(facts: Facts, say: Language) -> str:
    days, gaps = events_by_day(facts), suspected_gaps(facts)
    said: dict[str, Any] = {"count": len(gaps)}
    if gaps:
        said |= {"gap": say.day(gaps[0]), "events": _events(days[gaps[0]], say)}
    else:
        open_days = {day: events for day, events in days.items() if day.weekday() not in closed_weekdays(facts)} or days
        quietest, busiest = (choose(open_days, key=days.__getitem__) for choose in (min, max))
        said |= {"quietest": say.day(quietest), "busiest": say.day(busiest)}
        said |= {"least": say.number(days[quietest]), "most": say.number(days[busiest])}
    sentence = say.gettext(_SAYS[min(len(gaps), 2)]).format(**said)
    if closed := closed_weekdays(facts):
        some = any(events for day, events in days.items() if day.weekday() in closed)
        sentence = say.gettext(_CLOSED[some], said=sentence.removesuffix("."), on_days=said_weekdays(closed, say))
    return sentence


CALENDAR = Picture(
    "calendar",
    N_("Events day by day"),
    ("events.by_day", "events.suspected_gaps"),
    _figure,
    _says,
)
