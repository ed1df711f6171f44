"""The edge: Open Smart Boxes, their outbox, their transport, and the simulated homes behind them.

A box announces what it manages, publishes readings as JSON-LD, obeys dispatch and reports. It reads its configuration and the replayed
series, and its own SQLite outbox; it writes messages. Each message stays in the outbox until the platform's own acknowledgement. It must
not know the store or the platform's packages: the two meet in messages (docs/data-model.md §4).
"""
