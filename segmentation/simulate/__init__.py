"""A shop that never was, in the raw format, with known behaviours; see docs/simulator.md."""

from segmentation.simulate.cli import add_arguments, run
from segmentation.simulate.shop import Shop
from segmentation.simulate.simulation import Summary, simulate

__all__ = ["Shop", "Summary", "add_arguments", "run", "simulate"]
