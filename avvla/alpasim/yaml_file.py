"""YAML files that are changed and keep their comments, their order and, if at all possible, bytes.

A file is read twice: as a tree that is edited and written, and as plain values that are checked.
YAML 1.2 by ruamel.yaml, because PyYAML drops comments. No tag of a file makes an object of a class.
"""

from __future__ import annotations

import difflib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from avvla.errors import UserError

_WIDTHS = (80, 1 << 20)
_OFFSETS = (2, 0)  # of the dash of a list below its key


@dataclass(frozen=True)
class Document:
    """A file's text, and its content twice: `tree` to edit, `plain` (dict, list, str, ...)."""

    path: Path
    text: str
    tree: Any
    plain: Any

    def dumped(self) -> str:
        """The text of `tree` in the style of the file: the one that changes fewest lines of it.

        A tree that was not edited is the text itself, also where no style gives it back.
        """
        original = _parse(_yaml(_OFFSETS[0], _WIDTHS[0]), self.text, self.path)
        styles = [(offset, width) for offset in _OFFSETS for width in _WIDTHS]
        offset, width = min(
            styles, key=lambda style: _changes(self.text, _emit(_yaml(*style), original))
        )
        before, after = (_emit(_yaml(offset, width), tree) for tree in (original, self.tree))
        return self.text if before == after else after


def read(path: Path) -> Document:
    """Read a YAML file whose top is a mapping.

    Raises:
        UserError: it is missing, cannot be read, is no YAML, or holds something else.
    """
    text = read_text(path)
    plain = _parse(YAML(typ="safe", pure=True), text, path)
    if not isinstance(plain, dict):
        raise UserError(
            f"{path} holds {_kind(plain)}, expected keys and values: write it again with Alpasim's"
            " wizard"
        )
    return Document(path, text, _parse(_yaml(_OFFSETS[0], _WIDTHS[0]), text, path), plain)


def read_text(path: Path) -> str:
    """The text of a file of a run folder.

    Raises:
        UserError: it is missing or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing, expected a folder that Alpasim's wizard wrote"
            " (wizard.run_method=NONE wizard.log_dir=RUN)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}): copy it again") from None


def spans(text: str, path: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where in `text` the scalars lie that a path of keys leads to; items of lists one by one.

    For edits of a few characters in a file whose folded lines no writer would fold alike. The text
    is one that `read` has accepted.
    """
    return _spans(YAML(typ="rt", pure=True).compose(text), path)


def _spans(node: Any, path: tuple[str, ...]) -> list[tuple[int, int]]:
    if isinstance(node, SequenceNode):
        return [span for item in node.value for span in _spans(item, path)]
    if path and isinstance(node, MappingNode):
        values = [value for key, value in node.value if key.value == path[0]]
        return [span for value in values for span in _spans(value, path[1:])]
    if isinstance(node, ScalarNode) and not path:
        return [(node.start_mark.index, node.end_mark.index)]
    return []


def diff(name: str, before: str, after: str) -> str:
    """The unified diff of a file, without times; empty for equal texts."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm=""
    )
    return "\n".join(lines)


def _yaml(offset: int, width: int) -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = width
    yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
    return yaml


def _emit(yaml: YAML, tree: Any) -> str:
    target = io.StringIO()
    yaml.dump(tree, target)
    return target.getvalue()


def _parse(yaml: YAML, text: str, path: Path) -> Any:
    try:
        return yaml.load(text)
    except RecursionError:
        reason = "nested too deep"
    # The last four: ruamel.yaml lets them through for impossible dates, numbers and merges.
    except (YAMLError, ValueError, TypeError, AttributeError, KeyError) as error:
        reason = " ".join(str(error).split())
    raise UserError(f"{path} is no YAML ({reason}): correct it or write it again with the wizard")


def _changes(before: str, after: str) -> int:
    return sum(
        line[0] in "+-"
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=0)
    )


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
