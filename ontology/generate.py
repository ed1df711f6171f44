"""Write `ontology/names.py` from the Turtle, and the prefixes at its head: `python -m ontology.generate`."""

import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from rdflib import Graph, URIRef

HERE = Path(__file__).parent
TARGET = HERE / "names.py"
# class in names.py → namespace; every subject of the Turtle below one of them becomes an attribute
CLOSED = {
    "FC": "https://w3id.org/flexcoop/ns#",
    "FCV": "https://w3id.org/flexcoop/vocab/",
    "SAREF": "https://saref.etsi.org/core/",
    "S4ENER": "https://saref.etsi.org/saref4ener/",
    "S4BLDG": "https://saref.etsi.org/saref4bldg/",
    "S4SYST": "https://saref.etsi.org/saref4syst/",
    "SEAS": "https://w3id.org/seas/",
    "SOSA": "http://www.w3.org/ns/sosa/",
    "UNIT": "http://qudt.org/vocab/unit/",
    "QUDT": "http://qudt.org/schema/qudt/",
    "PROV": "http://www.w3.org/ns/prov#",
    "ORG": "http://www.w3.org/ns/org#",
    "FOAF": "http://xmlns.com/foaf/0.1/",
    "ODRL": "http://www.w3.org/ns/odrl/2/",
    "DPV": "http://www.w3.org/ns/dpv#",
    "SKOS": "http://www.w3.org/2004/02/skos/core#",
    "DCTERMS": "http://purl.org/dc/terms/",
    "DCAM": "http://purl.org/dc/dcam/",
    "DCAT": "http://www.w3.org/ns/dcat#",
    "SD": "http://www.w3.org/ns/sparql-service-description#",
    "FORMATS": "http://www.w3.org/ns/formats/",
    "WGS84": "http://www.w3.org/2003/01/geo/wgs84_pos#",
}
# the standards' own lists are complete in rdflib
REEXPORTED = ("OWL", "RDF", "RDFS", "SH", "TIME", "XSD")
# names that are computed (slots) or belong to another package (shapes)
OPEN = {"SLOT": "https://w3id.org/flexcoop/slot/", "FCSH": "https://w3id.org/flexcoop/shapes#"}
_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"|<[^>]*>|^#.*$', re.MULTILINE)
_HEAD = '''# ruff: noqa: N815 - names are spelt as their vocabularies spell them
"""Every IRI that the code names, one closed class a vocabulary: a typo raises `AttributeError`.

Generated from the Turtle by `python -m ontology.generate`; a test holds the two together.
"""

from typing import ClassVar

from rdflib import {reexported}, Namespace, URIRef
from rdflib.namespace import DefinedNamespace

__all__ = [
{exported}
]
'''


def modules() -> list[Path]:
    """List the Turtle files of the ontology in the order of their names."""
    return sorted(path for path in HERE.glob("*.ttl") if path.name != "prefixes.ttl")


def graph() -> Graph:
    """Parse all modules into one graph.

    Raises
    ------
    rdflib.exceptions.ParserError
        If a module is no Turtle.
    """
    merged = Graph()
    for path in modules():
        merged.parse(path)
    return merged


def declare(text: str) -> str:
    """Put the prefixes that a module needs at its head, in the order of `prefixes.ttl`."""
    known = (HERE / "prefixes.ttl").read_text(encoding="utf-8").splitlines()
    body = "\n".join(line for line in text.splitlines() if not line.startswith("@prefix")).strip()
    used = set(re.findall(r"([a-z]\w*):", _TEXTS.sub("", body)))
    head = [line for line in known if line.startswith("@prefix") and line.split()[1].rstrip(":") in used]
    return "\n".join([*head, "", body, ""])


def terms(merged: Graph) -> dict[str, list[str]]:
    """Collect the local names of all subjects, by the class in `names.py` that they belong to."""
    subjects = {str(subject) for subject in merged.subjects() if isinstance(subject, URIRef)}
    return {name: sorted(iri.removeprefix(base) for iri in subjects if iri.startswith(base)) for name, base in CLOSED.items()}


def source(names: dict[str, list[str]]) -> str:
    """Spell `names.py`.

    Parameters
    ----------
    names
        Local names by class, as from `terms`.
    """
    exported = "\n".join(f'    "{name}",' for name in sorted((*CLOSED, *OPEN, *REEXPORTED)))
    classes = "".join(_class(name, base, names[name]) for name, base in CLOSED.items())
    opened = "".join(f'{name} = Namespace("{base}")\n' for name, base in OPEN.items())
    head = _HEAD.format(reexported=", ".join(REEXPORTED), exported=exported)
    return f"{head}\n{opened}{classes}"


def _class(name: str, base: str, local_names: list[str]) -> str:
    return "\n".join(("", "", f"class {name}(DefinedNamespace):", *_body(base, local_names), ""))


def _body(base: str, local_names: list[str]) -> Iterator[str]:
    odd = [local for local in local_names if not local.isidentifier() or keyword.iskeyword(local)]
    yield f'    """Terms of {base} that FLEXCoop uses."""'
    yield ""
    yield "    _fail = True"
    yield f'    _NS = Namespace("{base}")'
    if odd:
        yield f"    _extras: ClassVar[list[str]] = [{', '.join(f'{chr(34)}{local}{chr(34)}' for local in odd)}]"
    yield from (f"    {local}: URIRef" for local in local_names if local not in odd)


def main() -> int:
    """Write the files; answer 0."""
    for path in modules():
        path.write_text(declare(path.read_text(encoding="utf-8")), encoding="utf-8")
    TARGET.write_text(source(terms(graph())), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
