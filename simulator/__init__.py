"""A simulated shop, in the raw format, with known behaviours; see docs/simulator.md."""

from simulator.shop import Shop
from simulator.simulation import Summary, simulate

__all__ = ["Shop", "Summary", "simulate"]
