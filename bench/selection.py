"""Selection of members for a two-hour reduction: ours (arrays → model → answer) beside bare HiGHS on the same model."""

import argparse
import json
import sys
import time
from collections.abc import Sequence

import numpy as np

from optimiser.selection import Problem, formulate, possible_blocks, select
from optimiser.solve import Limits, minimise
from optimiser.verify import violations

SLOTS = 8


def problem(devices: int, seed: int = 1) -> Problem:
    """A cooperative with 2.5 devices a site, contracts like the demo's, and a target of half of what could be had."""
    rng = np.random.default_rng(seed)
    sites = max(1, round(devices / 2.5))
    site = np.sort(np.arange(devices) % sites)
    reduction = rng.uniform(0.2, 5.0, (devices, 1)) * rng.uniform(0.6, 1.0, (devices, SLOTS))
    capacity = rng.uniform(3.0, 8.0, sites)
    total = np.zeros((sites, SLOTS))
    np.add.at(total, site, reduction)
    return Problem(
        target_kw=np.full(SLOTS, round(0.5 * float(np.minimum(total, capacity[:, None]).sum(axis=0).min()), 1)),
        step_hours=0.25,
        reduction_kw=reduction,
        energy_kwh=rng.uniform(1.0, 8.0, devices),
        site=site,
        capacity_kw=capacity,
        price_eur_per_kwh=rng.choice([0.2, 0.25, 0.3], sites),
        min_slots=np.ones(sites, dtype=np.int64),
        max_slots=rng.choice([4, 8], sites),
        activations=rng.integers(0, 4, sites).astype(float),
        allowed=np.ones((sites, SLOTS), dtype=bool),
        headroom_kw=np.full((sites, SLOTS), np.inf),
    )


def measure(devices: int, rounds: int = 3) -> dict[str, float]:
    """Best of some rounds, in seconds: ours from arrays to a checked answer, and the solver alone."""
    given = problem(devices)
    program, limits = formulate(given, possible_blocks(given)), Limits()
    ours, floor = [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        chosen = select(given, limits)
        ours.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        minimise(program, limits)
        floor.append(time.perf_counter() - begin)
    if found := violations(given, chosen):
        raise SystemExit("the selection breaks its own rules: " + "; ".join(found[:3]))
    return {
        "devices": devices,
        "ours_s": round(min(ours), 4),
        "floor_s": round(min(floor), 4),
        "ratio": round(min(ours) / min(floor), 2),
        "gap": chosen.gap,
        "shortfall_kw": round(float(chosen.shortfall_kw.max()), 3),
        "cost_eur": round(chosen.cost_eur, 4),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a line a size and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    parser.add_argument("--devices", type=int, nargs="+", default=[17, 170, 1000])
    options = parser.parse_args(arguments)
    rows = [measure(devices) for devices in options.devices]
    if not options.json:
        for row in rows:
            print(f"{row['devices']:>5} devices: ours {row['ours_s']:.3f} s, HiGHS alone {row['floor_s']:.3f} s, gap {row['gap']:.1e}")
    print(json.dumps({"bench": "select", "unit": "s", "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
