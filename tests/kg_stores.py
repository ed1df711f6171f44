"""What the graph's tests share: the kinds of store, and how to open the remote ones."""

import servers

from kg.embedded import EmbeddedStore
from kg.remote import RemoteStore

AnyStore = EmbeddedStore | RemoteStore
KINDS = ("memory", "disk", "oxigraph", "fuseki")


def remote(server: servers.SparqlServer, *, timeout_s: float = 30.0) -> RemoteStore:
    return RemoteStore(
        server.query_url,
        server.update_url,
        server.gsp_url,
        timeout_s=timeout_s,
        union_query_url=server.union_query_url,
    )
