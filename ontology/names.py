"""Every IRI that the code names, one closed class a vocabulary: a typo raises `AttributeError`.

Generated from the Turtle by `python -m ontology.generate`; a test holds the two together.
"""

# PLACEHOLDER, replaced by the generator
from rdflib import URIRef


def _ns(base: str) -> type:
    class _Meta(type):
        def __getattr__(cls, name: str) -> URIRef:
            return URIRef(base + name)

        def __getitem__(cls, name: str) -> URIRef:
            return URIRef(base + name)

    return _Meta("NS", (), {})


FC = _ns("https://w3id.org/flexcoop/ns#")
FCV = _ns("https://w3id.org/flexcoop/vocab/")
SAREF = _ns("https://saref.etsi.org/core/")
S4ENER = _ns("https://saref.etsi.org/saref4ener/")
S4BLDG = _ns("https://saref.etsi.org/saref4bldg/")
S4SYST = _ns("https://saref.etsi.org/saref4syst/")
SEAS = _ns("https://w3id.org/seas/")
SOSA = _ns("http://www.w3.org/ns/sosa/")
UNIT = _ns("http://qudt.org/vocab/unit/")
QUDT = _ns("http://qudt.org/schema/qudt/")
PROV = _ns("http://www.w3.org/ns/prov#")
ORG = _ns("http://www.w3.org/ns/org#")
ODRL = _ns("http://www.w3.org/ns/odrl/2/")
DPV = _ns("http://www.w3.org/ns/dpv#")
DCTERMS = _ns("http://purl.org/dc/terms/")
SKOS = _ns("http://www.w3.org/2004/02/skos/core#")
RDF = _ns("http://www.w3.org/1999/02/22-rdf-syntax-ns#")
RDFS = _ns("http://www.w3.org/2000/01/rdf-schema#")
XSD = _ns("http://www.w3.org/2001/XMLSchema#")
