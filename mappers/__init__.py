"""From a payload to readings, as pure functions: the same payload gives the same answer, and nothing is fetched, stored or guessed.

`jsonld` reads the messages of the boxes and any other valid JSON-LD with the same meaning, `csv` reads files of another cooperative,
`records` is what comes out: series of exact decimals and, beside them, refusals that say what was wrong and what to do. It reads no
graph and writes none; it must not know the store, which channels exist, or whether a value is plausible.
"""
