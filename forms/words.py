"""The sentences and words of forms in each language; names of fields and terms are in the shapes and the ontology instead."""

from collections.abc import Mapping
from functools import partial

from shapes.words import said

Sentences = Mapping[str, str]

SENTENCES: Mapping[str, Sentences] = {
    "missing": {"en": "{name} is missing.", "es": "Falta el campo {name}.", "nl": "{name} ontbreekt."},
    "missing-boolean": {
        "en": "{name} is missing. Choose yes or no.",
        "es": "Falta el campo {name}. Elija sí o no.",
        "nl": "{name} ontbreekt. Kies ja of nee.",
    },
    "refused": {
        "en": "“{text}” is not accepted.",
        "es": "No se acepta “{text}”.",
        "nl": "“{text}” wordt niet aanvaard.",
    },
    "number": {
        "en": "“{text}” is not a number. Write digits with at most one decimal point, like 0.5.",
        "es": "“{text}” no es un número. Escriba cifras con una sola coma decimal como máximo, por ejemplo 0,5.",
        "nl": "“{text}” is geen getal. Schrijf cijfers met hoogstens één decimale komma, zoals 0,5.",
    },
    "thousands": {
        "en": "“{text}” may mean two different numbers. Write it without a thousands sign, with one decimal point at most.",
        "es": "“{text}” puede significar dos números distintos. Escríbalo sin separador de miles y con una sola coma decimal como máximo.",
        "nl": "“{text}” kan twee verschillende getallen betekenen. Schrijf het zonder duizendtalteken en met hoogstens één decimale komma.",
    },
    "digits": {
        "en": "“{text}” has more digits than can be kept. Round it to 18 decimal places, and check the unit.",
        "es": "“{text}” tiene más cifras de las que se pueden guardar. Redondéelo a 18 decimales y compruebe la unidad.",
        "nl": "“{text}” heeft meer cijfers dan bewaard kunnen worden. Rond af op 18 decimalen en controleer de eenheid.",
    },
    "integer": {
        "en": "“{text}” is not a whole number. Write digits alone, like 12.",
        "es": "“{text}” no es un número entero. Escriba solo cifras, por ejemplo 12.",
        "nl": "“{text}” is geen geheel getal. Schrijf alleen cijfers, zoals 12.",
    },
    "least": {"en": "The least is {limit}.", "es": "El mínimo es {limit}.", "nl": "Het minste is {limit}."},
    "most": {"en": "The most is {limit}.", "es": "El máximo es {limit}.", "nl": "Het meeste is {limit}."},
    "above": {"en": "It must be above {limit}.", "es": "Debe ser mayor que {limit}.", "nl": "Het moet meer zijn dan {limit}."},
    "below": {"en": "It must be below {limit}.", "es": "Debe ser menor que {limit}.", "nl": "Het moet minder zijn dan {limit}."},
    "boolean": {
        "en": "“{text}” is neither yes nor no. Choose one of them.",
        "es": "“{text}” no es ni sí ni no. Elija una de las dos respuestas.",
        "nl": "“{text}” is ja noch nee. Kies een van beide.",
    },
    "date": {
        "en": "“{text}” is not a date. Write year, month and day, like 2016-08-30.",
        "es": "“{text}” no es una fecha. Escriba año, mes y día, por ejemplo 2016-08-30.",
        "nl": "“{text}” is geen datum. Schrijf jaar, maand en dag, zoals 2016-08-30.",
    },
    "time": {
        "en": "“{text}” is not a time of day. Write hours and minutes, like 07:30.",
        "es": "“{text}” no es una hora del día. Escriba horas y minutos, por ejemplo 07:30.",
        "nl": "“{text}” is geen tijdstip. Schrijf uren en minuten, zoals 07:30.",
    },
    "instant": {
        "en": "“{text}” is not a date with a time. Write it like 2016-08-30 07:30.",
        "es": "“{text}” no es una fecha con hora. Escríbala así: 2016-08-30 07:30.",
        "nl": "“{text}” is geen datum met tijd. Schrijf het zoals 2016-08-30 07:30.",
    },
    "missing-hour": {
        "en": "On {day} the clock skips {time}, so this time does not exist. Choose an earlier or a later one.",
        "es": "El {day} el reloj se salta las {time}, así que esa hora no existe. Elija una anterior o posterior.",
        "nl": "Op {day} slaat de klok {time} over, dus dit tijdstip bestaat niet. Kies een eerder of later tijdstip.",
    },
    "double-hour": {
        "en": "On {day} the clock shows {time} twice. Say whether the first or the second is meant.",
        "es": "El {day} el reloj marca las {time} dos veces. Indique si se trata de la primera o de la segunda.",
        "nl": "Op {day} wijst de klok {time} twee keer aan. Geef aan of de eerste of de tweede bedoeld is.",
    },
    "duration": {
        "en": "“{text}” is not a number of {unit}. Write digits, like 2.",
        "es": "“{text}” no es un número de {unit}. Escriba cifras, por ejemplo 2.",
        "nl": "“{text}” is geen aantal {unit}. Schrijf cijfers, zoals 2.",
    },
    "span": {
        "en": "“{text}” is not a duration. Write it in days, hours and minutes.",
        "es": "“{text}” no es una duración. Escríbala en días, horas y minutos.",
        "nl": "“{text}” is geen duur. Schrijf die in dagen, uren en minuten.",
    },
    "choice": {
        "en": "“{text}” is not one of the possible answers. Choose one of the list.",
        "es": "“{text}” no es una de las respuestas posibles. Elija una de la lista.",
        "nl": "“{text}” is geen van de mogelijke antwoorden. Kies er een uit de lijst.",
    },
    "unknown-thing": {
        "en": "Nothing called “{text}” was found. Search for a part of its name and choose it from the list.",
        "es": "No se encontró nada llamado “{text}”. Busque una parte de su nombre y elíjalo de la lista.",
        "nl": "Er is niets gevonden dat “{text}” heet. Zoek op een deel van de naam en kies het uit de lijst.",
    },
    "several-things": {
        "en": "Several things are called “{text}”. Search for it and choose one from the list.",
        "es": "Hay varios elementos llamados “{text}”. Búsquelo y elija uno de la lista.",
        "nl": "Er zijn meerdere dingen die “{text}” heten. Zoek het op en kies er een uit de lijst.",
    },
    "address": {
        "en": "“{text}” is not an address that can be kept. Write one that begins with https:// or http://.",
        "es": "“{text}” no es una dirección que se pueda guardar. Escriba una que empiece por https:// o http://.",
        "nl": "“{text}” is geen adres dat bewaard kan worden. Schrijf er een die met https:// of http:// begint.",
    },
    "control": {
        "en": "The text has a character that cannot be seen ({code}). Type it again instead of pasting it.",
        "es": "El texto contiene un carácter invisible ({code}). Vuelva a escribirlo en lugar de pegarlo.",
        "nl": "De tekst bevat een onzichtbaar teken ({code}). Typ hem opnieuw in plaats van hem te plakken.",
    },
    "long": {
        "en": "The text has {length} characters. Shorten it to {most} at most.",
        "es": "El texto tiene {length} caracteres. Acórtelo a {most} como máximo.",
        "nl": "De tekst heeft {length} tekens. Kort hem in tot hoogstens {most}.",
    },
    "short": {
        "en": "The text has {length} characters. Write {least} at least.",
        "es": "El texto tiene {length} caracteres. Escriba {least} como mínimo.",
        "nl": "De tekst heeft {length} tekens. Schrijf er minstens {least}.",
    },
    "too-many": {
        "en": "There are {count} values. Leave {most} at most.",
        "es": "Hay {count} valores. Deje {most} como máximo.",
        "nl": "Er zijn {count} waarden. Laat er hoogstens {most} staan.",
    },
    "too-few": {
        "en": "There are {count} values. State {least} at least.",
        "es": "Hay {count} valores. Indique {least} como mínimo.",
        "nl": "Er zijn {count} waarden. Geef er minstens {least} op.",
    },
    "twice": {
        "en": "“{text}” is there twice. Leave it once.",
        "es": "“{text}” figura dos veces. Déjelo una sola vez.",
        "nl": "“{text}” staat er twee keer. Laat het één keer staan.",
    },
}

WORDS: Mapping[str, Sentences] = {
    "yes": {"en": "yes", "es": "sí", "nl": "ja"},
    "no": {"en": "no", "es": "no", "nl": "nee"},
    "days": {"en": "days", "es": "días", "nl": "dagen"},
    "hours": {"en": "hours", "es": "horas", "nl": "uren"},
    "minutes": {"en": "minutes", "es": "minutos", "nl": "minuten"},
    "first": {"en": "first", "es": "primera", "nl": "eerste"},
    "second": {"en": "second", "es": "segunda", "nl": "tweede"},
}


def fill(sentences: Mapping[str, Sentences], key: str, language: str, **values: object) -> str:
    """Fill a sentence of a table in; English where the language has none.

    Raises
    ------
    KeyError
        If there is no such sentence.
    """
    return said(sentences[key], language).format(**values)


say = partial(fill, SENTENCES)


def word(key: str, language: str) -> str:
    """A single word; English where the language has none."""
    return said(WORDS[key], language)
