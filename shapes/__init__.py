"""The shapes: what each thing must look like, as SHACL, one Turtle file a thing.

They are the gate of the store (`validate`, `refuse_unless_valid`) and the source of the forms (`graph`). Reads: the graph that is about
to be written, and facts that are known already as context. Writes nothing: it answers with findings, each a sentence that says what is
wrong, why, and what to do. It must not know the store, the network, or who is asking; nothing is fetched, imported or inferred.
"""

from shapes.catalogue import files, graph
from shapes.errors import InvalidGraphError
from shapes.validate import Finding, Report, refuse_unless_valid, validate

__all__ = ["Finding", "InvalidGraphError", "Report", "files", "graph", "refuse_unless_valid", "validate"]
