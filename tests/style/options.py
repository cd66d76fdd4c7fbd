"""The command line that all checks share, and how they report."""

import argparse
import os
import sys
from pathlib import Path


def parser(description: str) -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=description)
    p.add_argument("--objdump", default="objdump")
    p.add_argument("--nm", default="nm")
    p.add_argument("--strip", default="strip")
    p.add_argument("--assembler", default="cc", help="a compiler driver that assembles .s files")
    p.add_argument("--compiler", default="c++")
    p.add_argument("--source", type=Path, help="the folder of the source tree")
    return p


def split_at_dashes(words: list[str]) -> tuple[list[str], list[str]]:
    """What stands before and behind the first --, which options of other programs follow."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def environment() -> dict[str, str]:
    """The environment of the tools, whose answers are parsed and so must be in English."""
    return {**os.environ, "LC_ALL": "C"}


def finish(subject: str, checked: int, offences: list[str]) -> None:
    """Ends the check. Nothing checked is a failure: then the check looked in the wrong place."""
    for offence in offences:
        print(offence)
    if checked == 0:
        offences = ["nothing was checked"]
        print(offences[0])
    print(f"{subject}: {checked} checked, {len(offences)} offences")
    sys.exit(1 if offences else 0)
