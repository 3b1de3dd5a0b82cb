import pytest

from avvla.errors import UserError, one_of


def test_a_known_name_is_itself_and_another_is_refused_with_the_known_ones():
    assert one_of("fruit", "pear", ("apple", "pear")) == "pear"
    with pytest.raises(UserError, match=r"^fruit is 'plum', expected apple or pear$"):
        one_of("fruit", "plum", ("apple", "pear"))
