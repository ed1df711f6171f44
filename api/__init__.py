"""The faces: pages, linked data, the SPARQL endpoint and the commands' address, all in Flask.

Reads the graph by the named queries in `api/queries`, readings and forecasts by their packages' own functions; changes it only by the
commands that `app.py` hands in. A view parses, makes one call, renders; no rule of the trade lives here, and nobody but this package
knows Flask.
"""

from api.application import create_app
from api.services import ApiSettings, Services

__all__ = ["ApiSettings", "Services", "create_app"]
