"""The report of a solve as one page without any other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

Json = dict[str, Any]
MOST = 200
"""Rows of a table of tiles that were placed otherwise, and of pairs that were rejected."""

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
  color: #1b2430; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid #dde3ea }
th { font-weight: 600; color: #51606f } td.n, th.n { text-align: right }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0 }
.figures div { border: 1px solid #dde3ea; border-radius: .5rem; padding: .6rem 1rem }
.figures b { display: block; font-size: 1.35rem } .figures span { color: #51606f }
.warning { border-left: .3rem solid #c77700; padding-left: .8rem; margin: .4rem 0 }
.fine { border-left-color: #2b7a4b } svg { max-width: 100%; height: auto } .note { color: #51606f }
"""


def page(parameters: Mapping[str, Any], sections: Sequence[Json], whole: Json) -> str:
    """HTML of the report of a solve."""
    title = f"{parameters['input_stack']} \u2192 {parameters.get('output_stack') or 'report only'}"
    connected = whole.get("connectivity")
    parts = [
        f"<h1>Solve: {escape(title)}</h1>",
        f"<p class=note>preset {escape(parameters['preset'])}, matches of "
        f"{escape(', '.join(parameters['matchCollections']))}</p>",
        _figures(whole, sections),
        warnings([*(connected["warnings"] if connected else []), *whole["warnings"]]),
        "<h2>Residuals of pairs</h2>",
        _histogram(sections),
        "<h2>Sections</h2>",
        _sections(sections),
        *_connections(connected),
        *_placed(whole),
        *_pairs("Rejected pairs", whole["rejected"]),
        *_pairs("Worst pairs that were used", whole["worst_pairs"]),
    ]
    head = f"<meta charset=utf-8><title>{escape(title)}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>"


def number(value: Any, unit: str = "") -> str:
    """A number as the page shows it."""
    if value is None:
        return "\u2013"
    text = f"{value:.4g}" if isinstance(value, float) else f"{value:,}"
    return text + (f" {unit}" if unit else "")


def _lengths(entry: Json, key: str) -> str:
    text = number(entry.get(key), "px" if entry.get(key) is not None else "")
    nanometres = entry.get(f"{key}_nm")
    return text if nanometres is None else f"{text} ({number(nanometres)} nm)"


def _figures(whole: Json, sections: Sequence[Json]) -> str:
    tiles = sum(entry["tiles"] for entry in sections)
    figures = {
        "tiles": number(tiles),
        "sections": number(len(sections)),
        "pairs used": number(whole["used_pairs"]),
        "pairs rejected": number(whole["rejected_pairs"]),
        "median residual": _lengths(whole, "median_residual"),
        "worst residual": _lengths(whole, "worst_residual"),
        "scale, MAD": number(whole["scale"]["mad"]),
        "shear, MAD": number(whole["shear"]["mad"]),
    }
    return boxes(figures)


def boxes(figures: Mapping[str, str]) -> str:
    """Figures in a row of boxes, by their names."""
    each = [f"<div><b>{value}</b><span>{name}</span></div>" for name, value in figures.items()]
    return f"<div class=figures>{''.join(each)}</div>"


def warnings(texts: Sequence[str]) -> str:
    """A paragraph for each warning, or one that says that there is none."""
    if not texts:
        return "<p class='warning fine'>Nothing to warn of: all hangs together.</p>"
    return "".join(f"<p class=warning>{escape(text)}</p>" for text in texts)


def _histogram(sections: Sequence[Json]) -> str:
    """How the residuals of the listed pairs spread, in thirty bars."""
    values = np.array(
        [pair["residual"] for entry in sections for pair in entry["pairs"] if pair["accepted"]],
        float,
    )
    if not len(values):
        return "<p class=note>No pair was used.</p>"
    top = max(float(np.quantile(values, 0.99)), 1e-6)
    counts = np.histogram(np.minimum(values, top), 30, (0, top))[0]
    bars = [
        f"<rect x={20 + 22 * k} y={160 - 140 * n / counts.max():.1f} width=20 "
        f"height={140 * n / counts.max():.1f} fill=#3b6ea8><title>{n} pairs</title></rect>"
        for k, n in enumerate(counts.tolist())
    ]
    labels = [
        f"<text x={20 + 660 * s:.0f} y=178 font-size=12 text-anchor=middle fill=#51606f>"
        f"{top * s:.3g}</text>"
        for s in (0, 0.25, 0.5, 0.75, 1)
    ]
    note = "pixels; the last bar holds all beyond the 99th of a hundred"
    return (
        f"<svg viewBox='0 0 710 185' width=710 role=img aria-label='histogram of residuals'>"
        f"<line x1=20 y1=160 x2=682 y2=160 stroke=#9aa7b4 />{''.join(bars)}{''.join(labels)}</svg>"
        f"<p class=note>{note}</p>"
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """A table whose first columns hold texts, and the others numbers."""

    def cells(tag: str, row: Sequence[str]) -> str:
        kinds = ["" if k < texts else " class=n" for k in range(len(row))]
        both = zip(kinds, row, strict=True)
        return "".join(f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in both)

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{cells('th', heads)}</tr>{body}</table>"


def _sections(sections: Sequence[Json]) -> str:
    heads = (
        "z",
        "tiles",
        "pairs",
        "rejected",
        "median residual",
        "worst",
        "without pairs",
        "scale",
    )
    rows = [
        (
            f"{entry['z']:g}",
            number(entry["tiles"]),
            number(entry["used_pairs"]),
            number(entry["rejected_pairs"]),
            _lengths(entry, "median_residual"),
            _lengths(entry, "worst_residual"),
            number(len(entry["unmatched_tiles"])),
            number(entry["scale"]["median"]),
        )
        for entry in sections
    ]
    return table(heads, rows)


def _connections(connected: Json | None) -> list[str]:
    if not connected or not connected["between_sections"]:
        return []
    rows = [
        (
            f"{gap['z'][0]:g} \u2013 {gap['z'][1]:g}",
            number(gap["pairs"]),
            number(gap["pairs_across"]),
        )
        for gap in connected["between_sections"]
    ]
    heads = ("from z to z", "pairs", "pairs that cross")
    return ["<h2>Matches between sections, before the solve</h2>", table(heads, rows)]


def _placed(whole: Json) -> list[str]:
    listed = whole["placed_without_matches"]
    if not listed:
        return []
    rows = [(escape(row["name"]), escape(row["placed_by"])) for row in listed[:MOST]]
    return [
        f"<h2>Placed otherwise than by their own matches ({len(listed)})</h2>",
        table(("what", "placed by"), rows, 2),
        more(listed),
    ]


def _pairs(title: str, pairs: Sequence[Json]) -> list[str]:
    if not pairs:
        return []
    rows = [
        (
            escape(pair["pId"]),
            escape(pair["qId"]),
            escape(pair.get("reason") or pair.get("unchecked") or ""),
            number(pair["points"]),
            number(pair["points_doubted"]),
            _lengths(pair, "residual"),
            number(pair["scatter"], "px"),
        )
        for pair in pairs[:MOST]
    ]
    heads = ("tile", "and tile", "remark", "points", "of them doubted", "residual", "scatter")
    return [f"<h2>{title} ({len(pairs)})</h2>", table(heads, rows, 3), more(pairs)]


def more(rows: Sequence[Any]) -> str:
    """How many rows a table of `MOST` leaves out."""
    if len(rows) <= MOST:
        return ""
    return f"<p class=note>and {len(rows) - MOST} more, in the output JSON</p>"
