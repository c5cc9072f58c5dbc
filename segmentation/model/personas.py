"""The seven personas as data; personas.toml is the one place where they are defined."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Persona:
    """A kind of customer: its name, its words in each language, and where its archetype lies.

    `colour` is `#rrggbb`; `archetype` has a position from 0 to 1 on each of `contract.columns.AXES`.
    """

    name: str
    emoji: str
    colour: str
    label: dict[str, str]
    traits: dict[str, str]
    advice: dict[str, str]
    archetype: dict[str, float]


def _load() -> tuple[Persona, ...]:
    text = files("segmentation.model").joinpath("personas.toml").read_text(encoding="utf-8")
    return tuple(Persona(**entry) for entry in tomllib.loads(text)["persona"])


PERSONAS = _load()
PERSONA_NAMES = tuple(persona.name for persona in PERSONAS)
