"""Who is knocking: the token, the session that it opens, and the gate before pages and API."""

from livermore.apps.access.gate import Access

__all__ = ["Access"]
