"""A figure beside its bar."""


def at_most(name: str, figure: float, bar: float, unit: str = "") -> bool:
    """Print the figure, and return whether it is no more than its bar."""
    return _judge(name, figure, f"at most {bar:,.10g}", unit, figure <= bar)


def at_least(name: str, figure: float, bar: float, unit: str = "") -> bool:
    """Print the figure, and return whether it is no less than its bar."""
    return _judge(name, figure, f"at least {bar:,.10g}", unit, figure >= bar)


def _judge(name: str, figure: float, bar: str, unit: str, good: bool) -> bool:
    said = f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.3f}".rstrip("0").rstrip(".")
    print(f"{name}: {said}{unit} ({bar}){'' if good else '  FELL SHORT'}", flush=True)
    return good
