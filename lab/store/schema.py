"""The records as JSON schemas (draft 2020-12), made from the dataclasses that read and write them.

`python -m lab.store.schema` writes docs/schemas/; a test holds the files there against this.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from lab.model import SCHEMA, BootRecord, Measurement
from lab.store.codec import LARGEST
from lab.store.run import BOOTS_FILE, MEASUREMENTS_FILE, RUN_FILE, RunInfo
from lab.store.writer import write_text

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schemas"
RECORDS: dict[str, tuple[type, str]] = {
    "run.schema.json": (RunInfo, RUN_FILE),
    "boot.schema.json": (BootRecord, f"a line of {BOOTS_FILE}"),
    "measurement.schema.json": (Measurement, f"a line of {MEASUREMENTS_FILE}"),
}
_COMMENT = re.compile(r"^    (\w+): [^#\n]*  # (.+)$", re.MULTILINE)


class _Records(GenerateJsonSchema):
    """What our reader takes, which pydantic does not know: how large a number may be, and which schema it is.

    The comment behind a field describes it. Unknown keys are allowed: a later bootlab may have added a field.
    """

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return {**super().int_schema(schema), "minimum": -LARGEST, "maximum": LARGEST}

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        made = super().dataclass_schema(schema)
        for name, told in _COMMENT.findall(inspect.getsource(schema["cls"])):
            made["properties"][name]["description"] = told
        if "schema" in made["properties"]:
            made["properties"]["schema"] = {"const": SCHEMA}
            made["required"].append("schema")
        made["description"] = " ".join(made["description"].split())
        return made


def record_schema(cls: type, where: str) -> dict[str, Any]:
    """Return the schema of the records of one kind; `where` says what holds them."""
    made = TypeAdapter(cls).json_schema(schema_generator=_Records)
    title = f"{cls.__name__}: {where}"
    return {"$schema": GenerateJsonSchema.schema_dialect, **made, "title": title}


def schema_text(name: str) -> str:
    """Return the text of the file of that name in docs/schemas."""
    return json.dumps(record_schema(*RECORDS[name]), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for _name in RECORDS:
        write_text(FOLDER / _name, schema_text(_name))
