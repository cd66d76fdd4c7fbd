"""In the library OS only libos/arch/ holds inline assembly, and in what is shared nothing does."""

import re
from collections.abc import Iterator

from options import finish, parser
from source_files import read, source_files

FOLDERS = ("base", "abi", "virtio", "netstack", "libos")
ALLOWED = "libos/arch/"
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
ASSEMBLY = re.compile(r"\b(asm|__asm|__asm__)\b\s*(volatile|goto|inline|__volatile__)*\s*\(")


def offences(path: str, text: str) -> Iterator[str]:
    if path.startswith(ALLOWED):
        return
    # Comments and strings go, their line breaks stay, so that line numbers are right.
    bare = COMMENT_OR_STRING.sub(lambda m: "\n" * m[0].count("\n"), text)
    for match in ASSEMBLY.finditer(bare):
        yield f"{path}:{bare.count(chr(10), 0, match.start()) + 1}: inline assembly outside of {ALLOWED}"


def main() -> None:
    options = parser(__doc__).parse_args()
    files = source_files(options.source, FOLDERS, {".cpp", ".hpp", ".h"})
    found = [offence for f in files for offence in offences(f.as_posix(), read(options.source / f))]
    assembler_files = [f for f in source_files(options.source, FOLDERS, {".S", ".s"}) if not f.as_posix().startswith(ALLOWED)]
    found += [f"{f}: an assembler file outside of {ALLOWED}" for f in assembler_files]
    finish("inline assembly", len(files), found)


if __name__ == "__main__":
    main()
