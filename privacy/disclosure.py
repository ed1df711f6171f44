"""Which sums over groups of members may be shown, so that none gives away the few (docs/policy.md).

References
----------
A. Hundepool et al., Statistical Disclosure Control, Wiley 2012, ch. 4: threshold rule, secondary suppression.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import Enum

from ontology.names import FCV
from privacy.errors import PrivacyError


class Verdict(Enum):
    """Shown, or why not: IRI of a concept of `fcv:QualityReasons`."""

    SHOWN = ""
    TOO_FEW = str(FCV.TooFewMembers)
    WITH_ANOTHER = str(FCV.WithheldWithAnother)
    CHANGED = str(FCV.MembershipChanged)


class Homes:
    """Counts homes: those that are copies of one another count once, since one reading tells of all.

    Parameters
    ----------
    copy_of
        Of each member whose home is a copy, the member whose home it is a copy of.
    """

    def __init__(self, copy_of: Mapping[str, str]) -> None:
        self._copy_of = copy_of

    def count(self, members: Iterable[str]) -> int:
        """How many different homes these members have."""
        return len({self._root(member) for member in members})

    def _root(self, member: str) -> str:
        seen = {member}
        while (other := self._copy_of.get(member)) is not None and other not in seen:
            seen.add(other)
            member = other
        return min(seen) if other in seen else member  # copies in a circle are one home


def judged(
    groups: Mapping[str, Collection[str]], parents: Mapping[str, str], homes: Homes, k: int, changed: Collection[str] = ()
) -> dict[str, Verdict]:
    """Decide for each group whether its sum may be shown.

    A group of fewer than `k` homes is not shown. What a shown group leaves when its shown parts are taken away must be nobody or `k`
    homes; as long as it is fewer, the smallest shown part is withheld, too.

    Parameters
    ----------
    groups
        Members by group; the parts of one group have no member in common.
    parents
        Of each part, the group that it is a part of.
    changed
        Groups that somebody has left since they were shown.
    """
    if k < 2:
        raise PrivacyError(f"A group of {k} hides nobody; the smallest group that may be shown has at least 2 members")
    verdicts = {name: Verdict.TOO_FEW if homes.count(members) < k else Verdict.SHOWN for name, members in groups.items()}
    verdicts |= {name: Verdict.CHANGED for name in changed if verdicts.get(name) is Verdict.SHOWN}
    for whole in sorted(set(parents.values())):
        if verdicts.get(whole) is not Verdict.SHOWN:
            continue
        parts = sorted((name for name, parent in parents.items() if parent == whole), key=lambda name: (homes.count(groups[name]), name))
        shown = [name for name in parts if verdicts[name] is Verdict.SHOWN]
        while shown and 0 < homes.count(set(groups[whole]).difference(*(groups[name] for name in shown))) < k:
            verdicts[shown.pop(0)] = Verdict.WITH_ANOTHER
    return verdicts
