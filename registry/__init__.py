"""Edits of the graph by people and tools: a delta is held against the shapes, written in one transaction, with who, when and why.

Reads the graphs that a delta touches; writes them and the activity in graph `audit`. It must not know of HTTP or forms.
"""
