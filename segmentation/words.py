"""Numbers and bounds as people write them, and what the report says, in English and in French."""

from segmentation.columns import Column

LANGUAGES = ("en", "fr")

_AT_MOST = {"en": "at most {}", "fr": "au plus {}"}
_AT_LEAST = {"en": "at least {}", "fr": "au moins {}"}
_ABOVE = {"en": "more than {}", "fr": "plus de {}"}
_BETWEEN = {"en": "{} to {}", "fr": "{} à {}"}


def number(value: float, language: str, decimals: int = 0) -> str:
    """Write a number with the language's separators: 1,234.50 or 1 234,50."""
    text = f"{value:,.{decimals}f}"
    if language == "fr":
        # The thin space does not break, so that a number stays on one line.
        text = text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace(".", ",")
    return text


def percent(share: float, language: str) -> str:
    """Write a share of 1 in percent: 12.5 %, or 12,5 % with a space that does not break."""
    space = "\N{NO-BREAK SPACE}" if language == "fr" else " "
    return f"{number(100 * share, language, 1)}{space}%"


def bounds(column: Column, above: float | None, at_most: float | None, language: str) -> str:
    """Say the values of a column with `above` < value ≤ `at_most`; either may be missing."""
    if column.words is None:
        raise ValueError(f"{column.name} has no words")
    if at_most == 0 and column.none:
        return column.none[language]
    decimals = 2 if column.kind == "money" else 0
    low, high = above, at_most
    if low is not None and decimals == 0:
        low += 1  # the next whole number
    if low is not None and high is not None:
        if low == high:
            said = number(low, language)
        else:
            said = _BETWEEN[language].format(number(low, language, decimals), number(high, language, decimals))
    elif high is not None:
        said = _AT_MOST[language].format(number(high, language, decimals))
    else:
        phrase = _ABOVE if decimals else _AT_LEAST
        said = phrase[language].format(number(low or 0.0, language, decimals))
    singular = high == 1 or (high is None and low == 1)
    phrases = column.one if column.one and singular and not decimals else column.words
    return phrases[language].format(value=said)


REPORT = {
    "en": {
        "language": "English",
        "title": "Customer personas as of {as_of}",
        "shares": "Share of clients and share of revenue",
        "of_clients": "share of clients",
        "of_revenue": "share of revenue",
        "rule": "A client is {article} {persona} if this holds:",
        "rules": "A client is {article} {persona} if any of these holds:",
        "favourites": "Most frequent {}.",
        "top_preferred_brand": "brand: {}",
        "top_preferred_category": "category: {}",
        "trust": "How far to trust this",
        "repeats": "The rules repeat the statistical grouping for {accuracy} of {clients} clients that they had not "
        "seen (naming the largest group every time: {baseline}).",
        "not_campaigns": "This does not measure whether a campaign works.",
        "groups_best": "The clients fall most naturally into {best} groups (separation {best_mean} of 1), and "
        "Menagerie uses these.",
        "groups_chosen": "The clients fall most naturally into {best} groups (separation {best_mean} of 1); "
        "Menagerie uses {chosen} ({chosen_mean}), the best number that leaves a group for each of the seven personas.",
        "stable": "Grouping other samples of the same clients gives nearly the same groups (agreement {} of 1).",
        "unstable": "Grouping other samples of the same clients gives rather different groups (agreement {} of 1): "
        "take the borders between personas with care.",
        "curve": "How well the clients separate, by number of groups",
        "curve_note": "1 is perfect separation, 0 none; bars are standard errors; the large dot is the number used.",
        "facts": "Facts of the run",
        "as_of": "As-of date",
        "clients": "Clients",
        "kept": "Events kept",
        "rejected": "Rows rejected",
        "duplicates": "Duplicates dropped",
        "gaps": "Days with suspiciously few events",
        "more_gaps": "{} and {} more",
        "no_gaps": "none",
    },
    "fr": {
        "language": "Français",
        "title": "Personas clients au {as_of}",
        "shares": "Part des clients et part du chiffre d’affaires",
        "of_clients": "part des clients",
        "of_revenue": "part du chiffre d’affaires",
        "rule": "Un client est « {persona} » si cette condition est remplie :",
        "rules": "Un client est « {persona} » si l’une de ces conditions est remplie :",
        "favourites": "Le plus souvent, {}.",
        "top_preferred_brand": "marque : {}",
        "top_preferred_category": "catégorie : {}",
        "trust": "Jusqu’où s’y fier",
        "repeats": "Les règles reproduisent le regroupement statistique pour {accuracy} de {clients} clients qu’elles "
        "n’avaient pas vus (en nommant toujours le plus grand groupe : {baseline}).",
        "not_campaigns": "Cela ne mesure pas si une campagne est efficace.",
        "groups_best": "Les clients se répartissent le plus naturellement en {best} groupes (séparation de {best_mean} "
        "sur 1), et ce sont ceux que Menagerie utilise.",
        "groups_chosen": "Les clients se répartissent le plus naturellement en {best} groupes (séparation de "
        "{best_mean} sur 1) ; Menagerie en utilise {chosen} ({chosen_mean}), le meilleur nombre qui laisse un groupe "
        "à chacun des sept personas.",
        "stable": "Regrouper d’autres échantillons des mêmes clients donne presque les mêmes groupes (accord de {} "
        "sur 1).",
        "unstable": "Regrouper d’autres échantillons des mêmes clients donne des groupes assez différents (accord de "
        "{} sur 1) : les frontières entre personas sont à prendre avec prudence.",
        "curve": "Séparation des clients selon le nombre de groupes",
        "curve_note": "1 : séparation parfaite, 0 : aucune ; les barres sont des erreurs types ; le gros point est le "
        "nombre utilisé.",
        "facts": "Données du calcul",
        "as_of": "Date de référence",
        "clients": "Clients",
        "kept": "Événements retenus",
        "rejected": "Lignes rejetées",
        "duplicates": "Doublons écartés",
        "gaps": "Jours avec étonnamment peu d’événements",
        "more_gaps": "{} et {} autres",
        "no_gaps": "aucun",
    },
}
"""The sentences of the report, by language."""
