"""Pack answers for clients that unpack them: data and scripts, not pages, whose length could tell a secret beside a stranger's text."""

from flask import Flask, Response
from flask_compress import Compress

PACKED = [
    "application/sparql-results+json",
    "application/sparql-results+xml",
    "application/json",
    "application/ld+json",
    "application/n-triples",
    "application/n-quads",
    "application/trig",
    "application/rdf+xml",
    "text/turtle",
    "text/csv",
    "text/tab-separated-values",
    "text/css",
    "text/javascript",
    "application/javascript",
    "image/svg+xml",
]
LEAST_BYTES = 1024


def install(app: Flask) -> None:
    """Pack answers from 1 kB on with what the client likes of Brotli and gzip; a validator then bears the way of packing."""
    app.config["COMPRESS_MIMETYPES"] = PACKED
    app.config["COMPRESS_MIN_SIZE"] = LEAST_BYTES
    app.config["COMPRESS_ALGORITHM"] = ["br", "gzip"]
    app.config["COMPRESS_ALGORITHM_STREAMING"] = ["br", "gzip"]
    app.config["COMPRESS_REGISTER"] = False
    packing = Compress(app)

    @app.after_request
    def _packed(answer: Response) -> Response:
        """Leave parts alone: the bytes that were asked for are bytes of what is not packed."""
        packed: Response = packing.after_request(answer) if answer.status_code == 200 else answer
        return packed
