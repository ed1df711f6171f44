"""What can go wrong with a graph at the border.

Exception
└── ShapesError
    └── InvalidGraphError (ValueError)  a graph breaks its shapes; `findings` says where
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapes.validate import Finding


class ShapesError(Exception):
    """Base of everything that `shapes` raises on purpose."""


class InvalidGraphError(ShapesError, ValueError):
    """A graph breaks its shapes; `findings` holds every breach, the message all their sentences."""

    def __init__(self, what: str, findings: "tuple[Finding, ...]") -> None:
        self.what = what
        self.findings = findings
        sentences = "\n".join(f"- {finding.sentence}" for finding in findings)
        count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
        super().__init__(f"{what} was refused, nothing of it was stored ({count}):\n{sentences}")
