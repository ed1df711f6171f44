"""Lists of names that others keep: a shape says which register its values come from, and gets them as `sh:in` when it is read.

So the gate, the forms and the tables of the shapes know the same names, and no file of ours repeats them.

References
----------
RFC 6557, the procedures of the time zone database.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from zoneinfo import available_timezones

import rdflib
from rdflib import SH, XSD
from rdflib.collection import Collection

from ontology.names import FCSH

TIME_ZONES = "https://www.iana.org/time-zones"


@cache
def _time_zones() -> frozenset[str]:
    """The zones that this machine's clock can be set by."""
    return frozenset(available_timezones())


_REGISTERS: Mapping[str, Callable[[], frozenset[str]]] = {TIME_ZONES: _time_zones}


def spell_out(shapes: rdflib.Graph) -> rdflib.Graph:
    """Give each shape with `fcsh:register` the names that the register has, as far as its `sh:pattern` allows them.

    Parameters
    ----------
    shapes
        Is changed, and returned.

    Raises
    ------
    ValueError
        If a shape names a register that is not known here.
    """
    for shape, register in list(shapes.subject_objects(FCSH.register)):
        if str(register) not in _REGISTERS:
            raise ValueError(f"{shape} takes its values from {register}, which is not known here; known are {', '.join(_REGISTERS)}")
        pattern = re.compile(str(shapes.value(shape, SH.pattern) or ""))
        names = sorted(name for name in _REGISTERS[str(register)]() if pattern.search(name))
        listed = Collection(shapes, rdflib.BNode(), [rdflib.Literal(name, datatype=XSD.string) for name in names])
        shapes.add((shape, SH["in"], listed.uri))
    return shapes
