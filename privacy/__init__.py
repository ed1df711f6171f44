"""What the law gives people over their data, and what others may have without it: export, erasure, aggregates that hide the few.

Reads every graph of a member; writes exports (files), aggregates (graphs), and takes away what is to be forgotten.
"""
