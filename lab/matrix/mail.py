"""A night's message by mail, through a server of the user's."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from lab.errors import InfrastructureError
from lab.matrix.deliver import NotNow, secret_text
from lab.matrix.message import Message
from lab.matrix.model import Mail

_SECONDS = 20.0


def send(mail: Mail, message: Message) -> None:
    """Deliver a message. Raises NotNow where another try may help, InfrastructureError where none will."""
    letter = EmailMessage()
    try:
        letter["Subject"] = message.subject
        letter["From"], letter["To"] = mail.sender, ", ".join(mail.to)
        letter["Date"], letter["Message-ID"] = formatdate(), make_msgid(domain="bootlab.invalid")
        letter.set_content(message.text)
    except ValueError as exc:
        raise InfrastructureError(f"the letter cannot be written: {exc}") from exc
    password = secret_text(mail.password) if mail.password is not None else ""
    try:
        with _connect(mail) as server:
            if mail.user:
                server.login(mail.user, password)
            server.send_message(letter)
    except ssl.SSLError as exc:
        raise InfrastructureError(f"the server cannot be trusted: {exc}") from exc
    except smtplib.SMTPResponseException as exc:
        told = f"the server says {exc.smtp_code} {_text(exc.smtp_error)}"
        raise (NotNow(told) if 400 <= exc.smtp_code < 500 else InfrastructureError(told)) from exc
    except smtplib.SMTPRecipientsRefused as exc:
        codes = [f"{who}: {code} {_text(why)}" for who, (code, why) in exc.recipients.items()]
        raise InfrastructureError(f"the server refuses {'; '.join(codes)}") from exc
    except smtplib.SMTPNotSupportedError as exc:
        raise InfrastructureError(f"{exc}; is `security` right?") from exc
    except (smtplib.SMTPException, OSError) as exc:
        raise NotNow(str(exc) or type(exc).__name__) from exc


def _connect(mail: Mail) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.server, mail.port, timeout=_SECONDS, context=context)
    server = smtplib.SMTP(mail.server, mail.port, timeout=_SECONDS)
    if mail.security == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said
