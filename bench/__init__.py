"""Benchmarks: ours beside the peer or the floor, in the same run; the last line of output is one JSON object.

`python -m bench NAME [--json]` with NAME one of ingest, query, week, kill, load, forecast, selection, baseline.
"""
