"""The report of a run: its facts, the pictures drawn from them, and the page that shows both."""

from segmentation.report.facts import Facts, facts_of
from segmentation.report.page import report

__all__ = ["Facts", "facts_of", "report"]
