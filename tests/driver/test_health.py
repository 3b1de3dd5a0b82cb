import grpc
import pytest

from avvla import cli
from avvla.driver import canaries, health
from avvla.errors import UserError


def test_a_driver_serves(server, capsys) -> None:
    with server(canaries.ConstantVelocity()) as port:
        assert cli.main(["driver", "health", "--port", str(port)]) == 0
    assert capsys.readouterr().out == f"127.0.0.1:{port} serves\n"


def test_nothing_listens(capsys) -> None:
    assert cli.main(["driver", "health", "--port", "1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no driver answers at 127.0.0.1:1 (UNAVAILABLE): start it there" in line


@pytest.mark.parametrize(
    ("answer", "status"), [(b"", "0"), (b"\x08\x02", "2"), (b"\x08\x03", "3"), (b"\xff", "-1")]
)
def test_what_answers_does_not_serve(answer: bytes, status: str, one_answer) -> None:
    with pytest.raises(UserError, match=rf"does not serve \(status {status}, expected 1\)"):
        health.ask(one_answer(answer))


def test_another_service(one_answer) -> None:
    with pytest.raises(UserError, match="UNIMPLEMENTED"):
        health.ask(one_answer(b"", "/another.Service/Check"))


@pytest.fixture
def one_answer():
    """A server that gives one answer to one call; its address."""
    from concurrent.futures import ThreadPoolExecutor

    started = []

    def start(answer: bytes, path: str = health.CHECK) -> str:
        _, service, method = path.split("/")
        handler = grpc.unary_unary_rpc_method_handler(lambda request, context: answer)
        made = grpc.server(ThreadPoolExecutor(1))
        made.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {method: handler}),)
        )
        port = made.add_insecure_port("127.0.0.1:0")
        made.start()
        started.append(made)
        return f"127.0.0.1:{port}"

    yield start
    for made in started:
        made.stop(None).wait()
