"""HiGHS behind one function: arrays in, arrays out. The one file that knows the solver.

References
----------
Huangfu, Q. and Hall, J. A. J. (2018), Parallelizing the dual revised simplex method, Math. Prog. Comp. 10, doi:10.1007/s12532-017-0130-5.
"""

from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class MixedProgram:
    """Minimise `cost · x` with `lower ≤ x ≤ upper`, `row_lower ≤ A x ≤ row_upper`, `x[integer]` whole; A as triplets (row, column, value)."""

    cost: Floats
    lower: Floats
    upper: Floats
    integer: NDArray[np.bool_]
    row: Ints
    column: Ints
    value: Floats
    row_lower: Floats
    row_upper: Floats


@dataclass(frozen=True)
class Limits:
    """When the solver stops: seconds, relative gap, and nodes of the tree (which, unlike seconds, are the same on every machine)."""

    seconds: float = 10.0
    gap: float = 1e-4
    nodes: int = 20_000


@dataclass(frozen=True)
class Solved:
    """The best point found (`None` if none was), its relative gap to the best bound, and HiGHS's word for how it ended."""

    x: Floats | None
    gap: float
    status: str


def minimise(program: MixedProgram, limits: Limits) -> Solved:
    """Solve a program on one thread with a fixed seed, so that the same arrays give the same answer."""
    highs = highspy.Highs()
    for option, value in (
        ("output_flag", False),
        ("threads", 1),
        ("random_seed", 1),
        ("time_limit", limits.seconds),
        ("mip_rel_gap", limits.gap),
        ("mip_max_nodes", limits.nodes),
    ):
        highs.setOptionValue(option, value)
    highs.passModel(_model(program))
    highs.run()
    info = highs.getInfo()
    status = highs.modelStatusToString(highs.getModelStatus())
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return Solved(None, float("inf"), status)
    gap = float(info.mip_gap) if program.integer.any() else 0.0
    return Solved(np.asarray(highs.getSolution().col_value, dtype=np.float64), gap, status)


def _model(program: MixedProgram) -> "highspy.HighsLp":
    order = np.lexsort((program.column, program.row))
    counts = np.bincount(program.row, minlength=len(program.row_lower))
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(program.cost), len(program.row_lower)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.cost, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(counts)])
    lp.a_matrix_.index_ = program.column[order]
    lp.a_matrix_.value_ = program.value[order]
    kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    lp.integrality_ = [kinds[int(whole)] for whole in program.integer]
    return lp
