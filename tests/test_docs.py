"""What the pages tell to run, to open or to read is there, by the name that they give it."""

import re
import shlex
from pathlib import Path

import pytest

from avvla import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(?:bash|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(
    r"`((?:avvla|bench|conf|docker|pipelines|requirements|stages|tests)/[\w./-]+\.\w+)`"
)
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    """The words of every command in the page's blocks, variables of the block replaced."""
    found = []
    for block in FENCE.findall(page.read_text()):
        variables: dict[str, list[str]] = {}
        whole = re.sub(r"\$\([^)]*\)", "SUBSTITUTED", block.replace("\\\n", " "))
        for line in whole.splitlines():
            words: list[str] = []
            for word in [*shlex.split(line, comments=True), ";"]:
                if word in (";", "|", "&&", "&", ">"):
                    found += [words] if words else []
                    words = []
                elif not words and re.fullmatch(r"[A-Za-z_]\w*=.*", word, re.DOTALL):
                    name, _, value = word.partition("=")
                    variables[name] = shlex.split(value)
                else:
                    words += variables.get(word.removeprefix("$"), [word.strip("[]")])
    return found


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request):
    return request.param


def test_every_command_of_avvla_parses(page):
    parser = cli.parser()
    for words in commands(page):
        if Path(words[0]).name == "avvla":
            parser.parse_args(words[1:])


def test_every_script_and_target_exists(page):
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    for words in commands(page):
        program = Path(words[0]).name
        if program == "make" and len(words) > 1:
            assert words[1] in targets, shlex.join(words)
        if program == "python" and PATH.fullmatch(f"`{words[1]}`"):
            assert (ROOT / words[1]).is_file(), shlex.join(words)


def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert anchor in [
                re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
                for heading in headings
            ], link


def test_every_file_named_exists(page):
    for path in PATH.findall(page.read_text()):
        assert (ROOT / path).exists() or path.endswith("dvc.lock"), path


def test_every_page_is_listed_in_the_readme():
    listed = set(re.findall(r"\((docs/\w+\.md)\)", (ROOT / "README.md").read_text()))
    assert listed == {str(page.relative_to(ROOT)) for page in PAGES if page.name != "README.md"}


def test_commands_are_found():
    assert ["avvla", "driver", "serve", "--policy", "route_follower"] in commands(
        ROOT / "docs" / "driver.md"
    )
