"""What every picture of the report has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import plotly.graph_objects as go

from segmentation.report.facts import Facts


@dataclass(frozen=True)
class Picture:
    """A picture and the one sentence that says what to see in it, both drawn from the figures of the run.

    `name` is also its file's name; `title` is by language; `figure` and `says` take the language.
    """

    name: str
    title: Mapping[str, str]
    figure: Callable[[Facts, str], go.Figure]
    says: Callable[[Facts, str], str]
