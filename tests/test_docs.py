"""What the documents say of the tree and the dependencies is true, and their links lead somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "hikidashi"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The names that the headings of a page have in links."""
    plain = (re.sub(r"[^\w\- ]", "", one.lower()) for one in HEADING.findall(prose(page)))
    return {one.replace(" ", "-") for one in plain}


def packages() -> dict[str, set[str]]:
    """The modules of each package that has any, by the path of the package."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        if path.stem != "__init__":
            name = path.parent.relative_to(PACKAGE.parent).as_posix().removeprefix("hikidashi/")
            found.setdefault(name, set()).add(path.stem)
    return found


def test_the_page_of_modules_names_every_module_and_no_other():
    page = (DOCS / "modules.md").read_text(encoding="utf-8")
    told = {
        name: set(re.findall(r"`(\w+)`", text))
        for name, text in re.findall(
            r"^## `([\w/]+?)/`(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL
        )
    }
    assert told == packages()


def test_the_page_of_modules_has_a_line_for_each_few():
    """So that two changes that add modules seldom touch the same line."""
    page = (DOCS / "modules.md").read_text(encoding="utf-8")
    entries = [line for line in page.splitlines() if "`" in line and not line.startswith("#")]
    assert all(re.match(r"- `\w+`", line) and len(line) <= 120 for line in entries)


def test_the_architecture_is_short():
    lines = (DOCS / "architecture.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 200


def test_every_runtime_dependency_says_what_it_saves():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[\[><=~! ]", one)[0] for one in project["dependencies"]}
    page = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| \[?`([\w.-]+)`", page.split("\n## ")[1], re.MULTILINE))
    assert told == needed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page):
    broken = []
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_adrs_are_numbered_and_have_their_four_parts():
    pages = sorted((DOCS / "adr").glob("*.md"))
    assert [one.name[:5] for one in pages] == [f"{n:04d}-" for n in range(1, len(pages) + 1)]
    parts = ["Context", "Decision", "Consequences", "What would change our mind"]
    for page in pages:
        headings = HEADING.findall(prose(page))
        assert headings[1:] == parts, page.name
        assert len(page.read_text(encoding="utf-8").splitlines()) <= 60, page.name


def test_the_requirements_are_locked_and_name_no_index():
    for name in ("requirements.txt", "requirements-test.txt", "requirements-bench.txt"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        pinned = [line for line in lines if line and line[0] not in " #"]
        assert all(re.match(r"[a-z0-9.-]+==\S+ (; .+ )?\\$", line) for line in pinned), name
        assert not [line for line in lines if "://" in line], name
