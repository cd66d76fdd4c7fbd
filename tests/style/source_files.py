"""The files of the source tree, relative to its folder, whether it is a checkout or an archive."""

from collections.abc import Iterable
from pathlib import Path


def source_files(source: Path, folders: Iterable[str], suffixes: set[str]) -> list[Path]:
    found = [p.relative_to(source) for folder in folders for p in (source / folder).rglob("*") if p.is_file()]
    return sorted(p for p in found if p.suffix in suffixes and "__pycache__" not in p.parts)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="strict")
