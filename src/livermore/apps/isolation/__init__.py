"""The proof of isolation: made-up tenants ask for everything, and nobody may see what is another's."""

from livermore.apps.isolation.proof import Finding, Proof, Row
from livermore.apps.isolation.run import prove

__all__ = ["Finding", "Proof", "Row", "prove"]
