"""What was agreed is not edited: why a contract, a consent or a grant stays as it was written, in the reader's language."""

from collections.abc import Iterable

from pyoxigraph import Quad

from api.languages import language
from registry import agreed


def fixed(iri: str, quads: Iterable[Quad]) -> str:
    """Say why a thing is not edited, taken away or made what it was before; nothing where it may be. See `registry.agreed.fixed`."""
    refused = agreed.fixed(iri, quads)
    return "" if refused is None else refused.said(language())
