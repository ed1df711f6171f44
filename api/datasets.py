"""Which datasets there are: named graphs that belong together, with what a catalogue says of them.

The licence is part of the definition here; where the graph `registry` states another one of a dataset (`dcterms:license`), that one holds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from access.principal import Principal, Role
from kg.iris import Iris

CC_BY = "https://creativecommons.org/licenses/by/4.0/"
_EU = "http://publications.europa.eu/resource/authority"
PUBLIC, RESTRICTED, NON_PUBLIC = (f"{_EU}/access-right/{name}" for name in ("PUBLIC", "RESTRICTED", "NON_PUBLIC"))
CONTINUOUS, IRREGULAR, DAILY = (f"{_EU}/frequency/{name}" for name in ("UPDATE_CONT", "IRREG", "DAILY"))
ENERGY, GOVERNANCE = f"{_EU}/data-theme/ENER", f"{_EU}/data-theme/TECH"
Texts = Mapping[str, str]


@dataclass(frozen=True)
class Dataset:
    """Named graphs that belong together.

    Attributes
    ----------
    key : its name in addresses: `/dumps/feed.nq`
    title, description : by language
    paths : what its graphs' IRIs begin with below `{BASE}/graph/`; one that ends with a slash is a family
    access : IRI of the EU's authority table
    licence : IRI; `None`: not licensed to anybody
    frequency : how often it changes, IRI of the EU's authority table
    theme : IRI of the EU's authority table
    space : what the IRIs of its things begin with; empty: `{BASE}/id/`
    """

    key: str
    title: Texts
    description: Texts
    paths: tuple[str, ...]
    access: str = NON_PUBLIC
    licence: str | None = None
    frequency: str = IRREGULAR
    theme: str = ENERGY
    space: str = ""
    titles: Mapping[Role, Texts] = field(default_factory=dict)

    @property
    def public(self) -> bool:
        """Whether everybody may see it."""
        return self.access == PUBLIC

    def iri(self, iris: Iris) -> str:
        """Its name, a part of the catalogue's document."""
        return f"{iris.base}/catalogue#{self.key}"

    def titled(self, principal: Principal) -> Texts:
        """Its title, as it is to somebody."""
        return self.titles.get(principal.role, self.title)

    def graphs(self, iris: Iris, seen: Iterable[str]) -> list[str]:
        """Those of some named graphs that belong to it."""
        whole = {iris.graph(path) for path in self.paths if not path.endswith("/")}
        families = tuple(iris.graph(path) for path in self.paths if path.endswith("/"))
        return [graph for graph in seen if graph in whole or (families and graph.startswith(families))]


def _texts(en: str, es: str, nl: str) -> Texts:
    return {"en": en, "es": es, "nl": nl}


