"""The personas side by side: each one's typical client against that of all."""

from math import log2
from typing import Any

import plotly.graph_objects as go

from contract.columns import TYPICAL
from contract.words import N_
from languages import Language
from segmentation.report.facts import Facts
from segmentation.report.pictures.labels import feature_label, persona_label
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import figure, small_print

_EVERYONE = N_("👥<br>Everyone")
_OF_ALL = N_("everyone’s")
_TICKS = (N_("fewer: a quarter"), N_("half"), N_("as everyone"), N_("twice"), N_("more: 4 times"))
_SAYS = N_(
    "The widest difference is in “{feature}”: {value} for the typical {label}, {everyone} for the "
    "typical client overall."
)
_MOST = 2.0
"""Four times as much or a quarter has the full colour; personas differ by more, but not more visibly."""


def ratio(profile: Any, everyone: Any, feature: str) -> float:
    """Return a median against everyone's; 0 counts as a half, so that there always is a ratio."""
    own, all_ = (max(float(p[f"median_{feature}"]), 0.5) for p in (profile, everyone))
    return own / all_


def _typical(facts: Facts) -> list[str]:
    """Return what the snapshot's profiles tell of: an older one may know less."""
    return [column.name for column in TYPICAL if f"median_{column.name}" in facts.metrics["everyone"]]


def _figure(facts: Facts, say: Language) -> go.Figure:
    everyone = facts.metrics["everyone"]
    profiles = [everyone, *(persona["profile"] for persona in facts.there)]
    features = [feature for feature in _typical(facts) if any(profile[f"median_{feature}"] for profile in profiles)]
    ratios = [[ratio(profile, everyone, feature) for profile in profiles] for feature in features]
    names = [say.gettext(_EVERYONE), *(persona_label(persona, say, "<br>") for persona in facts.there)]
    table = go.Heatmap(
        x=names,
        y=[feature_label(feature, say) for feature in features],
        z=[[max(-_MOST, min(_MOST, log2(value))) for value in row] for row in ratios],
        zmid=0,
        zmin=-_MOST,
        zmax=_MOST,
        text=[[_value(profile, feature, say) for profile in profiles] for feature in features],
        texttemplate="%{text}",
        customdata=[[say.number(value, 1) for value in row] for row in ratios],
        hovertemplate="%{x}<br>%{y}: %{text}<br>%{customdata} × %{meta}<extra></extra>",
        meta=say.gettext(_OF_ALL),
        xgap=3,
        ygap=3,
        colorbar={
            "orientation": "h",
            "y": -0.02,
            "yanchor": "top",
            "thickness": 10,
            "len": 0.8,
            "tickvals": [-2, -1, 0, 1, 2],
            "ticktext": [say.gettext(text) for text in _TICKS],
            "outlinewidth": 0,
        },
    )
    left_out = [feature_label(feature, say) for feature in _typical(facts) if feature not in features]
    return figure(
        [table],
        say,
        narrowest=820,
        height=144 + 42 * len(features),
        xaxis={"side": "top", "showgrid": False, "tickfont": {"size": 12}},
        yaxis={"autorange": "reversed", "showgrid": False},
        **small_print(left_out, say, below=52),
    )


def _value(profile: Any, feature: str, say: Language) -> str:
    return say.number(profile[f"median_{feature}"])


def _says(facts: Facts, say: Language) -> str:
    everyone = facts.metrics["everyone"]
    persona, feature = max(
        ((persona, feature) for persona in facts.there for feature in _typical(facts)),
        key=lambda pair: abs(log2(ratio(pair[0]["profile"], everyone, pair[1]))),
    )
    return say.gettext(_SAYS).format(
        label=say.of(persona["label"]),
        feature=feature_label(feature, say),
        value=_value(persona["profile"], feature, say),
        everyone=_value(everyone, feature, say),
    )


PROFILES = Picture(
    "profiles",
    N_("The personas side by side"),
    ("everyone",),
    _figure,
    _says,
)
