"""`POST /api/enrol`: a box with a claim code is given its certificate."""

from flask import Blueprint, Response, jsonify, request

from api.errors import problem
from api.guard import rule
from api.services import services
from telemetry.errors import ClaimCodeError, EnrolmentError, ThrottledError

pages = Blueprint("enrolment", __name__)
_MAX_BODY_BYTES = 16384
_MAX_CODE = 64


@pages.post("/api/enrol")
@rule.anybody
def enrol() -> Response:
    """Answer `{"osb": identifier, "code": claim code, "csr": PEM}` with certificate, authority and the broker's address."""
    give = services().enrol
    if give is None:
        return problem(409, "This platform gives no certificates to boxes")
    if (request.content_length or 0) > _MAX_BODY_BYTES or len(request.get_data()) > _MAX_BODY_BYTES:
        return problem(413, f"An enrolment has at most {_MAX_BODY_BYTES} bytes")
    match request.get_json(silent=True):
        case {"osb": str(osb), "code": str(code), "csr": str(csr)} if len(code) <= _MAX_CODE:
            pass
        case _:
            return problem(
                400,
                "An enrolment is one JSON object with osb, code and csr (PEM), all of them texts, sent with Content-Type: application/json",
            )
    try:
        answer = jsonify(give(osb, code, csr.encode("utf-8", "replace")))
    except ThrottledError as error:
        refused = problem(429, str(error))
        refused.headers["Retry-After"] = str(error.retry_after)
        return refused
    except ClaimCodeError as error:
        return problem(403, str(error))
    except EnrolmentError as error:
        return problem(422, str(error))
    answer.headers["Cache-Control"] = "no-store"
    return answer
