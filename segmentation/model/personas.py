"""The seven personas as data; personas.toml is the one place where they are defined."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Persona:
    """A kind of customer: its name, its words in each language, what is claimed of it, and where its archetype lies.

    `colour` is `#rrggbb`; `alike` says of a figure that most of its clients have such a one. `claims` are names of
    `claims.CLAIMS`, and those in `advice_for` are what the advice rests on. `archetype` has a position from 0 to 1 on
    each of `contract.columns.AXES`.
    """

    name: str
    emoji: str
    colour: str
    label: dict[str, str]
    alike: dict[str, str]
    claims: tuple[str, ...]
    advice: dict[str, str]
    advice_for: tuple[str, ...]
    archetype: dict[str, float]


def _load() -> tuple[Persona, ...]:
    text = files("segmentation.model").joinpath("personas.toml").read_text(encoding="utf-8")
    return tuple(Persona(**entry) for entry in tomllib.loads(text)["persona"])


PERSONAS = _load()
PERSONA_NAMES = tuple(persona.name for persona in PERSONAS)
