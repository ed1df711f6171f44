"""What was agreed is not edited: why a contract, a consent or a grant stays as it was written, and what to do instead."""

from collections.abc import Iterable

from pyoxigraph import NamedNode, Quad

from api.languages import _
from ontology.names import FC, FCV, RDF

_TYPE, _STATUS, _SIGNED, _WITHDRAWN = str(RDF.type), str(FC.status), str(FC.hasSignature), str(FC.withdrawnAt)
_CONTRACT, _CONSENT, _GRANT = str(FC.FlexibilityContract), str(FC.DataConsent), str(FC.DataGrant)


def fixed(iri: str, quads: Iterable[Quad]) -> str:
    """Say why a thing is not edited, taken away or made what it was before; nothing where it may be.

    Parameters
    ----------
    quads
        What is said of it: now, or of one that is gone, what an undo would bring back.
    """
    about = NamedNode(iri)
    said = {(quad.predicate.value, getattr(quad.object, "value", "")) for quad in quads if quad.subject == about}
    paths = {path for path, _value in said}
    if (_TYPE, _CONSENT) in said:
        return _withdrawn() if _WITHDRAWN in paths else _standing()
    if (_TYPE, _GRANT) in said:
        return _(
            "A grant to a partner is not edited, and one that was withdrawn is not brought back, so that it stays known what the partner "
            "could see. Withdraw it, and grant anew what it may see from now on."
        )
    if (_TYPE, _CONTRACT) not in said:
        return ""
    if (_STATUS, str(FCV.ContractEnded)) in said:
        return _("This contract has ended, so it is not changed any more, and its end is not undone. Draft a new one for the member.")
    if (_STATUS, str(FCV.ContractActive)) in said or _SIGNED in paths:
        return _(
            "This contract is signed. A signature is not undone, and what was signed is not changed. Agree a new revision with the member, "
            "which takes its place once both have signed, or end the contract."
        )
    return ""


def _withdrawn() -> str:
    return _("This consent was withdrawn. Nobody gives it back for the member: the member gives a new one on their page of data.")


def _standing() -> str:
    return _(
        "A consent is the member's own word, so it is not edited or undone here. The member withdraws it on their page of data, and gives "
        "another one there."
    )
