"""Folders include each other in one direction only: see include_rules.py."""

import include_rules
from options import finish, parser
from source_files import read, source_files


def main() -> None:
    options = parser(__doc__).parse_args()
    files = source_files(options.source, include_rules.MAY_USE, {".cpp", ".hpp", ".h", ".S"})
    found = [offence for f in files for offence in include_rules.offences(f.as_posix(), read(options.source / f))]
    finish("includes", len(files), found)


if __name__ == "__main__":
    main()
