"""Edits of the graph by people and tools: a delta is held against the shapes, written in one transaction, with who, when and why.

Reads the graphs that a delta touches; writes them and the activity in graph `audit`. `gate` is the one way in; `updates` turns the text
of a SPARQL Update into a delta, on a copy. It must not know of HTTP or forms.
"""

from registry.edits import Delta, Receipt, Seen
from registry.errors import RefusedEditError, RegistryError, StaleEditError, UpdateError
from registry.gate import Gate

__all__ = ["Delta", "Gate", "Receipt", "RefusedEditError", "RegistryError", "Seen", "StaleEditError", "UpdateError"]
