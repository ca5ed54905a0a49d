"""The page of one sheet, or of several side by side: one table, one picture."""

from lab.claims.page.write import write_page

__all__ = ["write_page"]
