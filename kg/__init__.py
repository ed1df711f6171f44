"""The graph: the one place that talks to a triplestore.

Reads and writes: the store, alone. `store.Store` is the protocol; `embedded.EmbeddedStore` (pyoxigraph on RocksDB, or in memory) and
`remote.RemoteStore` (Apache Jena Fuseki or any SPARQL 1.1 server) fulfil it. `queries` loads and binds the `.rq` files of every package,
`terms` turns Python values into RDF terms and back, `iris` mints IRIs, `provenance` states who made what from what, `bootstrap` brings
our terms and shapes into the graph, and `reader` answers untrusted queries outside this process. It must not know what the triples mean.
"""
