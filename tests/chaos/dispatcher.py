"""A worker of the outbox in a process of its own, to be killed anywhere."""

import os
import signal
import smtplib
import threading
from email.message import EmailMessage
from typing import Any

from retention_ml.actions.outbox.dispatch import dispatch
from retention_ml.errors import ChannelError, WarehouseError
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def work(url: str, settings: dict[str, Any], place: str, delay_seconds: float) -> None:
    """Dispatch again and again; from `delay_seconds` on die at the failpoint."""
    threading.Timer(delay_seconds, os.environ.__setitem__, ("RETENTION_FAILPOINT", place)).start()
    warehouse, configured = Warehouse(url), Settings(**settings)
    while True:
        try:
            dispatch(warehouse, settings=configured)
        except (ChannelError, WarehouseError):
            continue


def mail_naively(url: str, port: int, dies_after: int) -> None:
    """Send what is not sent and mark it at the end, as a task would; die after so many."""
    warehouse = Warehouse(url)
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT message_id, address FROM actions.outbox WHERE state = 'pending' ORDER BY 1"
        )
    with smtplib.SMTP("127.0.0.1", port) as client:
        for number, row in enumerate(rows):
            if number == dies_after:
                os.kill(os.getpid(), signal.SIGKILL)
            mail = EmailMessage()
            mail["To"], mail["Message-ID"] = row.address, f"<{row.message_id}@localhost>"
            mail.set_content("Come back")
            client.send_message(mail, "shop@shop.example", [row.address])
    with warehouse.transaction() as transaction:
        transaction.execute("UPDATE actions.outbox SET state = 'sent'")
    warehouse.close()
