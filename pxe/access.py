"""Who may do what in the operator's API: three roles, each of which may do all that those before it may."""

from enum import StrEnum


class Role(StrEnum):
    """What a caller of the API may do."""

    VIEWER = "viewer"  # read everything
    OPERATOR = "operator"  # change what machines boot
    ADMIN = "admin"  # tokens, and the service itself

    def may(self, needed: "Role") -> bool:
        """Whether this role is `needed` or more."""
        order = list(Role)
        return order.index(self) >= order.index(needed)
