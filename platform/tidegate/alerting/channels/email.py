"""Mail by SMTP. All that is said of one incident is one thread."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from tidegate.alerting.channels.http import SECONDS, ChannelError
from tidegate.alerting.message import Message

PORTS = {"smtp": 587, "smtps": 465}


def mail_of(message: Message, sender: str, to: Sequence[str], alert_id: str) -> EmailMessage:
    """The mail. Sent twice, it is the same one: receivers know it by its id."""
    mail = EmailMessage()
    mail["Subject"] = " ".join(message.title.split())
    mail["From"], mail["To"] = sender, ", ".join(to)
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = f"<{alert_id}@tidegate>"
    mail["References"] = f"<{hashlib.sha256(message.dedup_key.encode()).hexdigest()[:32]}@tidegate>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join((*message.lines, message.link)) + "\n")
    return mail


def send_mail(server: str, sender: str, to: Sequence[str], message: Message, alert_id: str) -> None:
    """Send by the server at a URL. Raises ChannelError unless it took the mail for everybody."""
    try:
        parts = urlsplit(server)
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        parts, port = urlsplit(""), 0
    if not parts.hostname:
        raise ChannelError("The variable holds no address that begins with smtp:// or smtps:// and has a host.")
    mail = mail_of(message, sender, to, alert_id)
    try:
        with _connected(parts.scheme, parts.hostname, port) as smtp:
            if parts.username:
                _refuse_without_tls(smtp, parts.scheme, parts.hostname)
                smtp.login(unquote(parts.username), unquote(parts.password or ""))
            refused = smtp.send_message(mail)
    except smtplib.SMTPAuthenticationError as error:
        raise ChannelError("Its server rejected the login.") from error
    except (smtplib.SMTPException, OSError) as error:
        raise ChannelError(f"Its server cannot be reached or took no mail ({type(error).__name__}).") from error
    if refused:
        raise ChannelError(f"Its server refused {len(refused)} of {len(to)} receivers.")


def _connected(scheme: str, host: str, port: int) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
    smtp = smtplib.SMTP(host, port, timeout=SECONDS)
    smtp.ehlo()
    if smtp.has_extn("starttls"):
        smtp.starttls(context=context)
        smtp.ehlo()
    return smtp


def _refuse_without_tls(smtp: smtplib.SMTP, scheme: str, host: str) -> None:
    """Keep the password out of the network, unless the server is this machine's."""
    is_safe = scheme == "smtps" or isinstance(smtp.sock, ssl.SSLSocket) or host in ("localhost", "127.0.0.1", "::1")
    if not is_safe:
        raise ChannelError("Its server offers no TLS, so the password was not sent. Use smtps:// or another server.")
