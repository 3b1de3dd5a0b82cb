"""Records kept as JSON files: strict, immutable, one line for any damage."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from avvla.errors import UserError


class Record(BaseModel):
    """A record: no unknown keys, no conversions of type, no changes after it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def read_record[R: Record](kind: type[R], path: Path, remake: str) -> R:
    """Read a record from JSON; `remake` says in the message how to get a whole file.

    Raises:
        UserError: the file is missing, is no JSON, or breaks a rule of `kind`.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {remake}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): {remake}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"{path}: {where}: {first['msg']}; {remake}") from None
