"""The report of the bundled sample, for tests: its facts as its snapshot's files hold them, and what a page holds."""

import re
from html.parser import HTMLParser
from pathlib import Path

from segmentation.commands.report import facts_in
from segmentation.report import Facts
from segmentation.snapshot.catalog import verified
from segmentation.store.opening import open_store

VOID = {"br", "meta", "link", "rect"}


def facts_of_store(store: Path) -> Facts:
    """Return the facts of the snapshot that a store serves."""
    return facts_in(*verified(open_store(str(store))))


class Page(HTMLParser):
    """What a page holds: its text, tags and attributes; each tag must be closed in its turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()
        self.text = re.sub(r"[^\S\N{NARROW NO-BREAK SPACE}\N{NO-BREAK SPACE}]+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data

    def all(self, name: str) -> list[str]:
        """Return the values of an attribute wherever it stands."""
        return [value or "" for found, value in self.attributes if found == name]
