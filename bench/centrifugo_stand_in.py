"""EDGE a port that speaks NATS, from which messages go to Centrifugo by its HTTP API."""

import http.client
import json
import socket
import sys

from bench.publish_port import Published, serve_publishers

HEADERS = {"Content-Type": "application/json"}


class Publisher:
    """One connection to the HTTP API: a message alone by /api/publish, several by /api/batch."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def deliver(self, messages: list[Published]) -> None:
        """Publish all in one request. Raises ConnectionError when it is refused."""
        commands = [
            {"channel": channel_of(one.topic), "data": json.loads(one.body)} for one in messages
        ]
        if not commands:
            return
        if len(commands) == 1:
            self._post("/api/publish", commands[0])
        else:
            self._post("/api/batch", {"commands": [{"publish": one} for one in commands]})

    def _post(self, path: str, values: object) -> None:
        self._connection.request("POST", path, json.dumps(values), HEADERS)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200 or b'"error"' in body:
            raise ConnectionError(f"Centrifugo answers {answer.status} {body!r}")


def channel_of(topic: str) -> str:
    """Return the channel that the load client's connections in this room listen to."""
    return "bench" + topic.rpartition(".")[2]


def main() -> None:
    """Serve on the ports of the first argument, a JSON object."""
    ports: dict[str, int] = json.loads(sys.argv[1])
    with socket.create_server(("127.0.0.1", ports["publish"])) as listener:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        serve_publishers(listener, Publisher(ports["api"]).deliver)


if __name__ == "__main__":
    main()
