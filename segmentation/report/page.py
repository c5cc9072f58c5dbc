"""The run as one page of HTML, in English and in French, that needs nothing but itself."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from typing import Any

from segmentation.charts import CLIENTS_COLOUR, REVENUE_COLOUR, share_bars, silhouette_line
from segmentation.closing import CAPTION, HEADINGS, row
from segmentation.words import LANGUAGES, REPORT, number, percent

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222;
  background: #fff } .scroll { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { padding: .4rem .6rem; border-bottom: 1px solid #ddd; text-align: right; vertical-align: bottom }
th:first-child, td:first-child { text-align: left } td { white-space: nowrap } section { margin: 1.5rem 0 }
small, dt { color: #555 } svg { display: block; width: 100%; max-width: 45rem; font-size: 14px }
dl { display: grid; grid-template-columns: max-content auto; gap: .2rem 1rem } dd { margin: 0 }
article + article { border-top: 3px solid #222; margin-top: 3rem }
"""
GAPS_NAMED = 5


def report(as_of: date, personas: Sequence[dict[str, Any]], metrics: Mapping[str, Any]) -> str:
    """Return the report of a run: its personas, their rules, and how far to trust them."""
    articles = "".join(_article(as_of, personas, metrics, language) for language in LANGUAGES)
    links = " · ".join(f'<a href="#{name}" lang="{name}">{REPORT[name]["language"]}</a>' for name in LANGUAGES)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Customer personas, {as_of}</title><style>{STYLE}</style></head>"
        f"<body><nav>{links}</nav>{articles}</body></html>\n"
    )


def _article(as_of: date, personas: Sequence[dict[str, Any]], metrics: Mapping[str, Any], language: str) -> str:
    said = REPORT[language]
    parts = (
        f"<h1>{escape(said['title'].format(as_of=as_of))}</h1>",
        _table(personas, language),
        _section(said["shares"], _legend(said) + share_bars(personas, language, said["shares"])),
        *(_persona(persona, language) for persona in personas),
        _section(said["trust"], _trust(metrics, language)),
        _section(said["curve"], f"<p>{escape(said['curve_note'])}</p>" + _curve(metrics, language)),
        _section(said["facts"], _facts(as_of, metrics, language)),
    )
    inner = "".join(parts)
    if language == "fr":
        inner = re.sub("(?<=«) | (?=[:;»])", "\N{NO-BREAK SPACE}", inner)
    return f'<article id="{language}" lang="{language}">{inner}</article>'


def _section(heading: str, inner: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{inner}</section>"


def _table(personas: Sequence[dict[str, Any]], language: str) -> str:
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in HEADINGS[language])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row(persona, language)) + "</tr>"
        for persona in personas
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div><p><small>{escape(CAPTION[language])}</small></p>'


def _legend(said: Mapping[str, str]) -> str:
    colours = {"of_clients": CLIENTS_COLOUR, "of_revenue": REVENUE_COLOUR}
    keys = (f'<span style="color:{colour}">■</span> {escape(said[key])}' for key, colour in colours.items())
    return f"<p>{' &nbsp; '.join(keys)}</p>"


def _persona(persona: dict[str, Any], language: str) -> str:
    said, label, rules = REPORT[language], persona["label"][language], persona["rules"][language]
    opening = said["rule" if len(rules) == 1 else "rules"].format(
        persona=label, article="an" if label[:1] in "AEIOU" else "a"
    )
    traits, advice = persona["traits"][language].capitalize(), persona["advice"][language]
    about = f"{traits}. {advice} {_favourites(persona['profile'], said)}"
    listed = "".join(f"<li>{escape(rule)}</li>" for rule in rules)
    inner = f"<p>{escape(about.strip())}</p><p>{escape(opening)}</p><ul>{listed}</ul>"
    return _section(f"{persona['emoji']} {label}", inner)


def _favourites(profile: Mapping[str, Any], said: Mapping[str, str]) -> str:
    known = [
        said[key].format(profile[key]) for key in ("top_preferred_brand", "top_preferred_category") if profile[key]
    ]
    return said["favourites"].format(", ".join(known)) if known else ""


def _trust(metrics: Mapping[str, Any], language: str) -> str:
    said, held_out, stability = REPORT[language], metrics["held_out"], metrics["stability"]["mean"]
    sentences = (
        said["repeats"].format(
            accuracy=percent(held_out["accuracy"], language),
            clients=number(held_out["clients"], language),
            baseline=percent(held_out["baseline"]["accuracy"], language),
        ),
        said["not_campaigns"],
        _groups(metrics["silhouette"], language),
        said["stable" if stability >= 0.8 else "unstable"].format(number(stability, language, 3)),
    )
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _groups(silhouette: Mapping[str, Any], language: str) -> str:
    means = {entry["k"]: number(entry["mean"], language, 2) for entry in silhouette["by_k"]}
    best, chosen = silhouette["best_k"], silhouette["chosen_k"]
    sentence = REPORT[language]["groups_best" if best == chosen else "groups_chosen"]
    return sentence.format(best=best, best_mean=means[best], chosen=chosen, chosen_mean=means[chosen])


def _curve(metrics: Mapping[str, Any], language: str) -> str:
    return silhouette_line(metrics["silhouette"], language, REPORT[language]["curve"])


def _facts(as_of: date, metrics: Mapping[str, Any], language: str) -> str:
    said = REPORT[language]
    facts = {said["as_of"]: as_of.isoformat(), said["clients"]: number(metrics["clients"], language)}
    if "events" in metrics:
        events = metrics["events"]
        facts[said["kept"]] = number(events["kept"], language)
        facts[said["rejected"]] = number(sum(events["rejected"].values()), language)
        facts[said["duplicates"]] = number(events["duplicates"], language)
        facts[said["gaps"]] = _gaps(events["suspected_gaps"], said)
    listed = (f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in facts.items())
    return f"<dl>{''.join(listed)}</dl>"


def _gaps(days: Sequence[str], said: Mapping[str, str]) -> str:
    if len(days) > GAPS_NAMED:
        return said["more_gaps"].format(", ".join(days[:GAPS_NAMED]), len(days) - GAPS_NAMED)
    return ", ".join(days) or said["no_gaps"]
