"""What became of the rows read: those that are no events, by reason."""

from textwrap import wrap

import plotly.graph_objects as go

from contract.words import N_
from languages import Language
from segmentation.report.facts import Facts
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import ACCENT, MUTED, ROOM_FOR_FIGURES, figure

_DUPLICATES = N_("exact duplicate")
_SAYS = N_(
    "Of {read} rows in the files {kept} are events, of any date ({share}); {duplicates} and {rejected} were left out."
)


def _figure(facts: Facts, say: Language) -> go.Figure:
    events = facts.metrics["events"]
    rejected = sorted(events["rejected"].items(), key=lambda reason: -reason[1])
    names = [say.gettext(_DUPLICATES), *("<br>".join(wrap(say.gettext(reason), _LINE)) for reason, _ in rejected)]
    counts = [events["duplicates"], *(count for _, count in rejected)]
    bars = go.Bar(
        y=names,
        x=counts,
        orientation="h",
        text=[say.number(count) for count in counts],
        textposition="outside",
        cliponaxis=False,
        marker={"color": [MUTED, *(ACCENT for _ in rejected)]},
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    return figure(
        [bars],
        say,
        margin=ROOM_FOR_FIGURES,
        height=30 + 48 * len(names),
        xaxis={"visible": False, "range": [0, max(*counts, 1)]},
        yaxis={"autorange": "reversed", "showgrid": False},
    )


_LINE = 22
"""In letters: on a phone there is still room for the bars."""


def _says(facts: Facts, say: Language) -> str:
    events = facts.metrics["events"]
    duplicates, rejected = events["duplicates"], sum(events["rejected"].values())
    return say.gettext(_SAYS).format(
        read=say.number(events["rows_read"]),
        kept=say.number(events["kept"]),
        share=say.percent(events["kept"] / events["rows_read"]),
        duplicates=say.ngettext("{count} exact duplicate", "{count} exact duplicates", duplicates),
        rejected=say.ngettext("{count} faulty row", "{count} faulty rows", rejected),
    )


ROWS = Picture(
    "rows",
    N_("Rows left out, and why"),
    ("events.rejected", "events.duplicates", "events.rows_read", "events.kept"),
    _figure,
    _says,
)
