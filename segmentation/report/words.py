"""What the report says beside its pictures, by language."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from segmentation.words import number

Words = dict[str, Any]

WORDS: dict[str, Words] = {
    "en": {
        "language": "English",
        "title": "Customer personas as of {}",
        "day": "{day} {month} {year}",
        "months": "January February March April May June July August September October November December",
        "home": "Customers",
        "contents": "On this page",
        "personas": "The seven personas",
        "pictures": "The personas in pictures",
        "analysts": "For analysts",
        "trust": "How far to trust this",
        "facts": "About this analysis",
        "no_script": "The {} pictures need JavaScript, which is off here; what each shows is said below its title.",
        "no_webgl": "This browser cannot draw in three dimensions (it has no WebGL), so this picture is missing.",
        "bought": "In the 7 months to {day}, {clients} clients bought for {revenue} in all.",
        "late": "There are events only from {first} on, so that these 7 months are not full.",
        "typical": "The client in the middle bought {items} for {value}, the last time {days} days ago.",
        "items": ("{} item", "{} items"),
        "most_revenue": "{label} brings the most: {revenue} of the revenue from {clients} of the clients.",
        "most_clients": "The most frequent persona is {label}: {clients} of the clients with {revenue} of the revenue.",
        "most_of_both": "{label} is both the most frequent persona and the one that brings the most: {clients} of the "
        "clients with {revenue} of the revenue.",
        "of_clients": "of the clients ({})",
        "of_revenue": "of the revenue",
        "tiles": (
            ("days_since_last_purchase", "day since the last purchase", "days since the last purchase"),
            ("count_products_7m", "item bought in 7 months", "items bought in 7 months"),
            ("total_purchase_value", "spent in 7 months", "spent in 7 months"),
        ),
        "half": "half of them: {}",
        "brands": "Favourite brands",
        "categories": "Favourite categories",
        "unknown": "none known",
        "active": "When active",
        "strong": "mostly {time} ({share})",
        "rather": "more often {time} ({share}) than {other} ({other_share})",
        "semicolon": "; ",
        "flat_time": "no time of day stands out (at most {share}, {time})",
        "flat_day": "no day stands out (at most {share}, {time})",
        "times": {
            "morning": "in the morning",
            "afternoon": "in the afternoon",
            "evening": "in the evening",
            "night": "at night",
        },
        "days": {
            "monday": "on Mondays",
            "tuesday": "on Tuesdays",
            "wednesday": "on Wednesdays",
            "thursday": "on Thursdays",
            "friday": "on Fridays",
            "saturday": "on Saturdays",
            "sunday": "on Sundays",
        },
        "advice": "What to do",
        "rule": "What makes a client {article} {persona}:",
        "or": "or",
        "and": " and ",
        "more_rules": ("{} more case", "{} more cases"),
        "repeats": "Of {clients} clients kept aside for a test, the rules give {accuracy} the persona of their "
        "statistical group (against {baseline} if they always named the largest group); that does not tell how well a "
        "campaign works.",
        "hardest": "The hardest to recognise is {label}: the rules find {recall} of its clients, and are right in "
        "{precision} of the cases in which they name it.",
        "stable": "Grouping {count} other samples of the same clients gives nearly the same groups (agreement {mean} "
        "of 1).",
        "unstable": "Grouping {count} other samples of the same clients gives rather different groups (agreement "
        "{mean} of 1): take the borders between personas with care.",
        "agreement": "Of all clients, {} get the persona of their statistical group; for the others the rules decide.",
        "as_of": "Last day counted",
        "clients": "Clients",
        "sample": "Clients drawn by lot to find the groups and the rules",
        "rows": "Rows in the files",
        "kept": "Events in these rows, of any date",
        "duplicates": "Exact duplicates dropped",
        "rejected": "Rows rejected",
        "none": "none",
        "gaps": "Days with suspiciously few events",
        "closed": "Weekdays with hardly any events",
        "more_gaps": "{} and {} more",
        "windows": "Periods counted back from it, in months",
        "timezone": "Time zone of hours and days",
        "seed": "Random seed",
        "groups": "Statistical groups",
        "leaves": "Rules that decide the persona",
        "currency": "Amounts are in the shop’s currency. The large figures are those of a persona’s client in the "
        "middle (median): half of its clients have more, half less. “Half of them” is the range of its middle half.",
    },
    "fr": {
        "language": "Français",
        "title": "Personas clients au {}",
        "day": "{day} {month} {year}",
        "months": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "home": "Clients",
        "contents": "Sur cette page",
        "personas": "Les sept personas",
        "pictures": "Les personas en images",
        "analysts": "Pour les analystes",
        "trust": "Peut-on s’y fier ?",
        "facts": "À propos de cette analyse",
        "no_script": "Les {} graphiques ont besoin de JavaScript, désactivé ici ; ce que montre chacun est écrit sous "
        "son titre.",
        "no_webgl": "Ce navigateur ne sait pas dessiner en trois dimensions (il n’a pas WebGL) : ce graphique manque "
        "donc.",
        "bought": "Au cours des 7 mois jusqu’au {day}, {clients} clients ont acheté pour {revenue} au total.",
        "late": "Il n’y a d’événements qu’à partir du {first} : ces 7 mois ne sont donc pas complets.",
        "typical": "Le client type a acheté {items} pour {value}, la dernière fois il y a {days} jours.",
        "items": ("{} article", "{} articles"),
        "most_revenue": "{label} rapporte le plus : {revenue} du chiffre d’affaires avec {clients} des clients.",
        "most_clients": "Le persona le plus fréquent est {label} : {clients} des clients avec {revenue} du chiffre "
        "d’affaires.",
        "most_of_both": "{label} est à la fois le persona le plus fréquent et celui qui rapporte le plus : {clients} "
        "des clients avec {revenue} du chiffre d’affaires.",
        "of_clients": "des clients ({})",
        "of_revenue": "du chiffre d’affaires",
        "tiles": (
            ("days_since_last_purchase", "jour depuis le dernier achat", "jours depuis le dernier achat"),
            ("count_products_7m", "article acheté en 7 mois", "articles achetés en 7 mois"),
            ("total_purchase_value", "dépensés en 7 mois", "dépensés en 7 mois"),
        ),
        "half": "la moitié : {}",
        "brands": "Marques préférées",
        "categories": "Catégories préférées",
        "unknown": "aucune connue",
        "active": "Moments d’activité",
        "strong": "surtout {time} ({share})",
        "rather": "plutôt {time} ({share}) que {other} ({other_share})",
        "semicolon": " ; ",
        "flat_time": "aucun moment ne se détache (au plus {share}, {time})",
        "flat_day": "aucun jour ne se détache (au plus {share}, {time})",
        "times": {
            "morning": "le matin",
            "afternoon": "l’après-midi",
            "evening": "le soir",
            "night": "la nuit",
        },
        "days": {
            "monday": "le lundi",
            "tuesday": "le mardi",
            "wednesday": "le mercredi",
            "thursday": "le jeudi",
            "friday": "le vendredi",
            "saturday": "le samedi",
            "sunday": "le dimanche",
        },
        "advice": "Que faire",
        "rule": "Ce qui fait d’un client un profil « {persona} » :",
        "or": "ou",
        "and": " et ",
        "more_rules": ("{} autre cas", "{} autres cas"),
        "repeats": "Sur {clients} clients mis de côté pour un test, les règles donnent à {accuracy} d’entre eux le "
        "persona de leur groupe statistique (contre {baseline} en citant toujours le plus grand groupe) ; cela ne dit "
        "rien de l’efficacité d’une campagne.",
        "hardest": "Le plus difficile à reconnaître est {label} : les règles trouvent {recall} de ses clients et ont "
        "raison dans {precision} des cas où elles le citent.",
        "stable": "Regrouper {count} autres échantillons des mêmes clients donne presque les mêmes groupes (accord de "
        "{mean} sur 1).",
        "unstable": "Regrouper {count} autres échantillons des mêmes clients donne des groupes assez différents "
        "(accord de {mean} sur 1) : les frontières entre personas sont à prendre avec prudence.",
        "agreement": "Au total, {} des clients reçoivent le persona de leur groupe statistique ; pour les autres, "
        "ce sont les règles qui décident.",
        "as_of": "Dernier jour compté",
        "clients": "Clients",
        "sample": "Clients tirés au sort pour trouver les groupes et les règles",
        "rows": "Lignes dans les fichiers",
        "kept": "Événements dans ces lignes, toutes dates confondues",
        "duplicates": "Doublons exacts écartés",
        "rejected": "Lignes rejetées",
        "none": "aucun",
        "gaps": "Jours avec étonnamment peu d’événements",
        "closed": "Jours de la semaine presque sans événements",
        "more_gaps": "{} et {} autres",
        "windows": "Périodes comptées à rebours, en mois",
        "timezone": "Fuseau des heures et des jours",
        "seed": "Graine aléatoire",
        "groups": "Groupes statistiques",
        "leaves": "Règles qui décident du persona",
        "currency": "Les montants sont dans la monnaie de la boutique. Les grands chiffres sont ceux du client type "
        "d’un persona (médiane) : la moitié de ses clients ont plus, l’autre moins. « La moitié » indique entre "
        "quelles valeurs se situe la moitié centrale.",
    },
}
"""The sentences and labels of the report; pictures have their own."""


def said_day(day: date, language: str) -> str:
    """Write a day as people do: 30 April 2020."""
    said = WORDS[language]
    number_of_day = "1er" if language == "fr" and day.day == 1 else day.day
    return str(said["day"].format(day=number_of_day, month=said["months"].split()[day.month - 1], year=day.year))


def said_weekdays(weekdays: Sequence[int], language: str) -> str:
    """Write weekdays, Monday as 0, as people do: on Saturdays and on Sundays."""
    said = WORDS[language]
    names = list(said["days"].values())
    return str(said["and"]).join(names[weekday] for weekday in weekdays)


def counted(phrases: tuple[str, str], count: float, language: str) -> str:
    """Return the phrase for one or for several, with the number in it."""
    return phrases[count > 1].format(number(count, language))


def score(value: float, language: str) -> str:
    """Write a score of at most 1; what falls short of 1 is never written as 1."""
    rounded = number(value, language, _DECIMALS)
    if value < 1 and rounded == number(1, language, _DECIMALS):
        return f">{number(1 - 10**-_DECIMALS, language, _DECIMALS)}"
    return rounded


_DECIMALS = 3


def typeset(text: str, language: str) -> str:
    """Put spaces that do not break before per cent signs, and where French has them around its punctuation."""
    if language == "fr":
        text = re.sub("« | (?=[;!?»])", lambda found: found[0].replace(" ", "\N{NARROW NO-BREAK SPACE}"), text)
    return re.sub(" (?=[:%])" if language == "fr" else " (?=%)", "\N{NO-BREAK SPACE}", text)
