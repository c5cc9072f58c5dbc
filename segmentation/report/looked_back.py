"""What personas told of the month after, in words and in the cells of a table."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from contract.words import N_
from languages import Language

HEADINGS = (
    N_("Persona"),
    N_("Clients"),
    N_("Bought within a month"),
    N_("Spent, per client"),
    N_("Share of revenue"),
)


def cells(its: Mapping[str, Any], say: Language) -> tuple[str, ...]:
    """Return a persona's cells under `HEADINGS`, but its name."""
    return (
        say.number(its["clients"]),
        _with_interval(its["bought"], its["bought_interval"], say.percent, say),
        _with_interval(its["spent"], its["spent_interval"], say.number, say),
        say.percent(its["revenue_share"]),
    )


def _with_interval(value: float, interval: Sequence[float], written: Callable[[float], str], say: Language) -> str:
    return say.gettext(
        "{value} ({low} to {high})", value=written(value), low=written(interval[0]), high=written(interval[1])
    )


def sentences(found: Mapping[str, Any], say: Language) -> list[str]:
    """Say of which dates the table is, and how well personas told who would buy."""
    dates = [say.day(date.fromisoformat(told["as_of"])) for told in found["dates"]]
    said = [
        say.gettext(
            "Personas as of {dates}, and what their clients bought in the month after each; intervals of 95 %.",
            dates=say.listed(dates),
        )
    ]
    if "persona" in found["auc"]:
        said.append(
            say.gettext(
                "Who would buy is told by the persona with an AUC of {persona}, by a sum of RFM quintiles of {rfm}.",
                persona=say.number(found["auc"]["persona"], 3),
                rfm=say.number(found["auc"]["rfm"], 3),
            )
        )
    return said