DATASETS = (
    Dataset(
        "ontology",
        _texts("Vocabulary", "Vocabulario", "Vocabulaire"),
        _texts(
            "The terms of demand response in energy cooperatives, with their lists and their relation to SAREF, SEAS and others.",
            "Los términos de la respuesta a la demanda en cooperativas energéticas, con sus listas y su relación con SAREF, SEAS y otros.",
            "De termen van vraagrespons in energiecoöperaties, met hun lijsten en hun verband met SAREF, SEAS en andere.",
        ),
        ("ontology",),
        PUBLIC,
        CC_BY,
        theme=GOVERNANCE,
        space="https://w3id.org/flexcoop/",
    ),
    Dataset(
        "shapes",
        _texts("Shapes", "Formas SHACL", "Shapes"),
        _texts(
            "What a thing must have to be accepted by this platform (SHACL).",
            "Lo que una cosa debe tener para que esta plataforma la acepte (SHACL).",
            "Wat een ding moet hebben om door dit platform te worden aanvaard (SHACL).",
        ),
        ("shapes",),
        PUBLIC,
        CC_BY,
        theme=GOVERNANCE,
        space="https://w3id.org/flexcoop/shapes#",
    ),
    Dataset(
        "feed",
        _texts("Weather and tariff", "Meteorología y tarifa", "Weer en tarief"),
        _texts(
            "Measured and forecast weather at the cooperative's station, and its tariff, a value each quarter of an hour.",
            "Meteorología medida y prevista en la estación de la cooperativa, y su tarifa, un valor cada cuarto de hora.",
            "Gemeten en verwacht weer bij het station van de coöperatie, en haar tarief, een waarde per kwartier.",
        ),
        ("feed/",),
        PUBLIC,
        CC_BY,
        CONTINUOUS,
    ),
    Dataset(
        "aggregates",
        _texts("Sums over groups of homes", "Sumas de grupos de hogares", "Sommen over groepen woningen"),
        _texts(
            "Load, production and flexibility of groups of homes; groups that are too small to hide a home are left out.",
            "Carga, producción y flexibilidad de grupos de hogares; se omiten los grupos demasiado pequeños para ocultar un hogar.",
            "Verbruik, opwek en flexibiliteit van groepen woningen; groepen die te klein zijn om een woning te verbergen ontbreken.",
        ),
        ("aggregates/",),
        PUBLIC,
        CC_BY,
        DAILY,
    ),
    Dataset(
        "catalogue",
        _texts("This catalogue", "Este catálogo", "Deze catalogus"),
        _texts(
            "What datasets there are, how large they are and where they are to be had.",
            "Qué conjuntos de datos hay, su tamaño y dónde obtenerlos.",
            "Welke datasets er zijn, hoe groot ze zijn en waar ze te krijgen zijn.",
        ),
        ("catalogue",),
        PUBLIC,
        CC_BY,
        DAILY,
        GOVERNANCE,
    ),
    Dataset(
        "settlement",
        _texts("Settlement of campaigns", "Liquidación de campañas", "Afrekening van campagnes"),
        _texts(
            "What was asked, promised and delivered in each campaign, and what was paid for it, over the whole portfolio.",
            "Lo que se pidió, prometió y entregó en cada campaña, y lo que se pagó por ello, en toda la cartera.",
            "Wat er per campagne is gevraagd, beloofd en geleverd, en wat ervoor is betaald, over de hele portefeuille.",
        ),
        ("settlement/",),
        RESTRICTED,
    ),
    Dataset(
        "portfolio",
        _texts("Portfolio", "Cartera", "Portefeuille"),
        _texts(
            "The sum of all grid connections and its forecasts.",
            "La suma de todas las conexiones a la red y sus previsiones.",
            "De som van alle netaansluitingen en de verwachtingen ervan.",
        ),
        ("portfolio/",),
        RESTRICTED,
        frequency=CONTINUOUS,
    ),
    Dataset(
        "members",
        _texts("Data of the members", "Datos de los miembros", "Gegevens van de leden"),
        _texts(
            "Sites, devices, readings, forecasts, contracts, events and statements, as far as you may see them. Personal data: not licensed.",
            "Emplazamientos, dispositivos, lecturas, previsiones, contratos, eventos y liquidaciones, en la medida en que pueda verlos. "
            "Datos personales: sin licencia.",
            "Locaties, apparaten, metingen, verwachtingen, contracten, gebeurtenissen en afrekeningen, voor zover u ze mag zien. "
            "Persoonsgegevens: geen licentie.",
        ),
        ("member/",),
        frequency=CONTINUOUS,
        titles={
            Role.MEMBER: _texts("Your own data", "Sus propios datos", "Uw eigen gegevens"),
            Role.OSB: _texts("Your own data", "Sus propios datos", "Uw eigen gegevens"),
            Role.PARTNER: _texts(
                "Data that members let you see", "Datos que los miembros le permiten ver", "Gegevens die leden u laten zien"
            ),
        },
    ),
    Dataset(
        "market",
        _texts("Market", "Mercado", "Markt"),
        _texts("Requests, campaigns and selections.", "Peticiones, campañas y selecciones.", "Verzoeken, campagnes en selecties."),
        ("market",),
    ),
    Dataset(
        "registry",
        _texts("Registry", "Registro", "Register"),
        _texts(
            "The cooperative, the grid, partners and their grants, and who changed what.",
            "La cooperativa, la red, los socios y sus permisos, y quién cambió qué.",
            "De coöperatie, het net, partners en hun rechten, en wie wat heeft gewijzigd.",
        ),
        ("registry", "policy", "audit", "audit/", "edits", "imports"),
    ),
    Dataset(
        "people",
        _texts("People", "Personas", "Personen"),
        _texts(
            "Names and addresses, apart from everything else.",
            "Nombres y direcciones, aparte de todo lo demás.",
            "Namen en adressen, apart van al het andere.",
        ),
        ("people",),
    ),
)
BY_KEY = {dataset.key: dataset for dataset in DATASETS}


def shown(iris: Iris, seen: Iterable[str]) -> dict[str, tuple[Dataset, list[str]]]:
    """Find the datasets that somebody may know of, with the graphs that they may see of each: those of which there is anything."""
    names = list(seen)
    found = {dataset.key: (dataset, dataset.graphs(iris, names)) for dataset in DATASETS}
    return {key: pair for key, pair in found.items() if pair[1] or pair[0].public}
