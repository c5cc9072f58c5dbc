"""What tells clients apart: the principal components, how much each tells, and what each is made of."""

from itertools import accumulate
from typing import Any

import plotly.graph_objects as go

from segmentation.model.inputs import INPUT_NAMES
from segmentation.model.space import VARIANCE_KEPT
from segmentation.report.facts import Facts
from segmentation.report.pictures.labels import INPUTS
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import ACCENT, MUTED, figure, percent_ticks, small_print
from segmentation.report.words import typeset
from segmentation.words import number, percent

_COMPONENT = {"en": "component", "fr": "composante"}
_OWN = {"en": "own share", "fr": "part propre"}
_TOGETHER = {"en": "together with those before", "fr": "avec les précédentes"}
_LINE = {"en": "{} are enough", "fr": "{} suffisent"}
_VARIANCE = {
    "en": (
        "One combined measure (component) out of {all} explains {together} of the differences between clients, and it "
        "alone is used.",
        "{kept} combined measures (components) out of {all} explain {together} of the differences between clients, the "
        "first alone {first}; these are used.",
    ),
    "fr": (
        "Une seule mesure combinée (composante) sur {all} explique {together} des différences entre clients, et elle "
        "seule est utilisée.",
        "{kept} mesures combinées (composantes) sur {all} expliquent {together} des différences entre clients, la "
        "première à elle seule {first} ; ce sont elles qui sont utilisées.",
    ),
}
_LOADINGS = {
    "en": "The first component rests most on “{}” ({}){}.",
    "fr": "La première composante repose surtout sur « {} » ({}){}.",
}
_SECOND = {"en": ", the second on “{}” ({})", "fr": ", la deuxième sur « {} » ({})"}


def _variance_figure(facts: Facts, language: str) -> go.Figure:
    pca = facts.metrics["pca"]
    explained, kept = pca["explained_variance"], pca["components_kept"]
    places = [str(place + 1) for place in range(len(explained))]
    together = list(accumulate(explained))
    hover = f"{_COMPONENT[language]} %{{x}}<br>%{{text}} (%{{fullData.name}})<extra></extra>"
    bars = go.Bar(
        name=_OWN[language],
        x=places,
        y=explained,
        text=[percent(share, language) for share in explained],
        textposition="none",
        marker={"color": [ACCENT if place < kept else MUTED for place in range(len(explained))]},
        hovertemplate=hover,
    )
    line = go.Scatter(
        name=_TOGETHER[language],
        x=places,
        y=together,
        text=[percent(share, language) for share in together],
        mode="lines+markers",
        line={"color": MUTED, "width": 2},
        marker={"size": 7},
        hovertemplate=hover,
    )
    drawn = figure(
        [bars, line],
        language,
        height=400,
        xaxis={"title": _COMPONENT[language], "type": "category", "showgrid": False},
        yaxis={"range": [0, 1.05], **percent_ticks(0, 1, language)},
    )
    enough = _LINE[language].format(percent(VARIANCE_KEPT, language, 0))
    drawn.add_hline(VARIANCE_KEPT, line={"dash": "dot", "width": 1.5})
    drawn.add_annotation(
        x=1, xref="paper", y=VARIANCE_KEPT, text=enough, showarrow=False, xanchor="right", yanchor="top"
    )
    return drawn


def _variance_says(facts: Facts, language: str) -> str:
    pca = facts.metrics["pca"]
    explained, kept = pca["explained_variance"], pca["components_kept"]
    sentence = _VARIANCE[language][kept > 1].format(
        kept=kept,
        all=len(explained),
        together=percent(sum(explained[:kept]), language),
        first=percent(explained[0], language),
    )
    return typeset(sentence, language)


def _loadings_figure(facts: Facts, language: str) -> go.Figure:
    loadings = facts.metrics["pca"]["loadings"]
    names = [name for name in INPUT_NAMES if any(loading[name] for loading in loadings)]
    left_out = [INPUTS[name][language] for name in INPUT_NAMES if name not in names]
    values = [[loading[name] for loading in loadings] for name in names]
    table = go.Heatmap(
        x=[str(place + 1) for place in range(len(loadings))],
        y=[INPUTS[name][language] for name in names],
        z=values,
        zmid=0,
        zmin=-1,
        zmax=1,
        text=[[_signed(value, language) for value in row] for row in values],
        texttemplate="%{text}",
        hovertemplate=f"%{{y}}<br>{_COMPONENT[language]} %{{x}}: %{{text}}<extra></extra>",
        showscale=False,
        xgap=3,
        ygap=3,
    )
    return figure(
        [table],
        language,
        height=80 + 30 * len(names),
        xaxis={"title": _COMPONENT[language], "type": "category", "side": "top", "showgrid": False},
        yaxis={"autorange": "reversed", "showgrid": False},
        **small_print(left_out, language),
    )


def _loadings_says(facts: Facts, language: str) -> str:
    first, *others = facts.metrics["pca"]["loadings"]
    second = _SECOND[language].format(*_heaviest(others[0], language)) if others else ""
    return typeset(_LOADINGS[language].format(*_heaviest(first, language), second), language)


def _heaviest(loading: Any, language: str) -> tuple[str, str]:
    name = max(loading, key=lambda name: abs(loading[name]))
    return INPUTS[name][language], _signed(loading[name], language)


def _signed(value: float, language: str) -> str:
    return number(value, language, 2).replace("-", "\N{MINUS SIGN}")


VARIANCE = Picture(
    "variance",
    {"en": "How many components describe the clients", "fr": "Combien de composantes décrivent les clients"},
    _variance_figure,
    _variance_says,
)
LOADINGS = Picture(
    "loadings",
    {"en": "What these components are made of", "fr": "De quoi ces composantes sont faites"},
    _loadings_figure,
    _loadings_says,
)
