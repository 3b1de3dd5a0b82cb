"""docker/gpu_code.py on containers that are made here; the real library is in docs/images.md."""

import importlib.util
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

PROGRAM = Path(__file__).parents[2] / "docker/gpu_code.py"
spec = importlib.util.spec_from_file_location("gpu_code_program", PROGRAM)
assert spec is not None
assert spec.loader is not None
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)

PIECES = st.lists(
    st.tuples(
        st.sampled_from([75, 80, 89, 90, 120, 121]), st.sampled_from([1, 2]), st.binary(max_size=40)
    ),
    min_size=1,
    max_size=5,
)


def container(pieces) -> bytes:
    entries = b"".join(
        struct.pack("<HHIQ", kind, 0x101, 64, len(code)).ljust(28, b"\0")
        + struct.pack("<I", architecture).ljust(36, b"\0")
        + code
        for architecture, kind, code in pieces
    )
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(entries)) + entries


@given(st.lists(PIECES, max_size=3), st.binary(max_size=30))
def test_every_piece_is_counted_once(containers, between: bytes) -> None:
    library = b"\x7fELF" + b"".join(between + container(pieces) for pieces in containers)
    expected: dict[tuple[int, str], int] = {}
    for pieces in containers:
        for architecture, kind, _ in pieces:
            key = architecture, {1: "PTX", 2: "ELF"}[kind]
            expected[key] = expected.get(key, 0) + 1
    assert dict(program.architectures(library)) == expected


@given(st.binary(max_size=200), st.integers(0, 300))
def test_a_magic_by_chance_and_a_cut_file_are_no_fault(noise: bytes, cut: int) -> None:
    whole = program.MAGIC + noise + container([(120, 2, noise)]) + program.MAGIC
    for library in (whole, whole[:cut]):
        assert set(program.architectures(library)) <= {(120, "ELF")}


def test_the_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lib.so"
    path.write_bytes(container([(121, 2, b"a"), (120, 2, b""), (120, 1, b"c"), (120, 2, b"d")]))
    assert program.main([str(path)]) == 0
    assert capsys.readouterr().out == "sm_120 ELF 2\ncompute_120 PTX 1\nsm_121 ELF 1\n"


@pytest.mark.parametrize("content", [None, b"", b"\x7fELF without"])
def test_what_is_no_such_library(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lib.so"
    if content is not None:
        path.write_bytes(content)
    assert program.main([str(path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"gpu_code: {path} ")


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main([]) == 2
    assert "gpu_code.py" in capsys.readouterr().err
