"""GET /transfers: what is being sent at this moment, over TFTP and HTTP."""

from typing import Any

from flask import Blueprint
from typing_extensions import TypedDict

from pxe.events import TransferStarted, to_json
from pxe.web.context import context
from pxe.web.operator.operation import operation

blueprint = Blueprint("transfers", __name__)


class Transfers(TypedDict):
    """Those that have not ended."""

    transfers: list[TransferStarted]


@blueprint.get("/transfers")
@operation(reply=Transfers)
def list_transfers() -> dict[str, Any]:
    """The `transfer-started` events of all transfers that have not ended."""
    return {"transfers": [to_json(event) for event in context().events.under_way()]}
