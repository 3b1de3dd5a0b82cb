import base64
import json
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.agent.chat import Chat, encoded, parse, request
from avvla.agent.commander import CommanderError, Situation
from avvla.errors import UserError
from avvla.labels.taxonomy import COMMANDS

SITUATION = Situation(
    np.full((216, 768, 3), 90, np.uint8), 8.25, 0.1, ("Follow the lane",), goal="the harbour"
)


def completion(content):
    return {"choices": [{"message": {"role": "assistant", "content": content}}]}


@contextmanager
def server(answer, status=200, delay_s=0.0):
    """A double of a chat server: one answer to everything; gives its address and what it got."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, dict(self.headers), json.loads(body)))
            time.sleep(delay_s)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/v1", got
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def ask(url, **options):
    chat = Chat(url, "a-model", **options)
    try:
        return chat.command(SITUATION)
    finally:
        chat.close()


def test_a_model_is_asked_for_one_command_and_its_answer_is_told():
    with server(completion('{"command": "Turn left"}')) as (url, got):
        assert ask(url + "/", token="secret") == "Turn left"
    ((path, headers, body),) = got
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert body == request("a-model", SITUATION)
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["command"]["enum"] == list(COMMANDS)
    text, picture = body["messages"][1]["content"]
    assert "the harbour" in text["text"]
    assert "8.2 m/s" in text["text"]
    data = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (108, 384, 3)


def test_without_a_token_or_a_picture_none_is_sent():
    with server(completion('{"command": "Stop"}')) as (url, got):
        chat = Chat(url, "m")
        assert chat.command(Situation(None, 1.0, 0.0, ())) == "Stop"
        chat.close()
    assert "Authorization" not in got[0][1]
    assert len(got[0][2]["messages"][1]["content"]) == 1


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (completion('{"command": "Fly"}'), 200, "the answer is no command"),
        (completion("Turn left"), 200, "the answer is no command"),
        (completion('{"command": ["Stop"]}'), 200, "the answer is no command"),
        (completion(None), 200, "the answer is no command"),
        ({"choices": []}, 200, "no chat completion"),
        ([], 200, "no chat completion"),
        (b"<html>", 200, "no chat completion"),
        ({"error": "secret"}, 401, "the server answered 401"),
        ({}, 500, "the server answered 500"),
    ],
)
def test_anything_else_is_no_command(answer, status, told):
    with server(answer, status) as (url, _), pytest.raises(CommanderError, match=told) as error:
        ask(url, token="secret")
    assert "secret" not in str(error.value)


def test_a_slow_and_an_absent_server_are_given_up():
    with (
        server(completion('{"command": "Stop"}'), delay_s=0.5) as (url, _),
        pytest.raises(CommanderError, match="ReadTimeout"),
    ):
        ask(url, timeout_s=0.1)
    with pytest.raises(CommanderError, match="ConnectError"):
        ask("http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "http://", "http:///v1", "http://[::1", "http://127.0.0.1:99999/v1", "x"]
)
def test_what_is_no_address_is_refused_at_once(url):
    with pytest.raises(UserError, match=f"--url is {re.escape(repr(url))}, expected the chat API"):
        Chat(url, "m")


@given(st.text() | st.none() | st.integers() | st.lists(st.text()))
def test_parsing_never_lets_anything_through(text):
    with pytest.raises(CommanderError) as error:
        parse(text)
    assert "\n" not in str(error.value)


def test_a_small_picture_is_not_enlarged():
    data = base64.b64decode(encoded(np.zeros((40, 60, 3), np.uint8)))
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (40, 60, 3)
