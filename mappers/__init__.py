"""From a payload to readings, as pure functions: the same payload gives the same answer, and nothing is fetched, stored or guessed.

`telemetry` reads whatever may come on the telemetry topic: `jsonld` the messages of the boxes and any other valid JSON-LD with the same
meaning, `senml` packs. `csv` (and beside it, at bulk speed, `csvfile` and `parquet`) reads files. `registers`, `sunspec` and `flat` read
what a device says by its `profile`, a folder of data. `records` and `points` are what comes out: series of exact decimals, flags and
samples and, beside them, refusals that say what was wrong and what to do; `triples` spells them as triples. It reads no graph and writes
none; it must not know the store, which channels exist, or whether a value is plausible.
"""
