"""`python -m lab.config > docs/lab.schema.json`: the JSON schema of a site file, for editors."""

import json
import sys

from lab.config.schema import site_schema


def schema_text() -> str:
    """Return the schema as docs/lab.schema.json holds it."""
    return json.dumps(site_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
