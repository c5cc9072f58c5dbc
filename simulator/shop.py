"""The settings of a simulated shop."""

from dataclasses import dataclass
from typing import Literal, get_args

from contract.errors import WrongUsageError
from simulator.kinds import KINDS
from simulator.months import MONTH_NAMES, REAL_MONTHS

Format = Literal["csv.gz", "csv", "parquet"]
FORMATS: tuple[str, ...] = get_args(Format)
Population = Literal["planted", "living"]
POPULATIONS: tuple[str, ...] = get_args(Population)

VISITORS_PER_CLIENT = round((15_639_803 - 2_064_899) / 2_064_899, 3)
"""The real shop's users without a purchase for each one with."""

MOST_USERS = 2**31 - 1
"""User numbers are held in 32 bits."""


@dataclass(frozen=True)
class Shop:
    """A shop that never was; equal settings give equal events.

    `clients` users buy something in the seven months from 2019-10; `visitors_per_client` times as many
    never do. `browsing` multiplies the views; `overlap` from 0 to 1 blurs the planted behaviours into each
    other.
    Raises WrongUsageError for a setting out of its range.
    """

    clients: int
    seed: int = 0
    visitors_per_client: float = VISITORS_PER_CLIENT
    browsing: float = 1.0
    overlap: float = 0.15
    format: Format = "csv.gz"
    population: Population = "planted"
    kinds: int = len(KINDS)

    def __post_init__(self) -> None:
        allowed = {
            "clients": (self.clients >= 1, "1 or more"),
            "seed": (0 <= self.seed < 2**63, "from 0 to 2^63 - 1"),
            "visitors-per-client": (0 <= self.visitors_per_client <= 1000, "from 0 to 1000"),
            "browsing": (0 < self.browsing <= 20, "above 0 and at most 20"),
            "overlap": (0 <= self.overlap <= 1, "from 0 to 1"),
            "format": (self.format in FORMATS, f"one of {', '.join(FORMATS)}"),
            "kinds": (1 <= self.kinds <= len(KINDS), f"from 1 to {len(KINDS)}"),
            "population": (self.population in POPULATIONS, f"one of {', '.join(POPULATIONS)}"),
        }
        for name, (fine, words) in allowed.items():
            if not fine:
                value = getattr(self, name.replace("-", "_"))
                raise WrongUsageError(f"{name} must be {words}, not {value}.")
        if self.users > MOST_USERS:
            raise WrongUsageError(f"clients and visitors together must be at most {MOST_USERS:,}, not {self.users:,}.")

    @property
    def months(self) -> range:
        """Return the places of its months: those of the real files, or three more of a shop whose clients live."""
        return REAL_MONTHS if self.population == "planted" else range(len(MONTH_NAMES))

    @property
    def users(self) -> int:
        """Return the number of users, with and without a purchase."""
        return self.clients + round(self.clients * self.visitors_per_client)
