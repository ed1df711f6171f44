"""The `flex` commands, one module a family of verbs.

A module of a family says both sides of its verbs: `declare` gives the command line their names, options and help; `verbs` gives the
platform what they do there: JSON in, JSON out, which `/api/commands` calls as well. `table` lists the families. A command talks to the
platform that runs on the same data directory; where none runs, it opens the store itself (`context`).
"""
