"""How things may be called, and whose a key is: one rule for forms, imports, onboarding and every edit that passes the gate.

The key of a member names an account, a folder and graphs; things of a member have keys that begin with the member's; a box has a key of its own.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from shapes import Finding
from shapes.words import LANGUAGES, said

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}")
# of a new member it names an account, a box on the broker and a path alike; x-… are pseudonyms of who was erased
MEMBER_KEY = re.compile(r"(?!x-)[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_MOST_PARTS = 3  # settlement/c1/h01
_LONGEST = 80  # of a key in a sentence [characters]

SENTENCES: Mapping[str, Mapping[str, str]] = {
    "key": {
        "en": "“{key}” can't be a key. Use letters, digits, dots, dashes and underscores, at most 64.",
        "es": "“{key}” no puede ser una clave. Use letras, cifras, puntos, guiones y guiones bajos, 64 como máximo.",
        "nl": "“{key}” kan geen sleutel zijn. Gebruik letters, cijfers, punten, streepjes en liggende streepjes, hoogstens 64.",
    },
    "start": {
        "en": "“{key}” is not what such a thing is called here. Begin its address with {start}.",
        "es": "“{key}” no es el nombre de un elemento así aquí. Empiece su dirección por {start}.",
        "nl": "“{key}” is niet hoe zoiets hier heet. Begin het adres met {start}.",
    },
    "member": {
        "en": "“{key}” can't be the key of a new member. Write one that nobody has or had: small letters, digits and dashes, at most 32, like h18.",
        "es": "“{key}” no puede ser la clave de un socio nuevo. Escriba una que nadie tenga ni haya tenido: minúsculas, cifras y guiones, 32 como máximo, por ejemplo h18.",
        "nl": "“{key}” kan niet de sleutel van een nieuw lid zijn. Schrijf er een die niemand heeft of had: kleine letters, cijfers en streepjes, hoogstens 32, zoals h18.",
    },
    "stranger": {
        "en": "“{key}” is not the member in whose graph this is said. State it among the facts of that member.",
        "es": "“{key}” no es el socio en cuyo grafo se dice esto. Indíquelo entre los datos de ese socio.",
        "nl": "“{key}” is niet het lid in wiens graaf dit staat. Zet het bij de feiten van dat lid.",
    },
    "owner": {
        "en": "“{key}” is not a key of member {member}. Begin it with {member}-.",
        "es": "“{key}” no es una clave del socio {member}. Empiécela por {member}-.",
        "nl": "“{key}” is geen sleutel van lid {member}. Begin hem met {member}-.",
    },
    "used": {
        "en": "“{key}” is in use. Choose another key.",
        "es": "“{key}” ya está en uso. Elija otra clave.",
        "nl": "“{key}” is in gebruik. Kies een andere sleutel.",
    },
    "box": {
        "en": "The box {key} belongs to somebody else. Look at its label again, or have it let go there first.",
        "es": "La caja {key} pertenece a otra persona. Mire otra vez su etiqueta o haga que la liberen allí primero.",
        "nl": "De box {key} is van iemand anders. Kijk nog eens op het etiket, of laat hem daar eerst vrijgeven.",
    },
    "claimant": {
        "en": "The box {key} is claimed here for somebody else. State the claim among the facts of the member whose it is.",
        "es": "La caja {key} se asigna aquí a otra persona. Indique la asignación entre los datos del socio al que pertenece.",
        "nl": "De box {key} wordt hier aan iemand anders toegewezen. Zet de toewijzing bij de feiten van het lid van wie hij is.",
    },
    "spoken": {
        "en": "The box {key} has announced itself in another home, and what it measured stays there. Give it a new identifier and claim that one here.",
        "es": "La caja {key} ya se ha anunciado en otra vivienda, y lo que midió se queda allí. Dele un identificador nuevo y asigne ese aquí.",
        "nl": "De box {key} heeft zich al in een andere woning gemeld, en wat hij mat blijft daar. Geef hem een nieuwe identificatie en wijs die hier toe.",
    },
    "hanging": {
        "en": "The box {key} still has devices of another home. Name another box for them there, or take them away, first.",
        "es": "De la caja {key} aún dependen dispositivos de otra vivienda. Indique allí otra caja para ellos, o retírelos, primero.",
        "nl": "Aan de box {key} hangen nog apparaten van een andere woning. Noem daar eerst een andere box voor ze, of haal ze weg.",
    },
    "certificate": {
        "en": "The box {key} has a certificate, or a claim code for one, from the home it was claimed for. End them first (flex revoke {identifier}); then it can be claimed anew.",
        "es": "La caja {key} tiene un certificado, o un código para obtenerlo, de la vivienda a la que se asignó. Anúlelos primero (flex revoke {identifier}); después puede asignarse de nuevo.",
        "nl": "De box {key} heeft een certificaat, of een code ervoor, van de woning waaraan hij was toegewezen. Beëindig die eerst (flex revoke {identifier}); dan kan hij opnieuw worden toegewezen.",
    },
    "signed": {
        "en": "This contract is signed. A signature is not undone, and what was signed is not changed. Agree a new revision with the member, which takes its place once both have signed, or end the contract.",
        "es": "Este contrato está firmado. Una firma no se deshace, y lo firmado no se cambia. Acuerde una nueva revisión con el socio, que ocupará su lugar cuando ambos la hayan firmado, o termine el contrato.",
        "nl": "Dit contract is ondertekend. Een handtekening wordt niet ongedaan gemaakt, en wat ondertekend is verandert niet. Spreek met het lid een nieuwe revisie af, die de plaats inneemt zodra beiden hebben getekend, of beëindig het contract.",
    },
    "ended": {
        "en": "This contract has ended, so it is not changed any more, and its end is not undone. Draft a new one for the member.",
        "es": "Este contrato ha terminado, así que ya no se cambia, y su fin no se deshace. Redacte uno nuevo para el socio.",
        "nl": "Dit contract is beëindigd, dus het verandert niet meer, en het einde wordt niet ongedaan gemaakt. Stel een nieuw contract voor het lid op.",
    },
    "withdrawn": {
        "en": "This consent was withdrawn. Nobody gives it back for the member: the member gives a new one on their page of data.",
        "es": "Este consentimiento se retiró. Nadie lo devuelve en lugar del socio: el socio da uno nuevo en su página de datos.",
        "nl": "Deze toestemming is ingetrokken. Niemand geeft haar namens het lid terug: het lid geeft een nieuwe op de eigen gegevenspagina.",
    },
    "consent": {
        "en": "A consent is the member's own word, so it is not edited or undone here. The member withdraws it on their page of data, and gives another one there.",
        "es": "Un consentimiento es la palabra del propio socio, así que aquí ni se edita ni se deshace. El socio lo retira en su página de datos y da otro allí.",
        "nl": "Een toestemming is het eigen woord van het lid; ze wordt hier dus niet bewerkt of ongedaan gemaakt. Het lid trekt haar in op de eigen gegevenspagina en geeft daar een andere.",
    },
    "grant": {
        "en": "A grant to a partner is not edited, and one that was withdrawn is not brought back, so that it stays known what the partner could see. Withdraw it, and grant anew what it may see from now on.",
        "es": "Una concesión a un socio externo no se edita, y una retirada no se recupera, para que siga sabiéndose qué podía ver. Retírela y conceda de nuevo lo que podrá ver desde ahora.",
        "nl": "Een verlening aan een partner wordt niet bewerkt, en een ingetrokken verlening komt niet terug, zodat bekend blijft wat de partner kon zien. Trek haar in en verleen opnieuw wat de partner vanaf nu mag zien.",
    },
    "site": {
        "en": "Member {member} has several sites. Choose the one at which the box stands.",
        "es": "El socio {member} tiene varios emplazamientos. Elija aquel en el que está la caja.",
        "nl": "Lid {member} heeft meerdere locaties. Kies die waar de box staat.",
    },
}


@dataclass(frozen=True)
class Refusal:
    """Why a key is not taken: which of the `SENTENCES`, and what is filled in."""

    reason: str
    values: Mapping[str, str] = field(default_factory=dict)

    def said(self, language: str) -> str:
        """What is wrong and what to do."""
        return said(SENTENCES[self.reason], language).format(**{name: _cut(text) for name, text in self.values.items()})

    def finding(self, focus: str, path: str = "") -> Finding:
        """The same for whoever shows what shapes find; `path` is the property that is wrong."""
        told = {language: self.said(language) for language in LANGUAGES}
        return Finding(focus, path, self.values.get("key", ""), "", "Violation", told["en"], messages=told)


def of_thing(key: str) -> Refusal | None:
    """Why nothing can have a key; `None` if something can."""
    parts = key.split("/")
    return None if len(parts) <= _MOST_PARTS and all(map(KEY.fullmatch, parts)) else Refusal("key", {"key": key})


def of_members_thing(key: str, member: str) -> Refusal | None:
    """Why a thing of a member can't have a key: its first part is the member's (`h01-battery`, `h01/r1`)."""
    if (refused := of_thing(key)) is not None:
        return refused
    return None if key == member or key.startswith((f"{member}-", f"{member}/")) else Refusal("owner", {"key": key, "member": member})


def of_member(key: str, taken: Collection[str], erased: Callable[[str], bool] = lambda _key: False) -> Refusal | None:
    """Why a new member can't have a key.

    Parameters
    ----------
    taken
        The keys that there are, in small letters.
    erased
        Whether somebody with this key was erased: a restored backup would forget whoever has it again.
    """
    free = MEMBER_KEY.fullmatch(key) is not None and key.casefold() not in taken and not erased(key)
    return None if free else Refusal("member", {"key": key})


def _cut(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
