"""All families of verbs: what the command line offers, and what the platform does."""

from commands import accounts, box, certificates, demo, keeping, letters, loading, market, partners, query, rights
from commands.arguments import Verbs
from commands.line import Declare
from commands.work import Work
from service import Platform


def declare(verb: Declare) -> None:
    """Declare every verb, in the order in which the help lists them."""
    for family in (
        demo.declare,
        box.declare,
        loading.declare,
        market.declare,
        keeping.declare,
        letters.declare,
        certificates.declare,
        accounts.declare,
        rights.declare,
        partners.declare,
        query.declare,
    ):
        family(verb)


def verbs(platform: Platform) -> Verbs:
    """Return every verb, bound to a platform."""
    work = Work()
    return {
        **loading.verbs(platform, work),
        **market.verbs(platform),
        **keeping.verbs(platform, work),
        **letters.verbs(platform),
        **certificates.verbs(platform),
        **accounts.verbs(platform),
        **rights.verbs(platform),
        **partners.verbs(platform),
    }
