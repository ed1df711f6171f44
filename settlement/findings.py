"""Doubt as data: what a reader of a result must know about how it came about."""

from dataclasses import dataclass

from ontology.names import FCV

SHORT_HISTORY = str(FCV.ShortHistory)
MISSING_READINGS = str(FCV.MissingReadings)
MISSING_WEATHER = str(FCV.MissingWeather)
NO_ADJUSTMENT = str(FCV.NoAdjustment)
FEW_PLACEBO_DAYS = str(FCV.FewPlaceboDays)
FLAGGED_READINGS = str(FCV.FlaggedReadings)
SIGNATURE_MISMATCH = str(FCV.SignatureMismatch)
CONTRACT_BREACH = str(FCV.ContractBreach)
NOT_ACCEPTED = str(FCV.NotAccepted)
NEGATIVE_SHARE = str(FCV.NegativeCooperativeShare)


@dataclass(frozen=True, order=True)
class Finding:
    """One doubt: its code (IRI of a concept) and the sentence that a person reads."""

    code: str
    sentence: str
