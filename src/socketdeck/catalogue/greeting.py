"""The classic first server: says thank you, and who came."""

from __future__ import annotations

from socketserver import BaseRequestHandler

from pydantic import Field

from socketdeck.catalogue.datagram import DatagramHandler
from socketdeck.catalogue.entry import Entry
from socketdeck.catalogue.options import HandlerOptions
from socketdeck.catalogue.peer import readable


class GreetingOptions(HandlerOptions):
    """What the greeting says."""

    message: str = Field(
        "Thank you for connection",
        title="Message",
        description="What each client is sent, as it stands: end it with a line feed if you "
        "want one",
        max_length=4096,
    )


class Greeting(BaseRequestHandler):
    """Sends the message and closes."""

    Options = GreetingOptions
    options = GreetingOptions()

    def handle(self) -> None:
        print(f"got connection from {readable(self.client_address)}")
        self.request.sendall(self.options.message.encode())


class GreetingDatagram(DatagramHandler):
    """Answers each datagram with the message."""

    Options = GreetingOptions
    options = GreetingOptions()

    def handle(self) -> None:
        print(f"got connection from {readable(self.client_address)}")
        self.reply(self.options.message.encode())


ENTRY = Entry(
    name="greeting",
    title="Greeting",
    description="The classic first server: thanks each client for the connection, prints who it "
    "was, and closes.",
    options=GreetingOptions,
    stream=Greeting,
    datagram=GreetingDatagram,
)
