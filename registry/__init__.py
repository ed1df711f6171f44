"""Edits of the graph by people and tools: a delta is held against the shapes, written in one transaction, with who, when and why.

Reads the graphs that a delta touches; writes them, the activity in graph `audit`, and what it changed in the graphs `…/edits`. `gate` is
the one way in; `updates` turns the text of a SPARQL Update into a delta, on a copy; `versions` finds what a thing was before, and `merge`
brings two edits of one thing together. It must not know of HTTP or forms.
"""

from registry.edits import Delta, Receipt, Seen
from registry.errors import RefusedEditError, RegistryError, StaleEditError, UnknownVersionError, UpdateError
from registry.gate import Gate

__all__ = ["Delta", "Gate", "Receipt", "RefusedEditError", "RegistryError", "Seen", "StaleEditError", "UnknownVersionError", "UpdateError"]
