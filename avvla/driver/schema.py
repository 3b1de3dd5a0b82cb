"""Reads a .proto file, in the part of proto3 that this package's own files use.

That is: package, import, message, enum, oneof, service; scalar, message and enum fields, repeated
or not. With it the wire format has one source, which any other tool can read as well, and neither
a compiler at build time nor generated code beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

_TOKEN = re.compile(r'//[^\n]*|"[^"]*"|[\w.]+|[^\s\w]')
_SCALARS = ("double", "float", "int32", "uint32", "fixed64", "bool", "string", "bytes")
_REPEATED = FieldDescriptorProto.Label.LABEL_REPEATED
_SINGLE = FieldDescriptorProto.Label.LABEL_OPTIONAL


class _Tokens:
    def __init__(self, text: str) -> None:
        found: list[str] = _TOKEN.findall(text)
        self._left = [token for token in found if not token.startswith("//")][::-1]

    def __bool__(self) -> bool:
        return bool(self._left)

    def next(self) -> str:
        if not self._left:
            raise ValueError("the file ends in the middle of a declaration")
        return self._left.pop()

    def take(self, *expected: str) -> None:
        for token in expected:
            if (got := self.next()) != token:
                raise ValueError(f"got {got!r}, expected {token!r}")

    def skip(self, token: str) -> bool:
        found = bool(self._left) and self._left[-1] == token
        if found:
            self._left.pop()
        return found

    def block(self) -> Iterator[str]:
        """The first token of each declaration between braces."""
        self.take("{")
        while (token := self.next()) != "}":
            yield token


def parse(name: str, text: str) -> FileDescriptorProto:
    """The descriptor of the file `name` with this text.

    Raises:
        ValueError: the text is not of the part of proto3 above.
    """
    file = FileDescriptorProto(name=name, syntax="proto3")
    tokens = _Tokens(text)
    tokens.take("syntax", "=", '"proto3"', ";")
    while tokens:
        match tokens.next():
            case "package":
                file.package = tokens.next()
                tokens.take(";")
            case "import":
                file.dependency.append(tokens.next().strip('"'))
                tokens.take(";")
            case "message":
                _message(file.message_type.add(), tokens)
            case "service":
                _service(file.service.add(), tokens)
            case other:
                raise ValueError(f"got {other!r} where a declaration begins")
    return file


def _message(message: DescriptorProto, tokens: _Tokens) -> None:
    message.name = tokens.next()
    for token in tokens.block():
        match token:
            case "message":
                _message(message.nested_type.add(), tokens)
            case "enum":
                _enum(message.enum_type.add(), tokens)
            case "oneof":
                message.oneof_decl.add(name=tokens.next())
                for kind in tokens.block():
                    field = _field(message, kind, tokens)
                    field.oneof_index = len(message.oneof_decl) - 1
            case "repeated":
                _field(message, tokens.next(), tokens).label = _REPEATED
            case kind:
                _field(message, kind, tokens)


def _field(message: DescriptorProto, kind: str, tokens: _Tokens) -> FieldDescriptorProto:
    field = message.field.add(name=tokens.next(), label=_SINGLE)
    if kind in _SCALARS:
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    else:
        field.type_name = kind  # the pool finds out whether it is a message or an enum
    tokens.take("=")
    field.number = int(tokens.next())
    tokens.take(";")
    return field


def _enum(enum: EnumDescriptorProto, tokens: _Tokens) -> None:
    enum.name = tokens.next()
    for name in tokens.block():
        tokens.take("=")
        enum.value.add(name=name, number=int(tokens.next()))
        tokens.take(";")


def _service(service: ServiceDescriptorProto, tokens: _Tokens) -> None:
    service.name = tokens.next()
    for token in tokens.block():
        if token != "rpc":
            raise ValueError(f"got {token!r}, expected 'rpc'")
        method = service.method.add(name=tokens.next())
        tokens.take("(")
        method.client_streaming = tokens.skip("stream")
        method.input_type = tokens.next()
        tokens.take(")", "returns", "(")
        method.server_streaming = tokens.skip("stream")
        method.output_type = tokens.next()
        tokens.take(")", ";")
