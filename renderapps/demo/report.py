"""A short report as Markdown and as HTML, made from the same blocks."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1f2937}img{max-width:100%}table{border-collapse:collapse}td,th{border:1px solid "
    "#d1d5db;padding:.25rem .6rem;text-align:left}pre{background:#f3f4f6;padding:.8rem;"
    "overflow-x:auto}"
)


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 or 2."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Table:
    """A header and rows of cells."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """An image beside the report, and what to see in it."""

    file: str
    caption: str


@dataclass(frozen=True)
class Commands:
    """Lines to type."""

    lines: Sequence[str]


Block = Heading | Paragraph | Table | Picture | Commands


def as_markdown(blocks: Sequence[Block]) -> str:
    """The blocks as Markdown."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Paragraph(text):
            return text
        case Table(header, rows):
            lines = [header, ["---"] * len(header), *rows]
            return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        case Picture(file, caption):
            return f"![{caption}]({file.replace(' ', '%20')})\n\n{caption}"
        case Commands(lines):
            return "\n".join(["```sh", *lines, "```"])


def as_html(title: str, blocks: Sequence[Block]) -> str:
    """The blocks as one HTML page; pictures are files beside it."""
    body = "\n".join(_html(block) for block in blocks)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>'
        f"{html.escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{html.escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{html.escape(text)}</p>"
        case Table(header, rows):
            lines = [_html_row(header, "th"), *(_html_row(row, "td") for row in rows)]
            return f"<table>{''.join(lines)}</table>"
        case Picture(file, caption):
            source, text = html.escape(file.replace(" ", "%20")), html.escape(caption)
            return (
                f'<figure><img src="{source}" alt="{text}"><figcaption>{text}</figcaption></figure>'
            )
        case Commands(lines):
            return f"<pre>{html.escape(chr(10).join(lines))}</pre>"


def _html_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
