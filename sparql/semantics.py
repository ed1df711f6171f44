"""What a grouped query may show: its keys, and aggregates.

References
----------
SPARQL 1.1 Query Language §11.4; §18.2.4.1.
"""

from typing import NamedTuple

from sparql.nodes import Aggregate, Call, Exists, Expression, Named, OneOf, Operation, Order, Values, Var

_SHOWN = "?{} is neither grouped by nor aggregated; add it to GROUP BY, or aggregate it (SAMPLE, COUNT …)"
_USED = "?{} is used outside of an aggregate and is no key of GROUP BY; add it to GROUP BY, or aggregate it, or use a sub-select"


class Modifiers(NamedTuple):
    """What follows the pattern of a query, as `Query` has it."""

    group_by: tuple[Expression | Named, ...]
    having: tuple[Expression, ...]
    order_by: tuple[Order, ...]
    limit: int | None
    offset: int | None
    values: Values | None


def ungrouped(column: Var | Named, group_by: tuple[Expression | Named, ...]) -> str:
    """Say what is wrong with a column of a grouped query; empty if nothing is."""
    keys = {key.variable if isinstance(key, Named) else key for key in group_by}
    if isinstance(column, Var):
        return "" if column in keys else _SHOWN.format(column.name)
    waiting: list[Expression] = [column.expression]
    while waiting:
        each = waiting.pop()
        match each:
            case Var() if each not in keys:
                return _USED.format(each.name)
            case Operation(_, operands) | Call(_, operands):
                waiting.extend(reversed(operands))
            case OneOf(operand, choices):
                waiting.extend((*reversed(choices), operand))
            case Aggregate() | Exists() | _:
                pass
    return ""
