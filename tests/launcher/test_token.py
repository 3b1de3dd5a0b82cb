import stat

import pytest

from avvla.errors import UserError
from avvla.launcher.token import ensure_token


def test_a_token_is_made_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "a" / "token"
    assert ensure_token(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = path.read_text()
    assert len(token) == 64
    assert not ensure_token(path)
    assert path.read_text() == token
    assert ensure_token(tmp_path / "other")
    assert (tmp_path / "other").read_text() != token


def test_a_token_that_others_may_read_or_that_is_none(tmp_path):
    path = tmp_path / "token"
    path.write_text("secret")
    path.chmod(0o644)
    with pytest.raises(UserError, match="is for others to read: `chmod 600") as told:
        ensure_token(path)
    assert "secret" not in str(told.value)
    path.write_text("")
    with pytest.raises(UserError, match="is empty: remove it"):
        ensure_token(path)
    with pytest.raises(UserError, match="cannot be used"):
        ensure_token(path / "below")
