import stat

import pytest
from botocore.stub import Stubber

from avvla.aws.key_pair import ensure_key_pair
from avvla.errors import UserError


def test_the_private_half_is_for_its_owner_alone(rented, tmp_path):
    path = ensure_key_pair(rented, tmp_path / "a" / "keys", "avvla")
    assert path == tmp_path / "a" / "keys" / "avvla.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "PRIVATE KEY" in path.read_text()
    before = path.read_bytes()
    assert ensure_key_pair(rented, path.parent, "avvla") == path
    assert path.read_bytes() == before


def test_a_half_without_the_other(rented, tmp_path):
    path = ensure_key_pair(rented, tmp_path, "avvla")
    path.unlink()
    with pytest.raises(UserError, match=r"avvla\.pem is not here, but it is at AWS in eu-west-1"):
        ensure_key_pair(rented, tmp_path, "avvla")
    (tmp_path / "other.pem").touch()
    with pytest.raises(UserError, match=r"other\.pem is here, but not at AWS"):
        ensure_key_pair(rented, tmp_path, "other")


def test_no_pair_is_made_that_cannot_be_kept(rented, tmp_path):
    (tmp_path / "keys").touch()
    with pytest.raises(UserError, match="take another folder with --keys"):
        ensure_key_pair(rented, tmp_path / "keys" / "below", "avvla")
    assert rented.ec2.describe_key_pairs()["KeyPairs"] == []


def test_a_refused_pair_leaves_no_file(clients, tmp_path):
    with Stubber(clients.ec2) as stub:
        stub.add_response("describe_key_pairs", {"KeyPairs": []})
        stub.add_client_error("create_key_pair", "UnauthorizedOperation")
        with pytest.raises(UserError, match="cannot make a key pair"):
            ensure_key_pair(clients, tmp_path, "avvla")
    assert list(tmp_path.iterdir()) == []
