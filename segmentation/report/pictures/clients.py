"""Clients where they stand in recency, frequency and money, to be turned by hand."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pyarrow.compute as pc

from segmentation.report.facts import Facts
from segmentation.report.pictures.labels import FEATURES, persona_label
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import figure
from segmentation.report.words import typeset
from segmentation.words import number

_X, _Y, _Z = "days_since_last_purchase", "count_products_7m", "total_purchase_value"
_SAYS = {
    "en": "Each dot is a client ({shown}): the typical {most} has spent most, {most_value}, and last bought "
    "{most_days} ago; the typical {away} has been away longest, {away_days}.",
    "fr": "Chaque point est un client ({shown}) : c’est le client type « {most} » qui a le plus dépensé, {most_value}, "
    "avec un dernier achat il y a {most_days} ; c’est le client type « {away} » qui n’est pas revenu depuis le plus "
    "longtemps, {away_days}.",
}
_SHOWN = {
    "en": ("all {shown}", "{shown} of {clients}"),
    "fr": ("{shown} au total", "{shown} sur {clients}"),
}
_AWAY = {"en": "days since purchase", "fr": "jours sans achat"}
_DAYS = {"en": ("{} day", "{} days"), "fr": ("{} jour", "{} jours")}


def _figure(facts: Facts, language: str) -> go.Figure:
    clouds = [_cloud(facts, persona, language) for persona in facts.personas]
    return figure(
        clouds,
        language,
        height=620,
        legend={"itemsizing": "constant"},
        scene={
            "xaxis": {"title": _AWAY[language]},
            "yaxis": {"title": FEATURES[_Y][language], "type": "log", "dtick": 1, "tickformat": ",d"},
            "zaxis": {"title": FEATURES[_Z][language], "type": "log", "dtick": 1, "tickformat": ",d"},
            "aspectmode": "manual",
            "aspectratio": {"x": 1.25, "y": 1.25, "z": 0.95},
            "camera": {"eye": {"x": -1.5, "y": -1.5, "z": 0.55}, "center": {"x": 0, "y": 0, "z": -0.22}},
        },
    )


def _cloud(facts: Facts, persona: Any, language: str) -> go.Scatter3d:
    own = facts.sample.filter(pc.equal(facts.sample["persona"], persona["name"]))
    spent = own[_Z].to_numpy()
    # A logarithm has no place for 0, and less than one unit of money is as good as nothing.
    return go.Scatter3d(
        name=persona_label(persona, language),
        x=own[_X].to_numpy().astype(np.int16),
        y=own[_Y].to_numpy().astype(np.int32),
        z=np.maximum(spent, 1).astype(np.float32),
        mode="markers",
        marker={"size": 3, "color": persona["colour"], "opacity": 0.85, "line": {"width": 0}},
        hovertemplate=f"{FEATURES[_X][language]}: %{{x}}<br>{FEATURES[_Y][language]}: %{{y}}<br>"
        f"{FEATURES[_Z][language]}: %{{z:,.0f}}",
    )


def _says(facts: Facts, language: str) -> str:
    shown, clients = facts.sample.num_rows, facts.metrics["clients"]
    most = max(facts.personas, key=lambda persona: persona["profile"][f"median_{_Z}"])
    away = max(facts.personas, key=lambda persona: persona["profile"][f"median_{_X}"])
    said = {"shown": number(shown, language), "clients": number(clients, language)}
    sentence = _SAYS[language].format(
        shown=_SHOWN[language][shown < clients].format(**said),
        most=most["label"][language],
        most_value=number(most["profile"][f"median_{_Z}"], language),
        most_days=_days(most, language),
        away=away["label"][language],
        away_days=_days(away, language),
    )
    return typeset(sentence, language)


def _days(persona: Any, language: str) -> str:
    days = number(persona["profile"][f"median_{_X}"], language)
    singular = days == "1" or (days == "0" and language == "fr")
    return _DAYS[language][not singular].format(days)


CLIENTS = Picture(
    "clients",
    {"en": "Clients by recency, frequency and money", "fr": "Les clients selon récence, fréquence et montant"},
    _figure,
    _says,
)
