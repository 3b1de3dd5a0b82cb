import pytest
from jinja2 import UndefinedError

from avvla.page import environment


def test_text_is_escaped_and_what_is_undefined_refused(tmp_path):
    (tmp_path / "page.html.j2").write_text("{{ text }}")
    page = environment(tmp_path).get_template("page.html.j2")
    assert page.render(text="<b>") == "&lt;b&gt;"
    with pytest.raises(UndefinedError):
        page.render()
