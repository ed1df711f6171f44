"""Who somebody is, and what they may see.

Reads from the graph: members, consents, grants, claims. Keeps outside it, in SQLite: accounts, sessions, tokens, clients, who read what.
`policy.Policy.scope(principal)` is the one function that maps a principal to graphs; `api.guard` asks it for every request.
"""
