"""What can go wrong while a payload is read.

Exception
└── MappingError (ValueError)    nothing of the payload can be used; a single bad reading is a `records.Refusal` instead
"""


class MappingError(ValueError):
    """The whole payload is unusable: not JSON, a remote context, no message id, too large, too deep."""
