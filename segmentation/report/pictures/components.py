"""What tells clients apart: the principal components, how much each tells, and what each is made of."""

from itertools import accumulate
from typing import Any

import plotly.graph_objects as go

from contract.words import N_
from languages import Language
from segmentation.model.inputs import INPUT_NAMES
from segmentation.model.space import VARIANCE_KEPT
from segmentation.report.facts import Facts
from segmentation.report.pictures.labels import input_label
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import ACCENT, MUTED, figure, percent_ticks, small_print

_COMPONENT = N_("component")
_OWN = N_("own share")
_TOGETHER = N_("together with those before")
_LINE = N_("{} are enough")
_VARIANCE = (
    N_(
        "One combined measure (component) out of {all} explains {together} of the differences between "
        "clients, and it alone is used."
    ),
    N_(
        "{kept} combined measures (components) out of {all} explain {together} of the differences between "
        "clients, the first alone {first}; these are used."
    ),
)
_LOADINGS = (
    N_("The first component rests most on “{first}” ({loading})."),
    N_("The first component rests most on “{first}” ({loading}), the second on “{second}” ({other_loading})."),
)


def _variance_figure(facts: Facts, say: Language) -> go.Figure:
    pca = facts.metrics["pca"]
    explained, kept = pca["explained_variance"], pca["components_kept"]
    places = [str(place + 1) for place in range(len(explained))]
    together = list(accumulate(explained))
    hover = f"{say.gettext(_COMPONENT)} %{{x}}<br>%{{text}} (%{{fullData.name}})<extra></extra>"
    bars = go.Bar(
        name=say.gettext(_OWN),
        x=places,
        y=explained,
        text=[say.percent(share) for share in explained],
        textposition="none",
        marker={"color": [ACCENT if place < kept else MUTED for place in range(len(explained))]},
        hovertemplate=hover,
    )
    line = go.Scatter(
        name=say.gettext(_TOGETHER),
        x=places,
        y=together,
        text=[say.percent(share) for share in together],
        mode="lines+markers",
        line={"color": MUTED, "width": 2},
        marker={"size": 7},
        hovertemplate=hover,
    )
    drawn = figure(
        [bars, line],
        say,
        height=400,
        xaxis={"title": say.gettext(_COMPONENT), "type": "category", "showgrid": False},
        yaxis={"range": [0, 1.05], **percent_ticks(0, 1, say)},
    )
    enough = say.gettext(_LINE).format(say.percent(VARIANCE_KEPT, 0))
    drawn.add_hline(VARIANCE_KEPT, line={"dash": "dot", "width": 1.5})
    drawn.add_annotation(
        x=1, xref="paper", y=VARIANCE_KEPT, text=enough, showarrow=False, xanchor="right", yanchor="top"
    )
    return drawn


def _variance_says(facts: Facts, say: Language) -> str:
    pca = facts.metrics["pca"]
    explained, kept = pca["explained_variance"], pca["components_kept"]
    return say.gettext(_VARIANCE[kept > 1]).format(
        kept=kept,
        all=len(explained),
        together=say.percent(sum(explained[:kept])),
        first=say.percent(explained[0]),
    )


def _loadings_figure(facts: Facts, say: Language) -> go.Figure:
    loadings = facts.metrics["pca"]["loadings"]
    known = [name for name in INPUT_NAMES if name in loadings[0]]  # an older model looked at fewer
    names = [name for name in known if any(loading[name] for loading in loadings)]
    left_out = [input_label(name, say) for name in known if name not in names]
    values = [[loading[name] for loading in loadings] for name in names]
    table = go.Heatmap(
        x=[str(place + 1) for place in range(len(loadings))],
        y=[input_label(name, say) for name in names],
        z=values,
        zmid=0,
        zmin=-1,
        zmax=1,
        text=[[_signed(value, say) for value in row] for row in values],
        texttemplate="%{text}",
        hovertemplate=f"%{{y}}<br>{say.gettext(_COMPONENT)} %{{x}}: %{{text}}<extra></extra>",
        showscale=False,
        xgap=3,
        ygap=3,
    )
    return figure(
        [table],
        say,
        height=80 + 30 * len(names),
        xaxis={"title": say.gettext(_COMPONENT), "type": "category", "side": "top", "showgrid": False},
        yaxis={"autorange": "reversed", "showgrid": False},
        **small_print(left_out, say),
    )


def _loadings_says(facts: Facts, say: Language) -> str:
    first, *others = facts.metrics["pca"]["loadings"]
    said = dict(zip(("first", "loading"), _heaviest(first, say), strict=True))
    if others:
        said |= zip(("second", "other_loading"), _heaviest(others[0], say), strict=True)
    return say.gettext(_LOADINGS[bool(others)], **said)


def _heaviest(loading: Any, say: Language) -> tuple[str, str]:
    name = max(loading, key=lambda name: abs(loading[name]))
    return input_label(name, say), _signed(loading[name], say)


def _signed(value: float, say: Language) -> str:
    return say.number(value, 2).replace("-", "\N{MINUS SIGN}")


VARIANCE = Picture(
    "variance",
    N_("How many components describe the clients"),
    ("pca.explained_variance", "pca.components_kept"),
    _variance_figure,
    _variance_says,
)
LOADINGS = Picture(
    "loadings",
    N_("What these components are made of"),
    ("pca.loadings",),
    _loadings_figure,
    _loadings_says,
)
