"""The personas side by side: each one's typical client against that of all."""

from math import log2
from typing import Any

import plotly.graph_objects as go

from segmentation.model.profiles import TYPICAL
from segmentation.report.facts import Facts
from segmentation.report.pictures.labels import FEATURES, persona_label
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import figure, small_print
from segmentation.report.words import typeset
from segmentation.words import number

_EVERYONE = {"en": "👥<br>Everyone", "fr": "👥<br>Tous"}
_OF_ALL = {"en": "everyone’s", "fr": "celui de tous"}
_TICKS = {
    "en": ("fewer: a quarter", "half", "as everyone", "twice", "more: 4 times"),
    "fr": ("moins : le quart", "la moitié", "comme tous", "le double", "plus : 4 fois"),
}
_SAYS = {
    "en": "The widest difference is in “{feature}”: {value} for the typical {label}, {everyone} for the typical client "
    "overall.",
    "fr": "Le plus grand écart concerne « {feature} » : {value} pour le client type « {label} », {everyone} pour le "
    "client type, tous personas confondus.",
}
_MOST = 2.0
"""Four times as much or a quarter has the full colour; personas differ by more, but not more visibly."""


def ratio(profile: Any, everyone: Any, feature: str) -> float:
    """Return a median against everyone's; 0 counts as a half, so that there always is a ratio."""
    own, all_ = (max(float(p[f"median_{feature}"]), 0.5) for p in (profile, everyone))
    return own / all_


def _figure(facts: Facts, language: str) -> go.Figure:
    everyone = facts.metrics["everyone"]
    profiles = [everyone, *(persona["profile"] for persona in facts.personas)]
    features = [feature for feature in TYPICAL if any(profile[f"median_{feature}"] for profile in profiles)]
    ratios = [[ratio(profile, everyone, feature) for profile in profiles] for feature in features]
    names = [_EVERYONE[language], *(persona_label(persona, language, "<br>") for persona in facts.personas)]
    table = go.Heatmap(
        x=names,
        y=[FEATURES[feature][language] for feature in features],
        z=[[max(-_MOST, min(_MOST, log2(value))) for value in row] for row in ratios],
        zmid=0,
        zmin=-_MOST,
        zmax=_MOST,
        text=[[_value(profile, feature, language) for profile in profiles] for feature in features],
        texttemplate="%{text}",
        customdata=[[number(value, language, 1) for value in row] for row in ratios],
        hovertemplate="%{x}<br>%{y}: %{text}<br>%{customdata} × %{meta}<extra></extra>",
        meta=_OF_ALL[language],
        xgap=3,
        ygap=3,
        colorbar={
            "orientation": "h",
            "y": -0.02,
            "yanchor": "top",
            "thickness": 10,
            "len": 0.8,
            "tickvals": [-2, -1, 0, 1, 2],
            "ticktext": _TICKS[language],
            "outlinewidth": 0,
        },
    )
    left_out = [FEATURES[feature][language] for feature in TYPICAL if feature not in features]
    return figure(
        [table],
        language,
        narrowest=820,
        height=144 + 42 * len(features),
        xaxis={"side": "top", "showgrid": False, "tickfont": {"size": 12}},
        yaxis={"autorange": "reversed", "showgrid": False},
        **small_print(left_out, language, below=52),
    )


def _value(profile: Any, feature: str, language: str) -> str:
    return number(profile[f"median_{feature}"], language)


def _says(facts: Facts, language: str) -> str:
    everyone = facts.metrics["everyone"]
    persona, feature = max(
        ((persona, feature) for persona in facts.personas for feature in TYPICAL),
        key=lambda pair: abs(log2(ratio(pair[0]["profile"], everyone, pair[1]))),
    )
    sentence = _SAYS[language].format(
        label=persona["label"][language],
        feature=FEATURES[feature][language],
        value=_value(persona["profile"], feature, language),
        everyone=_value(everyone, feature, language),
    )
    return typeset(sentence, language)


PROFILES = Picture(
    "profiles",
    {"en": "The personas side by side", "fr": "Les personas côte à côte"},
    _figure,
    _says,
)
