r"""Which sites reduce how much in which slot, so that a target is met at least cost.

Symbols (i device, s site, t slot, b block of slots; h hours of a slot):

=========  ==========================================================  ======
p[i,t]     reduction of a device                                       kW ≥ 0
w[s,b]     the site is activated in block b                            0, 1
u[s,t]     the site is activated in slot t: Σ w[s,b] over b ∋ t        0 … 1
q[t]       what is missing                                             kW ≥ 0
=========  ==========================================================  ======

Minimise  Σ h·price[s]·p[i,t]  +  Σ h·shortfall price·q[t]  +  Σ tie-break·(1 + earlier activations[s])·w[s,b]  subject to::

    Σ_i p[i,t] + q[t] = target[t]                        the target, or a named shortfall
    p[i,t] ≤ reduction[i,t]·u[s,t]                       physics: what the device can do
    h·Σ_t p[i,t] ≤ energy[i]·Σ_b w[s,b]
    Σ_{i∈s} p[i,t] ≤ headroom[s,t]                       the connection's export limit
    Σ_{i∈s} p[i,t] ≤ capacity[s]·u[s,t]                  the contract
    Σ_b w[s,b] ≤ 1                                       one activation, without a break

Blocks are runs of allowed slots as long as the contract lets them be: a member is paid for energy, so a longer block costs nothing and
can do all that a shorter one within it can. One binary a site is left where the contract covers the whole window (400 sites × 8 slots:
6,400 whole numbers as start-and-stop variables, 1,200 as blocks). Afterwards a block is cut to the slots that are used, but never below
the contract's shortest activation.

"Infeasible" is never an answer: doing nothing is always allowed, the shortfall is priced, and `binding` names the rules that cause it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimiser.errors import ProblemError
from optimiser.solve import Floats, Ints, Limits, MixedProgram, minimise

Bools = NDArray[np.bool_]
RESOLUTION_KW = 0.01  # a shortfall below ten watts is rounding
_DECIMALS = 4


@dataclass(frozen=True)
class Problem:
    """One selection problem with T slots, N devices and S sites.

    Parameters
    ----------
    target_kw
        Shape (T,) [kW, ≥ 0]: reduction that is wanted.
    step_hours
        Length of a slot [h].
    reduction_kw
        Shape (N, T) [kW, ≥ 0]: the most that each device can reduce.
    energy_kwh
        Shape (N,) [kWh]: the most that it can reduce over all slots; infinite where only power counts.
    site
        Shape (N,): row of the device's site.
    capacity_kw, price_eur_per_kwh, min_slots, max_slots, activations
        Shape (S,): the contract's limit [kW], price, shortest and longest activation [slots]; earlier activations, for fairness.
    allowed
        Shape (S, T): slots in which the contract allows an activation at all (window, notice, frequency, validity).
    headroom_kw
        Shape (S, T) [kW]: how far the site's connection may still be relieved before its export limit; infinite where there is none.
    shortfall_eur_per_kwh
        What a kWh short of the target costs; above every price, or nobody is asked.
    tie_break_eur
        Cost of one activation, and of one more for each earlier activation of the site: decides between equals only.
    """

    target_kw: Floats
    step_hours: float
    reduction_kw: Floats
    energy_kwh: Floats
    site: Ints
    capacity_kw: Floats
    price_eur_per_kwh: Floats
    min_slots: Ints
    max_slots: Ints
    activations: Floats
    allowed: Bools
    headroom_kw: Floats
    shortfall_eur_per_kwh: float = 10.0
    tie_break_eur: float = 0.001


@dataclass(frozen=True)
class Selection:
    """What was chosen.

    Attributes
    ----------
    kw
        Shape (N, T) [kW, ≥ 0]: reduction of each device, in steps of 0.1 W.
    on
        Shape (S, T): slots in which each site is activated; one block or none.
    shortfall_kw
        Shape (T,) [kW, ≥ 0]: what is missing.
    cost_eur
        Payments to members [EUR], without the priced shortfall.
    gap
        Relative distance to the best bound; 0 is proven best, infinite means that the solver found nothing and nobody is asked.
    binding
        Rules that, lifted alone, would lessen the shortfall; empty if nothing is missing. `flexibility`: the devices can do no more.
    """

    kw: Floats
    on: Bools
    shortfall_kw: Floats
    cost_eur: float
    gap: float
    binding: tuple[str, ...]


def select(problem: Problem, limits: Limits | None = None, *, explain: bool = True) -> Selection:
    """Choose sites and powers at least cost.

    Parameters
    ----------
    limits
        Time, gap and nodes after which the best answer so far is taken.
    explain
        Name the binding rules of a shortfall, which takes a few more solves.

    Raises
    ------
    ProblemError
        If the arrays don't fit together.
    """
    check(problem)
    chosen = _solve(problem, limits or Limits())
    if explain and chosen.shortfall_kw.any():
        return replace(chosen, binding=_binding(problem, chosen, limits or Limits()))
    return chosen


def check(problem: Problem) -> None:
    """Refuse arrays that don't fit together.

    Raises
    ------
    ProblemError
        Naming the array.
    """
    slots, devices, sites = len(problem.target_kw), len(problem.site), len(problem.capacity_kw)
    shapes = {
        "reduction_kw": (devices, slots),
        "energy_kwh": (devices,),
        "price_eur_per_kwh": (sites,),
        "min_slots": (sites,),
        "max_slots": (sites,),
        "activations": (sites,),
        "allowed": (sites, slots),
        "headroom_kw": (sites, slots),
    }
    for name, shape in shapes.items():
        if (found := getattr(problem, name).shape) != shape:
            raise ProblemError(
                f"{name} has shape {found}, but {shape} fits {devices} devices, {sites} sites and {slots} slots; build it anew"
            )
    for name in ("target_kw", "reduction_kw", "energy_kwh", "capacity_kw"):
        values = getattr(problem, name)
        if np.isnan(values).any() or (values < 0).any():
            raise ProblemError(f"{name} holds {values[~(values >= 0)][0]}, but must be 0 or more everywhere; leave out what isn't known")
    if devices and not (problem.site.min() >= 0 and problem.site.max() < sites):
        raise ProblemError(f"site holds {problem.site.min()} … {problem.site.max()}, but there are {sites} sites; number them from 0")


def _solve(problem: Problem, limits: Limits) -> Selection:
    slots, devices, sites = len(problem.target_kw), len(problem.site), len(problem.capacity_kw)
    blocks = possible_blocks(problem)
    solved = minimise(formulate(problem, blocks), limits)
    kw, on = np.zeros((devices, slots)), np.zeros((sites, slots), dtype=bool)
    if solved.x is not None:
        kw = _tidy(solved.x[: devices * slots].reshape(devices, slots), problem)
        for site, first, last in blocks[solved.x[devices * slots :][: len(blocks)] > 0.5]:
            used = np.flatnonzero(kw[problem.site == site, first:last].any(axis=0))
            if len(used):
                first, last = _cut(first + used[0], first + used[-1] + 1, last, int(problem.min_slots[site]), first)
                on[site, first:last] = True
    missing = problem.target_kw - kw.sum(axis=0)
    return Selection(
        kw=kw,
        on=on,
        shortfall_kw=np.where(missing >= max(RESOLUTION_KW, devices / 10**_DECIMALS), missing, 0.0).round(_DECIMALS),
        cost_eur=float((kw.sum(axis=1) * problem.price_eur_per_kwh[problem.site]).sum() * problem.step_hours),
        gap=solved.gap,
        binding=(),
    )


def _cut(begin: int, end: int, last: int, shortest: int, first: int) -> tuple[int, int]:
    """Lengthen the used slots `[begin, end)` to the shortest activation, within the block `[first, last)`."""
    end = min(max(end, begin + shortest), last)
    return max(min(begin, end - shortest), first), end


def _tidy(kw: Floats, problem: Problem) -> Floats:
    """Cut to tenths of a watt, downwards, so that no limit is passed by rounding."""
    tenths = 10.0**_DECIMALS
    return np.maximum(np.floor(np.minimum(kw, problem.reduction_kw) * tenths + 1e-3), 0.0) / tenths


def possible_blocks(problem: Problem) -> Ints:
    """List the longest activations that each contract allows: rows (site, first slot, slot after the last)."""
    found = []
    for site, allowed in enumerate(problem.allowed):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], allowed.astype(np.int8), [0]])))
        shortest, longest = int(problem.min_slots[site]), int(problem.max_slots[site])
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            length = min(longest, int(last - first))
            if length >= max(shortest, 1):
                found += [(site, begin, begin + length) for begin in range(int(first), int(last) - length + 1)]
    return np.array(found, dtype=np.int64).reshape(-1, 3)


def formulate(problem: Problem, blocks: Ints) -> MixedProgram:
    """Spell the problem as a mixed-integer program; columns p (device-major), w (one a block), q."""
    slots, devices = len(problem.target_kw), len(problem.site)
    p = np.arange(devices * slots).reshape(devices, slots)
    w = p.size + np.arange(len(blocks))
    q = p.size + w.size + np.arange(slots)
    hours, price = problem.step_hours, problem.price_eur_per_kwh[problem.site]
    most = np.minimum(problem.reduction_kw, problem.target_kw)
    rows = _Rows()
    rows.add([(p.T, 1.0), (q[:, None], 1.0)], problem.target_kw, problem.target_kw)
    order = np.argsort(problem.site, kind="stable")
    members = dict(zip(*_groups(problem.site[order], order), strict=True))
    for site, devices_of in members.items():
        own = blocks[:, 0] == site
        _site_rows(rows, problem, int(site), p[devices_of], most[devices_of], problem.energy_kwh[devices_of], w[own], blocks[own])
    row, column, value, low, high = rows.finish()
    ties = problem.tie_break_eur * (1.0 + problem.activations)
    return MixedProgram(
        cost=np.concatenate([np.repeat(price * hours, slots), ties[blocks[:, 0]], np.full(slots, problem.shortfall_eur_per_kwh * hours)]),
        lower=np.zeros(p.size + w.size + slots),
        upper=np.concatenate([most.ravel(), np.ones(w.size), problem.target_kw]),
        integer=np.concatenate([np.zeros(p.size, bool), np.ones(w.size, bool), np.zeros(slots, bool)]),
        row=row,
        column=column,
        value=value,
        row_lower=low,
        row_upper=high,
    )


def _site_rows(rows: "_Rows", problem: Problem, site: int, p: Ints, most: Floats, energy: Floats, w: Ints, blocks: Ints) -> None:
    """The rules of one site: devices only while activated, their energy, the contract's capacity, the connection's headroom, one activation."""
    slots = np.arange(p.shape[1])
    covers = ((blocks[:, 1] <= slots[:, None]) & (slots[:, None] < blocks[:, 2])).astype(float)  # (slots, blocks)
    every = np.broadcast_to(w, covers.shape)
    for own, able in zip(p, most, strict=True):
        rows.add([(own[:, None], 1.0), (every, -able[:, None] * covers)], -np.inf, 0.0)
    finite = np.isfinite(energy)
    rows.add([(p[finite], problem.step_hours), (np.broadcast_to(w, (int(finite.sum()), len(w))), -energy[finite][:, None])], -np.inf, 0.0)
    if np.isfinite(problem.capacity_kw[site]):
        rows.add([(p.T, 1.0), (every, -problem.capacity_kw[site] * covers)], -np.inf, 0.0)
    near = np.isfinite(problem.headroom_kw[site])
    rows.add([(p[:, near].T, 1.0)], -np.inf, np.maximum(problem.headroom_kw[site][near], 0.0))
    rows.add([(w[None, :], 1.0)], -np.inf, 1.0)


def _groups(sorted_sites: Ints, order: Ints) -> tuple[list[int], list[Ints]]:
    sites, first = np.unique(sorted_sites, return_index=True)
    return [int(site) for site in sites], np.split(order, first[1:]) if len(sites) else []


class _Rows:
    """Collects constraint rows as triplets."""

    def __init__(self) -> None:
        self._count = 0
        self._parts: list[tuple[Ints, Ints, Floats]] = []
        self._bounds: list[tuple[Floats, Floats]] = []

    def add(self, terms: list[tuple[Ints, float | Floats]], low: float | Floats, high: float | Floats) -> None:
        """Add as many rows as the terms have: each term is (columns of shape (rows, n), coefficients that broadcast to it)."""
        size = len(terms[0][0])
        for columns, coefficients in terms:
            row = np.broadcast_to(self._count + np.arange(size)[:, None], columns.shape)
            values = np.broadcast_to(coefficients, columns.shape)
            keep = values != 0
            self._parts.append((row[keep], columns[keep], np.asarray(values[keep], dtype=np.float64)))
        self._bounds.append((np.broadcast_to(np.asarray(low, float), size), np.broadcast_to(np.asarray(high, float), size)))
        self._count += size

    def finish(self) -> tuple[Ints, Ints, Floats, Floats, Floats]:
        """Return row, column, value, lower and upper bounds."""
        row, column, value = (np.concatenate(parts) for parts in zip(*self._parts, strict=True))
        low, high = (np.concatenate(parts) for parts in zip(*self._bounds, strict=True))
        return row, column, value, low, high


def _binding(problem: Problem, chosen: Selection, limits: Limits) -> tuple[str, ...]:
    """Lift one rule at a time; those whose lifting lessens the shortfall bind."""
    without = {
        "capacity": replace(problem, capacity_kw=np.full_like(problem.capacity_kw, np.inf)),
        "duration": replace(
            problem, min_slots=np.ones_like(problem.min_slots), max_slots=np.full_like(problem.max_slots, len(problem.target_kw))
        ),
        "energy": replace(problem, energy_kwh=np.full_like(problem.energy_kwh, np.inf)),
        "connection": replace(problem, headroom_kw=np.full_like(problem.headroom_kw, np.inf)),
        "window or notice": replace(problem, allowed=np.ones_like(problem.allowed)),
    }
    missing = float(chosen.shortfall_kw.sum())
    rough = replace(limits, seconds=limits.seconds / 5, gap=max(limits.gap, 1e-3))
    lifted = {rule: float(_solve(other, rough).shortfall_kw.sum()) for rule, other in without.items()}
    found = tuple(rule for rule, rest in lifted.items() if rest < missing - RESOLUTION_KW)
    return found or ("flexibility",)
