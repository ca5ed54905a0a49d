"""A night's message to a webhook: JSON by POST."""

import httpx

from lab.errors import InfrastructureError
from lab.matrix.deliver import NotNow, secret_text
from lab.matrix.message import Message
from lab.matrix.model import Secret, Webhook

_SECONDS = 20.0
_LATER = (408, 425, 429)


def post(hook: Webhook, message: Message) -> None:
    """Deliver a message. Raises NotNow where another try may help, InfrastructureError where none will."""
    url = secret_text(hook.url) if isinstance(hook.url, Secret) else hook.url
    headers = {"User-Agent": "bootlab"}
    if hook.token is not None:
        headers["Authorization"] = f"Bearer {secret_text(hook.token)}"
    try:
        answer = httpx.post(url, json=dict(message.document), headers=headers, timeout=_SECONDS)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
        raise InfrastructureError(f"the address is no URL: {exc}") from exc
    except httpx.HTTPError as exc:
        raise NotNow(str(exc) or type(exc).__name__) from exc
    if answer.is_server_error or answer.status_code in _LATER:
        raise NotNow(f"it answers {answer.status_code} {answer.reason_phrase}")
    if not answer.is_success:  # a redirect, too: it would carry the token elsewhere
        raise InfrastructureError(f"it answers {answer.status_code} {answer.reason_phrase}")
