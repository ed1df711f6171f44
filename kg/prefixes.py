"""The prefixes of the project, read from the one file that lists them."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_LINE = re.compile(r"^@prefix\s+([\w.-]*):\s*<([^>]*)>\s*\.", re.MULTILINE)


@cache
def prefixes() -> Mapping[str, str]:
    """Return prefix → namespace, in the order of `ontology/prefixes.ttl`."""
    text = files("ontology").joinpath("prefixes.ttl").read_text(encoding="utf-8")
    return MappingProxyType(dict(_LINE.findall(text)))
