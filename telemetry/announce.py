"""What an OSB says of itself: checked, then the whole of its own graph, and nothing else; the owner's word stays the owner's."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

from pyoxigraph import NamedNode, Quad, Triple

from kg import queries, words
from kg.iris import Iris
from kg.store import Store
from mappers import jsonld
from shapes import refuse_unless_valid
from telemetry.channels import Channels
from telemetry.errors import RefusedMessageError

_PREFIX = "osb-"


def osb_iri(iris: Iris, identifier: str) -> str:
    """The OSB that a topic's identifier names: `osb-h01` → `…/id/osb/h01`."""
    return iris.id("osb", identifier.removeprefix(_PREFIX))


def osb_identifier(iris: Iris, osb: str) -> str:
    """The inverse of `osb_iri`."""
    return _PREFIX + iris.key(osb)


def register(
    store: Store,
    iris: Iris,
    channels: Channels,
    identifier: str,
    payload: bytes,
    alone: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> str:
    """Take an announcement in: replace the graph of the OSB, and learn its channels.

    What the owner has spoken of stays as the owner said it; the box's word on it is kept apart (`kg.words`). Announcing the same again
    writes nothing.

    Parameters
    ----------
    alone
        Keeps edits of the owner's facts out between reading them and writing what they leave of the box's word.

    Returns
    -------
    The id of the message.

    Raises
    ------
    RefusedMessageError
        If the sender is another OSB, nobody or more than one owner has claimed it, or it describes things of others.
    mappers.errors.MappingError
        If the payload can't be read.
    shapes.InvalidGraphError
        If what it describes breaks the shapes.
    """
    said = jsonld.announcement(payload)
    osb = osb_iri(iris, identifier)
    if said.made_by != osb:
        raise RefusedMessageError(
            f"{said.id}: it says it was made by {said.made_by}, but came on the topic of {identifier}; send it on the sender's own topic"
        )
    with alone():
        facts, graph = home_of(store, iris, osb)
        _refuse_foreign(store, iris, said.triples, graph)
        known = store.graph(facts)
        divided = words.apart(said.triples, known)
        notes = words.noted(osb, divided.withheld)
        before, noted = set(store.graph(graph)), set(store.graph(words.differing_graph(graph)))
        if before != divided.kept or noted != set(notes):
            refuse_unless_valid(divided.kept, what=f"The announcement of {identifier}", context=known)
            _write(store, graph, (before, [triple for triple in said.triples if triple in divided.kept]), (noted, notes))
            channels.reload(graph)
    return said.id


def _write(store: Store, graph: str, own: tuple[set[Triple], list[Triple]], notes: tuple[set[Triple], list[Triple]]) -> None:
    """Replace the graph of a box, and the notes of what was withheld, in one transaction."""
    if not notes[0] and not notes[1]:
        store.replace_graph(graph, own[1])
        return
    delete: list[Quad] = []
    insert: list[Quad] = []
    for name, (before, after) in ((graph, own), (words.differing_graph(graph), notes)):
        where = NamedNode(name)
        delete += [Quad(each.subject, each.predicate, each.object, where) for each in sorted(before - set(after), key=str)]
        insert += [Quad(each.subject, each.predicate, each.object, where) for each in after if each not in before]
    store.apply(delete=delete, insert=insert)


def home_of(store: Store, iris: Iris, osb: str) -> tuple[str, str]:
    """Where the owner's claim to an OSB stands, and the graph that is the OSB's own.

    Raises
    ------
    RefusedMessageError
        If nobody, or more than one, has claimed it.
    """
    found = queries.rows(store, queries.load("telemetry", "osb_claims"), osb=osb)
    registry = iris.graph("registry")
    # What a box says of itself is no claim: only the owner's facts and the operator's registry count.
    homes = {row["graph"] for row in found if row["graph"].endswith("/facts") or row["graph"] == registry}
    if len(homes) != 1:
        count = "nobody has" if not homes else f"{len(homes)} owners have"
        raise RefusedMessageError(
            f"{osb}: {count} claimed it, so its data belong to no one member; register it with its owner (fc:claimedBy) first"
        )
    facts = homes.pop()
    prefix = iris.graph("feed") if facts == registry else facts.removesuffix("/facts")
    return facts, f"{prefix}/osb/{iris.key(osb)}"


def _refuse_foreign(store: Store, iris: Iris, triples: Iterable[Triple], graph: str) -> None:
    subjects = sorted({triple.subject.value for triple in triples if isinstance(triple.subject, NamedNode)})
    base = f"{iris.base}/id/"
    for subject in subjects:
        if not subject.startswith(base):
            raise RefusedMessageError(f"{subject} is not below {base}: an OSB describes things of this platform only; correct its IRI")
    prefix = graph.partition("/osb/")[0]
    for row in queries.rows(store, queries.load("telemetry", "described_elsewhere"), subject=subjects) if subjects else []:
        where = row["graph"]
        others = where != graph and ("/member/" in where or "/feed/" in where)
        if others and (not where.startswith(f"{prefix}/") or "/osb/" in where):
            raise RefusedMessageError(
                f"{row['subject']} is described in {where} already, so this OSB can't describe it; leave it out, or have it removed there"
            )
