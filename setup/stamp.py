"""Stamps: a made folder's note of what it was made from."""

import hashlib
from pathlib import Path


def fingerprint(*sources: Path) -> str:
    """A hash over the files' contents, in their order."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


def fits(stamp: Path, fingerprint: str) -> bool:
    """Whether the stamp is there and says the same."""
    try:
        return stamp.read_text() == fingerprint
    except OSError:
        return False
