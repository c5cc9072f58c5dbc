"""The run as one page of HTML, in every language, that needs nothing but itself."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from languages import LANGUAGES, Language, language
from segmentation.report import quality
from segmentation.report.cards import RULES_SHOWN, cards
from segmentation.report.facts import Facts
from segmentation.report.looked_back import HEADINGS, cells, sentences
from segmentation.report.pictures import FOR_ANALYSTS, FOR_MARKETERS, PICTURES, Picture
from segmentation.report.pictures.labels import persona_label
from segmentation.report.pictures.template import TEMPLATES
from segmentation.report.summary import particulars, summary, trust

_MAP_STYLES = re.compile(r'getElementById\("([0-9a-f]{64})"\)')
"""How plotly.js asks whether the styles of its maps are there; it writes them into the page if not."""


def report(facts: Facts) -> str:
    """Return the report of a run: its personas, its pictures, and how far to trust them."""
    figures = {name: picture.figure(facts, say).to_dict() for name, say, picture in _drawn(facts)}
    for figure in figures.values():
        del figure["layout"]["template"]  # the page has one for each colour scheme
    layouts = {name: figure["layout"] for name, figure in figures.items()}
    plotly = get_plotlyjs()
    page = _templates().get_template("page.html")
    return page.render(
        as_of=facts.as_of,
        languages=_languages(),
        label=" · ".join(say.gettext("Language") for say in _languages()),
        articles=[_article(facts, say, layouts) for say in _languages()],
        personas=facts.personas,
        data={name: _json(data) for name, data in {**figures, "templates": TEMPLATES}.items()},
        style=_asset("report.css"),
        script=_asset("report.js"),
        plotly=Markup(plotly),  # noqa: S704 (the library's own)
        plotly_styles=["plotly.js-style-global", *_MAP_STYLES.findall(plotly)],
    )


def _languages() -> list[Language]:
    return [language(code) for code in LANGUAGES]


def _drawn(facts: Facts) -> list[tuple[str, Language, Picture]]:
    drawn = [picture for picture in PICTURES if facts.has(*picture.needs)]
    return [(f"{say.code}-{picture.name}", say, picture) for say in _languages() for picture in drawn]


def _article(facts: Facts, say: Language, layouts: Mapping[str, Any]) -> Markup:
    html = (
        _templates()
        .get_template("article.html")
        .render(
            _=say.gettext,
            language=say.code,
            title=say.gettext("Customer personas as of {day}", day=say.day(facts.as_of)),
            summary=summary(facts, say),
            cards=cards(facts.personas, say),
            rules_shown=RULES_SHOWN,
            looked_back=_looked_back(facts, say),
            pictures=_told(FOR_MARKETERS, facts, say),
            analysis=_told(FOR_ANALYSTS, facts, say),
            layouts=layouts,
            drawn=len(layouts) // len(LANGUAGES),
            trust=trust(facts, say),
            particulars=particulars(facts, say),
            about_the_data=quality.about_the_data(facts, say),
            columns={
                "headings": [say.gettext(heading) for heading in quality.HEADINGS],
                "rows": quality.table(facts, say),
            },
        )
    )
    return Markup(html)  # noqa: S704 (escaped by the template)


def _looked_back(facts: Facts, say: Language) -> dict[str, Any] | None:
    """Return what the personas told of months that are over, if the events went back so far."""
    if not facts.has("backtest.personas"):
        return None
    found = facts.metrics["backtest"]
    named = [(persona, found["personas"].get(persona["name"])) for persona in facts.personas]
    return {
        "sentences": sentences(found, say),
        "headings": [say.gettext(heading) for heading in HEADINGS],
        "rows": [(persona_label(persona, say), *cells(its, say)) for persona, its in named if its],
    }


def _told(pictures: Sequence[Picture], facts: Facts, say: Language) -> list[tuple[str, str, str]]:
    drawn = [picture for picture in pictures if facts.has(*picture.needs)]
    return [(picture.name, say.gettext(picture.title), picture.says(facts, say)) for picture in drawn]


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
