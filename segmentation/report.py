"""The run as one page of HTML that needs nothing but itself."""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from typing import Any

from segmentation.closing import CAPTION, HEADINGS, row

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100% } th, td { padding: .4rem .6rem; border-bottom: 1px solid #ddd }
th:not(:first-child), td:not(:first-child) { text-align: right } section { margin: 1.5rem 0 } small { color: #555 }
"""


def report(as_of: date, personas: Sequence[dict[str, Any]], metrics: Mapping[str, Any]) -> str:
    """Return the report of a run: its personas, their rules, and how far to trust them."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>Customer personas, {as_of}</title><style>{STYLE}</style>"
        f"<h1>Customer personas as of {as_of}</h1>{_table(personas)}"
        f"{''.join(_persona(persona) for persona in personas)}{_trust(metrics)}</html>\n"
    )


def _table(personas: Sequence[dict[str, Any]]) -> str:
    head = "".join(f"<th>{heading}</th>" for heading in HEADINGS["en"])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row(persona, "en")) + "</tr>" for persona in personas
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p><small>{CAPTION['en']}</small></p>"


def _persona(persona: dict[str, Any]) -> str:
    rules = "".join(f"<li>{escape(rule)}</li>" for rule in persona["rules"]["en"])
    return (
        f"<section><h2>{persona['emoji']} {escape(persona['label']['en'])}</h2>"
        f"<p>{escape(persona['traits']['en'])}. {escape(persona['advice']['en'])}</p>"
        f"<p>A client is one with</p><ul>{rules}</ul></section>"
    )


def _trust(metrics: Mapping[str, Any]) -> str:
    held_out, chosen = metrics["held_out"], metrics["silhouette"]
    return (
        "<section><h2>How far to trust this</h2>"
        f"<p>On {held_out['clients']:,} clients kept aside, the rules name the persona of the client's cluster in "
        f"{held_out['accuracy']:.1%} of cases; naming the largest persona every time would be right in "
        f"{held_out['baseline']['accuracy']:.1%}. {escape(chosen['note'])}</p></section>"
    )
