"""The demo cooperative: real homes, simulated devices, and a clock that runs their history.

Reads the measured year from `scenario/data` (fetched by `make setup`). Writes the facts that a cooperative's clerk and its members would
enter (registry, members, sites, comfort, consents), the signed contracts, and the configuration of the simulated homes. `clock` moves
time: it asks the boxes for a stretch of readings, waits until all are committed, and lets the platform do what is due. The platform
itself does not know that it is in a scenario.
"""
