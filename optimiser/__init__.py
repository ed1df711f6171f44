"""Who is asked for how much, and what happens when one of them drops out.

Reads from the graph: requests, active contracts, consents and availability, flexibility and forecasts as known at the time, connection
limits, earlier events. Writes: events, instructions, opt-outs (`member/{m}/events`), the campaign's state and promise, and the activity
that decided it (`market`). `selection` and `verify` are pure and share no code: numbers in, numbers out. It must not know how devices are
reached (it is given `send`) nor how delivery is settled.

`campaigns` has the verbs; it alone locks, writes and sends. What a verb does is put together as a `change` by `scheduling`, `opt_outs`,
`replacement`, `reports`, `pauses` and `course`, with instructions from `dispatch`; `states` says what may follow what, `records` is what is
read, `statements` what is written. Sites are chosen by `planning`, which asks `selection` and `solve` and has `verify` check the answer.
"""

from optimiser.campaigns import Campaigns
from optimiser.errors import CampaignError, OptimiserError, ReportError
from optimiser.selection import Problem, Selection, select
from optimiser.verify import violations

__all__ = ["CampaignError", "Campaigns", "OptimiserError", "Problem", "ReportError", "Selection", "select", "violations"]
