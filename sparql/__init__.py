"""The endpoint: answers untrusted SPARQL queries, each within what its principal may see.

A query is parsed to a tree (`parser`, `nodes`), confined to the graphs of its `Scope` (`scoping`), given the face of stored history
(`observations`), printed again (`printer`) and run in a killable worker process on a checkpoint (`service`, `worker`). What runs is what
was understood: no text of a stranger reaches an engine. It must not know who asks, only the scope it is given (`access` decides that).
"""
