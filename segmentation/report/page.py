"""The run as one page of HTML, in English and in French, that needs nothing but itself."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from segmentation.report.cards import RULES_SHOWN, cards
from segmentation.report.facts import Facts
from segmentation.report.pictures import FOR_ANALYSTS, FOR_MARKETERS, PICTURES, Picture
from segmentation.report.pictures.template import TEMPLATES
from segmentation.report.summary import particulars, summary, trust
from segmentation.report.words import WORDS, said_day, typeset
from segmentation.words import LANGUAGES

_MAP_STYLES = re.compile(r'getElementById\("([0-9a-f]{64})"\)')
"""How plotly.js asks whether the styles of its maps are there; it writes them into the page if not."""


def report(facts: Facts) -> str:
    """Return the report of a run: its personas, its pictures, and how far to trust them."""
    figures = {name: picture.figure(facts, language).to_dict() for name, language, picture in _drawn()}
    for figure in figures.values():
        del figure["layout"]["template"]  # the page has it once, for its reader's colour scheme
    layouts = {name: figure["layout"] for name, figure in figures.items()}
    plotly = get_plotlyjs()
    page = _templates().get_template("page.html")
    return page.render(
        as_of=facts.as_of,
        words=WORDS,
        articles={language: _article(facts, language, layouts) for language in LANGUAGES},
        personas=facts.personas,
        data={name: _json(data) for name, data in {**figures, "templates": TEMPLATES}.items()},
        style=_asset("report.css"),
        script=_asset("report.js"),
        plotly=Markup(plotly),  # noqa: S704 (the library's own)
        plotly_styles=["plotly.js-style-global", *_MAP_STYLES.findall(plotly)],
    )


def _drawn() -> list[tuple[str, str, Picture]]:
    return [(f"{language}-{picture.name}", language, picture) for language in LANGUAGES for picture in PICTURES]


def _article(facts: Facts, language: str, layouts: Mapping[str, Any]) -> Markup:
    said = WORDS[language]
    html = (
        _templates()
        .get_template("article.html")
        .render(
            language=language,
            said=said,
            title=said["title"].format(said_day(facts.as_of, language)),
            summary=summary(facts, language),
            cards=cards(facts.personas, language),
            rules_shown=RULES_SHOWN,
            pictures=_told(FOR_MARKETERS, facts, language),
            analysis=_told(FOR_ANALYSTS, facts, language),
            layouts=layouts,
            trust=trust(facts, language),
            particulars=particulars(facts, language),
        )
    )
    return Markup(typeset(html, language))  # noqa: S704 (escaped by the template)


def _told(pictures: Sequence[Picture], facts: Facts, language: str) -> list[tuple[str, str, str]]:
    return [(picture.name, picture.title[language], picture.says(facts, language)) for picture in pictures]


def _json(data: Any) -> Markup:
    """Return data as JSON that may stand within a page: it escapes what could end a script."""
    return Markup(to_json_plotly(data, engine="json"))  # noqa: S704


def _asset(name: str) -> Markup:
    text = files("segmentation.report").joinpath("assets", name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("segmentation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
