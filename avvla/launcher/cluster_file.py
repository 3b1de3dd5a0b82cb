"""Cluster files: written from settings, always the same bytes, and read.

Strings are written as JSON, which YAML 1.2 reads as it is, so no value can become another key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from avvla.launcher.settings import TOKEN, AwsCluster, HostCluster
from avvla.params import read_mapping

_TEMPLATES = Path(__file__).parent / "templates"


def render(cluster: AwsCluster | HostCluster) -> str:
    """The cluster file's text."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    # PyYAML reads an escaped pair of surrogates as two characters.
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    template = environment.get_template(f"{cluster.kind}.yaml.j2")
    return template.render(c=cluster, token=TOKEN)


def read(path: Path) -> dict[str, Any]:
    """A cluster file's content, unchecked but for being a mapping.

    Raises:
        UserError: it is missing, cannot be read, or is no YAML mapping.
    """
    return read_mapping(path, "write it with `avvla cluster render`")
