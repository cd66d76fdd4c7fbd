"""What the pages link to within the source tree is there, sections included."""

import re
from collections.abc import Iterator
from pathlib import Path

from options import finish, parser
from source_files import read

LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+\s+(?P<text>.*)$", re.MULTILINE)


def anchor(heading: str) -> str:
    """As GitHub makes it: small letters, no punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def offences(page: Path, text: str) -> Iterator[str]:
    for match in LINK.finditer(CODE.sub("", text)):
        target, _, section = match["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / target) if target else page
        if not file.exists():
            yield f"{page}: links to {target}, which is not there"
        elif section and section not in {anchor(h["text"]) for h in HEADING.finditer(read(file))}:
            yield f"{page}: links to {match['target']}, which has no such section"


def main() -> None:
    source = parser(__doc__).parse_args().source
    pages = sorted([*source.glob("*.md"), *(source / "docs").rglob("*.md")])
    finish("pages", len(pages), [offence for page in pages for offence in offences(page, read(page))])


if __name__ == "__main__":
    main()
