"""What can go wrong between the platform and its graph.

Exception
└── GraphError
    ├── StoreError (RuntimeError)      the store can't be opened, reached or written
    │   └── StoreTimeoutError (TimeoutError)  a query ran past its deadline
    └── QueryError (ValueError)        a query or its parameters are wrong
"""


class GraphError(Exception):
    """Base of everything that `kg` raises."""


class StoreError(GraphError, RuntimeError):
    """The store can't be opened, reached, read or written."""


class StoreTimeoutError(StoreError, TimeoutError):
    """A query ran past its deadline and was ended."""


class QueryError(GraphError, ValueError):
    """A query is malformed, or its parameters don't fit its header."""
