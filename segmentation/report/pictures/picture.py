"""What every picture of the report has."""

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from languages import Language
from segmentation.report.facts import Facts


@dataclass(frozen=True)
class Picture:
    """A picture and the one sentence that says what to see in it, both drawn from the figures of the run.

    `name` is also its file's name; `title` is a text of the catalogues.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    """Paths in metrics.json; where a snapshot lacks one, the picture is left out of its report."""
    figure: Callable[[Facts, Language], go.Figure]
    says: Callable[[Facts, Language], str]
