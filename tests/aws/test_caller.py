import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from avvla.aws.caller import caller_network
from avvla.errors import UserError


@pytest.fixture
def source():
    """A server of the loopback that answers with what the test puts into `answers`."""
    answers = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            code, text = answers.pop(0)
            self.send_response(code)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", answers
        server.shutdown()
        thread.join()


def test_a_given_address_asks_nobody():
    assert str(caller_network("203.0.113.7", "http://127.0.0.1:1")) == "203.0.113.7/32"
    assert str(caller_network("203.0.113.0/24", "http://127.0.0.1:1")) == "203.0.113.0/24"


def test_the_source_is_asked(source):
    address, answers = source
    answers.append((200, b"203.0.113.7\n"))
    assert str(caller_network(None, address)) == "203.0.113.7/32"
    answers.append((200, b"2001:db8::7"))
    assert str(caller_network(None, address)) == "2001:db8::7/128"


@pytest.mark.parametrize(
    ("code", "text", "problem"),
    [
        (200, b"", "answers ''"),
        (200, b"<html>who knows</html>" * 9, "answers '<html>"),
        (200, b"0.0.0.0/0", "expected an address"),
        (200, b"you", "the caller's address is 'you'"),
        (503, b"203.0.113.7", "does not tell this machine's address"),
    ],
)
def test_a_source_that_gives_no_address(source, code, text, problem):
    address, answers = source
    answers.append((code, text))
    with pytest.raises(UserError) as caught:
        caller_network(None, address)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "nowhere", "http://["])
def test_no_source(address):
    with pytest.raises(UserError, match="give the address with --caller"):
        caller_network(None, address)
