"""Forms made from shapes: what a form asks, what the graph says to it, what somebody filled in, and which triples that changes.

Reads the graph `shapes` as it lies in the files, and the graphs of what is edited; writes nothing itself: an edit is a `registry.Delta`,
and the gate lets it in or not. `model` says what a form is, `made` makes it from SHACL, `things` reads what is there, `filled` reads what
was sent, `changes` turns both into a delta. It must not know of HTTP or HTML.
"""
