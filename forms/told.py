"""The sentences of lists, sheets, imports and findings in each language; names of fields and terms are in the shapes and the ontology."""

from collections.abc import Mapping
from functools import partial

from forms.words import Sentences, fill
from shapes.words import LANGUAGES

SENTENCES: Mapping[str, Sentences] = {
    # findings across graphs
    "nowhere": {
        "en": "{name} is “{value}”, but there is no such thing. It was removed or never entered; choose another one, or enter it.",
        "es": "El campo {name} es “{value}”, pero no existe tal elemento. Se eliminó o nunca se registró; elija otro o regístrelo.",
        "nl": "{name} is “{value}”, maar zoiets is er niet. Het is verwijderd of nooit ingevoerd; kies een ander, of voer het in.",
    },
    "foreign": {
        "en": "{name} is “{value}”, which belongs to another member. Consent and money follow the owner; choose one of the same member.",
        "es": "El campo {name} es “{value}”, que pertenece a otro socio. El consentimiento y el dinero siguen al propietario; "
        "elija uno del mismo socio.",
        "nl": "{name} is “{value}”, dat van een ander lid is. Toestemming en geld volgen de eigenaar; kies een van hetzelfde lid.",
    },
    "twice-owned": {
        "en": "The same thing is described once more, at: {others}. It can be in one place only; remove it in one of them.",
        "es": "El mismo elemento también está descrito en: {others}. Solo puede estar en un lugar; elimínelo en uno de ellos.",
        "nl": "Hetzelfde ding is nog eens beschreven, bij: {others}. Het kan maar op één plaats staan; verwijder het op een ervan.",
    },
    # files
    "long-file": {
        "en": "The file has {size} bytes, more than the {most} that are read at once. Send it in parts.",
        "es": "El archivo tiene {size} bytes, más de los {most} que se leen de una vez. Envíelo por partes.",
        "nl": "Het bestand heeft {size} bytes, meer dan de {most} die in één keer gelezen worden. Stuur het in delen.",
    },
    "empty-file": {
        "en": "The file is empty. Send a sheet whose first row names the columns.",
        "es": "El archivo está vacío. Envíe una hoja cuya primera fila nombre las columnas.",
        "nl": "Het bestand is leeg. Stuur een blad waarvan de eerste rij de kolommen benoemt.",
    },
    "old-office": {
        "en": "This is a workbook in the format of before 2007, or one with a password. Save it as .xlsx or CSV without a password.",
        "es": "Es un libro en el formato anterior a 2007 o con contraseña. Guárdelo como .xlsx o CSV sin contraseña.",
        "nl": "Dit is een werkmap in het formaat van vóór 2007, of een met een wachtwoord. Sla haar op als .xlsx of CSV zonder wachtwoord.",
    },
    "cells": {
        "en": "Row {row} has {cells} cells, but the first row names {columns} columns. Is a separator missing there?",
        "es": "La fila {row} tiene {cells} celdas, pero la primera nombra {columns} columnas. ¿Falta allí un separador?",
        "nl": "Rij {row} heeft {cells} cellen, maar de eerste rij benoemt {columns} kolommen. Ontbreekt daar een scheidingsteken?",
    },
    "many-rows": {
        "en": "The file has more than {most} rows, the most that are taken at once. Send it in parts.",
        "es": "El archivo tiene más de {most} filas, el máximo que se admite de una vez. Envíelo por partes.",
        "nl": "Het bestand heeft meer dan {most} rijen, het meeste dat in één keer genomen wordt. Stuur het in delen.",
    },
    "double-column": {
        "en": "The first row names {names} more than once. Leave one column of each.",
        "es": "La primera fila nombra {names} más de una vez. Deje una sola columna de cada una.",
        "nl": "De eerste rij noemt {names} meer dan één keer. Laat van elk één kolom staan.",
    },
    "no-rows": {
        "en": "The file has no row below its first. The first row names the columns, the rows below it hold what is to be imported.",
        "es": "El archivo no tiene filas debajo de la primera. La primera nombra las columnas; las demás contienen lo que se importa.",
        "nl": "Het bestand heeft geen rij onder de eerste. De eerste rij benoemt de kolommen, de rijen eronder houden in wat ingevoerd wordt.",
    },
    "many-columns": {
        "en": "Row {row} has {columns} columns, more than the {most} that are taken. Leave out what is not needed.",
        "es": "La fila {row} tiene {columns} columnas, más de las {most} que se admiten. Quite lo que no haga falta.",
        "nl": "Rij {row} heeft {columns} kolommen, meer dan de {most} die genomen worden. Laat weg wat niet nodig is.",
    },
    "long-cell": {
        "en": "A cell of row {row} has {length} characters, more than {most}. Is a quotation mark missing?",
        "es": "Una celda de la fila {row} tiene {length} caracteres, más de {most}. ¿Faltan unas comillas?",
        "nl": "Een cel van rij {row} heeft {length} tekens, meer dan {most}. Ontbreekt er een aanhalingsteken?",
    },
    "no-text": {
        "en": "The file is no text: it holds zero bytes. Send CSV or .xlsx.",
        "es": "El archivo no es texto: contiene bytes nulos. Envíe CSV o .xlsx.",
        "nl": "Het bestand is geen tekst: er staan nulbytes in. Stuur CSV of .xlsx.",
    },
    "broken-csv": {
        "en": "Line {line} can't be read as CSV. Is a quotation mark missing, or not doubled?",
        "es": "La línea {line} no se puede leer como CSV. ¿Faltan unas comillas, o no están duplicadas?",
        "nl": "Regel {line} kan niet als CSV gelezen worden. Ontbreekt er een aanhalingsteken, of is het niet verdubbeld?",
    },
    "broken-text": {
        "en": "The text of the file breaks its own encoding at line {line}. Save it as UTF-8.",
        "es": "El texto del archivo no respeta su propia codificación en la línea {line}. Guárdelo como UTF-8.",
        "nl": "De tekst van het bestand klopt op regel {line} niet met zijn eigen codering. Sla het op als UTF-8.",
    },
    "guessed-encoding": {
        "en": "The file is not in UTF-8 (line {line}), so it was read as Windows-1252. Look whether letters with accents are right.",
        "es": "El archivo no está en UTF-8 (línea {line}), así que se leyó como Windows-1252. Compruebe que las letras con acento sean correctas.",
        "nl": "Het bestand is niet in UTF-8 (regel {line}) en is gelezen als Windows-1252. Kijk of letters met accenten kloppen.",
    },
    "no-workbook": {
        "en": "The file is packed like a workbook, but is no .xlsx that can be read. Save it anew, or as CSV.",
        "es": "El archivo está comprimido como un libro, pero no es un .xlsx que se pueda leer. Guárdelo de nuevo o como CSV.",
        "nl": "Het bestand is ingepakt als een werkmap, maar is geen .xlsx dat gelezen kan worden. Sla het opnieuw op, of als CSV.",
    },
    "macros": {
        "en": "The workbook holds macros or foreign objects ({part}), which are not taken. Save it as .xlsx without them.",
        "es": "El libro contiene macros u objetos ajenos ({part}), que no se admiten. Guárdelo como .xlsx sin ellos.",
        "nl": "De werkmap bevat macro's of vreemde objecten ({part}), die niet genomen worden. Sla haar op als .xlsx zonder.",
    },
    "bomb": {
        "en": "Unpacked, the workbook would have {size} bytes, more than the {most} that are taken. Send it in parts, or as CSV.",
        "es": "Descomprimido, el libro tendría {size} bytes, más de los {most} que se admiten. Envíelo por partes o como CSV.",
        "nl": "Uitgepakt zou de werkmap {size} bytes hebben, meer dan de {most} die genomen worden. Stuur haar in delen, of als CSV.",
    },
    "first-sheet": {
        "en": "The workbook has {count} sheets. Only the first, “{name}”, was read.",
        "es": "El libro tiene {count} hojas. Solo se leyó la primera, “{name}”.",
        "nl": "De werkmap heeft {count} bladen. Alleen het eerste, “{name}”, is gelezen.",
    },
    # what is read from them
    "unknown-columns": {
        "en": "The columns {names} are not known here. Correct their names or leave them out; known are {known}.",
        "es": "Aquí no se conocen las columnas {names}. Corrija sus nombres o quítelas; se conocen {known}.",
        "nl": "De kolommen {names} zijn hier niet bekend. Verbeter hun namen of laat ze weg; bekend zijn {known}.",
    },
    "no-key-column": {
        "en": "The column “{name}” is missing. It tells which thing each row is about.",
        "es": "Falta la columna “{name}”. Indica de qué elemento trata cada fila.",
        "nl": "De kolom “{name}” ontbreekt. Die zegt waar elke rij over gaat.",
    },
    "row-key-missing": {
        "en": "The cell is empty. Write which thing this row is about, like {example}.",
        "es": "La celda está vacía. Escriba de qué elemento trata esta fila, por ejemplo {example}.",
        "nl": "De cel is leeg. Schrijf waar deze rij over gaat, zoals {example}.",
    },
    "row-twice": {
        "en": "Row {row} is about the same thing. Leave one of the two.",
        "es": "La fila {row} trata del mismo elemento. Deje una de las dos.",
        "nl": "Rij {row} gaat over hetzelfde. Laat een van de twee staan.",
    },
    "row-class": {
        "en": "“{text}” is there already, but is something else ({name}). Use another key.",
        "es": "“{text}” ya existe, pero es otra cosa ({name}). Use otra clave.",
        "nl": "“{text}” bestaat al, maar is iets anders ({name}). Gebruik een andere sleutel.",
    },
    "row-member": {
        "en": "There is no member “{text}”. Enter the member first, or correct the key.",
        "es": "No existe el socio “{text}”. Regístrelo primero o corrija la clave.",
        "nl": "Er is geen lid “{text}”. Voer het lid eerst in, of verbeter de sleutel.",
    },
    "row-depends": {
        "en": "This row needs the thing of another row that is refused. Correct that one first.",
        "es": "Esta fila necesita el elemento de otra que se rechaza. Corrija primero aquella.",
        "nl": "Deze rij heeft het ding nodig van een rij die geweigerd wordt. Verbeter die eerst.",
    },
    "back-edited": {
        "en": "It was edited again after the import. Look at its history, and decide there what it shall be.",
        "es": "Se volvió a editar después de la importación. Mire su historial y decida allí cómo debe quedar.",
        "nl": "Het is na de invoer nog eens bewerkt. Bekijk de geschiedenis en beslis daar wat het moet zijn.",
    },
    "back-used": {
        "en": "Something else speaks of it by now ({other}). Take that away first, then take the import back once more.",
        "es": "Otro elemento ya se refiere a esto ({other}). Quítelo primero y deshaga la importación otra vez.",
        "nl": "Iets anders verwijst er inmiddels naar ({other}). Haal dat eerst weg en draai de invoer dan nog eens terug.",
    },
    "row-changed": {
        "en": "Somebody else has changed what this row is about since it was shown. Send the row again, and look what it would change now.",
        "es": "Otra persona ha cambiado aquello de lo que trata esta fila desde que se mostró. Envíe la fila de nuevo y vea qué cambiaría ahora.",
        "nl": "Iemand anders heeft veranderd waar deze rij over gaat sinds zij getoond werd. Stuur de rij opnieuw en kijk wat zij nu zou veranderen.",
    },
}


say = partial(fill, SENTENCES)


def in_all(key: str, **values: object) -> dict[str, str]:
    """Fill a sentence in, in every language."""
    return {language: say(key, language, **values) for language in LANGUAGES}
