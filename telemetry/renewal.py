"""A box asks for its next certificate on its own topic, `flexcoop/osb/{osb}/renew`; who publishes there has shown the present one."""

import logging
from collections.abc import Callable

import orjson

from telemetry.authority import Authority

_LOG = logging.getLogger(__name__)


def renewals(authority: Authority) -> Callable[[str, bytes], bytes]:
    """Make the function that answers a certificate request (PEM) of an OSB: its certificate as PEM, or `{"refused": sentence}`."""

    def answer(osb: str, payload: bytes) -> bytes:
        try:
            return authority.renew(osb, payload).certificate.encode()
        except ValueError as error:
            _LOG.warning("%s was refused a renewal: %s", osb, error)
            return orjson.dumps({"refused": str(error)})

    return answer
