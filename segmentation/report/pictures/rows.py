"""What became of the rows read: those that are no events, by reason."""

from textwrap import wrap

import plotly.graph_objects as go

from segmentation.report.facts import Facts
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.template import ACCENT, MUTED, ROOM_FOR_FIGURES, figure
from segmentation.report.words import typeset
from segmentation.words import number, percent

_REASONS = {
    "wrong number of fields": "mauvais nombre de champs",
    "unreadable bytes": "octets illisibles",
    "event_time is not a time": "event_time n’est pas une date",
    "event_type is unknown": "event_type inconnu",
    "user_id is missing or no integer": "user_id absent ou non entier",
    "product_id is missing or no integer": "product_id absent ou non entier",
    "price is negative": "prix négatif",
    "price is missing or no finite number": "prix absent ou non numérique",
}
"""The reasons that ingesting gives, in French."""
_DUPLICATES = {"en": "exact duplicate", "fr": "doublon exact"}
_SAYS = {
    "en": "Of {read} rows in the files {kept} are events, of any date ({share}); {duplicates} and {rejected} were left "
    "out.",
    "fr": "Sur {read} lignes dans les fichiers, {kept} sont des événements, toutes dates confondues ({share}) ; "
    "{duplicates} et {rejected} ont été écartés.",
}
_COUNTED = {
    "en": (("{} exact duplicate", "{} exact duplicates"), ("{} faulty row", "{} faulty rows")),
    "fr": (("{} doublon exact", "{} doublons exacts"), ("{} ligne fautive", "{} lignes fautives")),
}


def _figure(facts: Facts, language: str) -> go.Figure:
    events = facts.metrics["events"]
    rejected = sorted(events["rejected"].items(), key=lambda reason: -reason[1])
    names = [_DUPLICATES[language], *("<br>".join(wrap(_reason(reason, language), _LINE)) for reason, _ in rejected)]
    counts = [events["duplicates"], *(count for _, count in rejected)]
    bars = go.Bar(
        y=names,
        x=counts,
        orientation="h",
        text=[number(count, language) for count in counts],
        textposition="outside",
        cliponaxis=False,
        marker={"color": [MUTED, *(ACCENT for _ in rejected)]},
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    return figure(
        [bars],
        language,
        margin=ROOM_FOR_FIGURES,
        height=30 + 48 * len(names),
        xaxis={"visible": False, "range": [0, max(*counts, 1)]},
        yaxis={"autorange": "reversed", "showgrid": False},
    )


_LINE = 22
"""In letters: on a phone there is still room for the bars."""


def _reason(reason: str, language: str) -> str:
    return _REASONS.get(reason, reason) if language == "fr" else reason


def _says(facts: Facts, language: str) -> str:
    events = facts.metrics["events"]
    duplicates, rejected = (
        phrases[count > 1 or (count == 0 and language == "en")].format(number(count, language))
        for phrases, count in zip(
            _COUNTED[language], (events["duplicates"], sum(events["rejected"].values())), strict=True
        )
    )
    sentence = _SAYS[language].format(
        read=number(events["rows_read"], language),
        kept=number(events["kept"], language),
        share=percent(events["kept"] / events["rows_read"], language),
        duplicates=duplicates,
        rejected=rejected,
    )
    return typeset(sentence, language)


ROWS = Picture(
    "rows",
    {"en": "Rows left out, and why", "fr": "Les lignes écartées, et pourquoi"},
    _figure,
    _says,
)
