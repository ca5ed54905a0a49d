"""What vendors claim of their operating systems, as measurements (docs/claims.md)."""
