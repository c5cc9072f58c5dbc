"""Clients where they stand in recency, frequency and money, to be turned by hand."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pyarrow.compute as pc

from contract.words import N_
from languages import Language
from segmentation.report.facts import Facts
from segmentation.report.pictures.labels import feature_label, persona_label
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import figure

_X, _Y, _Z = "days_since_last_purchase", "count_products_7m", "total_purchase_value"
_SAYS = N_(
    "Each dot is a client ({shown}): the typical {most} has spent most, {most_value}, and last bought "
    "{most_days} ago; the typical {away} has been away longest, {away_days}."
)
_SHOWN = (N_("all {shown}"), N_("{shown} of {clients}"))
_AWAY = N_("days since purchase")


def _figure(facts: Facts, say: Language) -> go.Figure:
    clouds = [_cloud(facts, persona, say) for persona in facts.personas]
    return figure(
        clouds,
        say,
        height=620,
        legend={"itemsizing": "constant"},
        scene={
            "xaxis": {"title": say.gettext(_AWAY)},
            "yaxis": {"title": feature_label(_Y, say), "type": "log", "dtick": 1, "tickformat": ",d"},
            "zaxis": {"title": feature_label(_Z, say), "type": "log", "dtick": 1, "tickformat": ",d"},
            "aspectmode": "manual",
            "aspectratio": {"x": 1.25, "y": 1.25, "z": 0.95},
            "camera": {"eye": {"x": -1.5, "y": -1.5, "z": 0.55}, "center": {"x": 0, "y": 0, "z": -0.22}},
        },
    )


def _cloud(facts: Facts, persona: Any, say: Language) -> go.Scatter3d:
    own = facts.sample.filter(pc.equal(facts.sample["persona"], persona["name"]))
    spent = own[_Z].to_numpy()
    # A logarithm has no place for 0, and less than one unit of money is as good as nothing.
    return go.Scatter3d(
        name=persona_label(persona, say),
        x=own[_X].to_numpy().astype(np.int16),
        y=own[_Y].to_numpy().astype(np.int32),
        z=np.maximum(spent, 1).astype(np.float32),
        mode="markers",
        marker={"size": 3, "color": persona["colour"], "opacity": 0.85, "line": {"width": 0}},
        hovertemplate=f"{feature_label(_X, say)}: %{{x}}<br>{feature_label(_Y, say)}: %{{y}}<br>"
        f"{feature_label(_Z, say)}: %{{z:,.0f}}",
    )


def _says(facts: Facts, say: Language) -> str:
    shown, clients = facts.sample.num_rows, facts.metrics["clients"]
    most = max(facts.there, key=lambda persona: persona["profile"][f"median_{_Z}"])
    away = max(facts.there, key=lambda persona: persona["profile"][f"median_{_X}"])
    said = {"shown": say.number(shown), "clients": say.number(clients)}
    return say.gettext(_SAYS).format(
        shown=say.gettext(_SHOWN[shown < clients]).format(**said),
        most=say.of(most["label"]),
        most_value=say.number(most["profile"][f"median_{_Z}"]),
        most_days=_days(most, say),
        away=say.of(away["label"]),
        away_days=_days(away, say),
    )


def _days(persona: Any, say: Language) -> str:
    return say.ngettext("{count} day", "{count} days", round(persona["profile"][f"median_{_X}"]))


CLIENTS = Picture(
    "clients",
    N_("Clients by recency, frequency and money"),
    ("clients",),
    _figure,
    _says,
)
