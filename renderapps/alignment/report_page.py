"""The report of a stack as one page that needs no other file and no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from renderapps.alignment.report_table import found_table
from renderapps.alignment.solve_page import STYLE, boxes, number, table
from renderapps.module.wording import counted

Json = dict[str, Any]

MORE_STYLE = """
.slides { display: flex; flex-wrap: wrap; gap: 1rem } .slides figure { margin: 0 }
figcaption { color: #51606f; font-size: .85rem } .slides img { max-width: 100%;
  background: #000 } .pictures figure { max-width: 21.5rem }
input[type=range] { width: 100%; max-width: 40rem }
th { cursor: pointer } .wide { overflow-x: auto }
.cut { min-height: 3rem; max-width: 100%; image-rendering: pixelated; background: #000 }
tr.here { background: #eef4fb } td button { font: inherit; border: 0; background: none; padding: 0;
  color: #1d5fa8; cursor: pointer } ol li { margin: .5rem 0 } code { background: #f1f4f7 }
"""

SCRIPT = """
for (const table of document.querySelectorAll('table')) {
  const heads = table.rows[0].cells;
  [...heads].forEach((head, k) => head.addEventListener('click', () => {
    const down = head.dataset.down !== '1';
    [...heads].forEach(h => { delete h.dataset.down; h.removeAttribute('aria-sort') });
    head.dataset.down = down ? '1' : '0';
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const value = row => {
      const text = row.cells[k].textContent, found = parseFloat(text.replace(/,/g, ''));
      return isNaN(found) ? text : found };
    const rows = [...table.rows].slice(1).sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (typeof x !== typeof y) return typeof x === 'number' ? -1 : 1;
      const order = typeof x === 'number' ? x - y : x.localeCompare(y);
      return down ? -order : order });
    rows.forEach(row => row.parentNode.append(row)) })) }
const slides = JSON.parse(document.getElementById('slides').textContent);
const slider = document.getElementById('z');
function show(k) {
  const slide = slides[k];
  for (const kind of ['before', 'after', 'map']) {
    const picture = document.getElementById('picture_' + kind);
    if (!picture) continue;
    picture.parentNode.hidden = !slide[kind];
    if (slide[kind]) picture.src = slide[kind] }
  document.getElementById('shown').textContent = slide.text;
  for (const row of document.querySelectorAll('tr.here')) row.classList.remove('here');
  const button = document.querySelector('button[data-slide="' + k + '"]');
  if (button) button.closest('tr').classList.add('here') }
if (slider) {
  slider.addEventListener('input', () => show(+slider.value));
  for (const button of document.querySelectorAll('button[data-slide]'))
    button.addEventListener('click', () => {
      slider.value = button.dataset.slide; show(+slider.value); slider.scrollIntoView() });
  show(0) }
"""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@dataclass
class Pictures:
    """Pictures of a page, as data: addresses.

    Attributes
    ----------
    slides : list of (z, {"before", "after", "map"})
    cuts : list of (title, address)
    pairs : list of (entry of the pair, address or None, remark)
    """

    slides: list[tuple[float, dict[str, str]]] = field(default_factory=list)
    cuts: list[tuple[str, str]] = field(default_factory=list)
    pairs: list[tuple[Json, str | None, str]] = field(default_factory=list)


def page(parameters: Mapping[str, Any], report: Json, pictures: Pictures) -> str:
    """HTML of the report of a stack.

    Parameters
    ----------
    parameters : mapping
        Of the module.
    report : dict
        What its output JSON holds.
    """
    title = f"Report: {parameters['stack']}"
    before, collections = parameters["before_stack"], parameters["matchCollections"] or []
    told = [
        f"before: {before}" if before else "no before_stack: holes and gaps were not looked for",
        f"matches of {', '.join(collections)}" if collections else "no matches were looked at",
    ]
    parts = [
        f"<h1>{escape(title)}</h1><p class=note>{escape('; '.join(told))}</p>",
        boxes(_figures(report)),
        *_failed(report),
        "<h2>What to do next</h2>",
        _next(report["what_next"]),
        *_slides(report, pictures, parameters),
        *_cuts(pictures),
        "<h2>Sections</h2>",
        _sections(report, pictures),
        *_between(report),
        *_worst(pictures, parameters),
        *found_table(report),
    ]
    slides = [shown | {"text": _caption(_entry(report, z), z)} for z, shown in pictures.slides]
    data = json.dumps(slides).replace("<", "\\u003c")
    head = (
        f'<meta charset=utf-8><meta http-equiv=Content-Security-Policy content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{STYLE}{MORE_STYLE}</style>"
    )
    script = f"<script type=application/json id=slides>{data}</script><script>{SCRIPT}</script>"
    body = "".join(parts) + script
    return f"<!doctype html><html lang=en><head>{head}</head><body>{body}</body></html>"


def _entry(report: Json, z: float) -> Json:
    return next(entry for entry in report["sections"] if entry["z"] == z)


def _figures(report: Json) -> dict[str, str]:
    totals = report["totals"]
    median = number(
        totals["median_residual"], "px" if totals["median_residual"] is not None else ""
    )
    if totals["median_residual_nm"] is not None:
        median += f" ({number(totals['median_residual_nm'])} nm)"
    return {
        "sections": number(totals["sections"]),
        "tiles": number(totals["tiles"]),
        "pairs within sections": number(totals["pairs"]),
        "pairs between sections": number(totals["pairs_between"]),
        "median residual of pairs within": median,
        "seams": number(totals["seams"]),
        "displaced tiles": number(totals["displaced_tiles"]),
        "holes": number(totals["holes"]),
        "gaps": number(totals["gaps"]),
        "distorted tiles": number(totals["distorted_tiles"]),
        "correlation of neighbours": number(totals["correlation"]),
        "before": number(totals["correlation_before"]),
    }


def _failed(report: Json) -> list[str]:
    return [
        f"<p class=warning>z={entry['z']:g} could not be reported: {escape(entry['reason'])}</p>"
        for entry in report["failed_sections"]
    ]


def _next(steps: Sequence[Json]) -> str:
    if not steps:
        return "<p class='warning fine'>Nothing was found that needs to be done.</p>"
    lines = []
    for step in steps:
        name = escape(step["module"])
        parameter = (
            f", parameter <code>{escape(step['parameter'])}</code>" if step["parameter"] else ""
        )
        lines.append(
            f"<li>{escape(step['finding'])}.<br><b>\u2192 <code>{name}</code>{parameter}</b>: "
            f"{escape(step['advice'])}.</li>"
        )
    return f"<ol>{''.join(lines)}</ol>"


def _caption(entry: Json, z: float) -> str:
    text = f"z = {z:g}: {counted(entry['tiles'], 'tile')}"
    if "pairs" in entry:
        text += (
            f", {counted(entry['pairs'], 'pair')}, {counted(len(entry['seams']), 'seam')}, "
            f"median residual {number(entry['median_residual'])} px"
        )
    return text


def _slides(report: Json, pictures: Pictures, parameters: Mapping[str, Any]) -> list[str]:
    if not pictures.slides:
        return []
    kinds = {"before": "before", "after": "now"}
    if any("map" in shown for _, shown in pictures.slides):
        top = parameters["residual_threshold"]
        kinds["map"] = (
            f"residuals of tiles: dark 0, bright {top:g} px and more, grey without matches; red "
            "circles: seams, red lines: gaps"
        )
    used = {kind for _, shown in pictures.slides for kind in shown}
    figures = "".join(
        f"<figure><img id=picture_{kind} alt='{kind}'>"
        f"<figcaption>{escape(text)}</figcaption></figure>"
        for kind, text in kinds.items()
        if kind in used
    )
    left = len(report["sections"]) - len(pictures.slides)
    note = f"<p class=note>{left} sections are not shown here.</p>" if left else ""
    return [
        "<h2>Sections in pictures</h2>",
        f"<p><label>section <input type=range id=z min=0 max={len(pictures.slides) - 1} value=0>"
        "</label><br><output id=shown></output></p>"
        f"<div class='slides pictures'>{figures}</div>{note}",
    ]


def _cuts(pictures: Pictures) -> list[str]:
    if not pictures.cuts:
        return []
    figures = [
        f"<figure><img class=cut alt='{escape(title)}' src='{uri}'>"
        f"<figcaption>{escape(title)}</figcaption></figure>"
        for title, uri in pictures.cuts
    ]
    return ["<h2>Cuts along z</h2>", f"<div class=slides>{''.join(figures)}</div>"]


def _count(entry: Json, key: str) -> str:
    value = entry.get(key)
    return number(None if value is None else len(value) if isinstance(value, list) else value)


def _sections(report: Json, pictures: Pictures) -> str:
    places = {z: k for k, (z, _) in enumerate(pictures.slides)}
    keys = {
        "tiles": "tiles", "pairs": "pairs", "points": "matches", "seams": "seams",
        "displaced_tiles": "displaced", "unmatched_tiles": "without matches",
        "disconnected_groups": "other groups", "holes": "holes", "gaps": "gaps",
        "uncovered": "uncovered", "distorted_tiles": "distorted",
        "median_residual": "median residual", "worst_residual": "worst",
    }  # fmt: skip
    rows = []
    for entry in report["sections"]:
        z = f"{entry['z']:g}"
        if entry["z"] in places:
            z = f"<button data-slide={places[entry['z']]}>{z}</button>"
        rows.append((z, *(_count(entry, key) for key in keys)))
    return f"<div class=wide>{table(('z', *keys.values()), rows)}</div>"


def _between(report: Json) -> list[str]:
    if not report["between_sections"]:
        return []
    likeness = {tuple(c["z"]): c for c in report["correlations"]}
    rows = []
    for gap in report["between_sections"]:
        alike = likeness.get(tuple(gap["z"]), {})
        rows.append(
            (
                f"{gap['z'][0]:g} \u2013 {gap['z'][1]:g}",
                *(number(gap[k]) for k in ("pairs", "points", "pairs_across", "median_residual")),
                number(alike.get("before")),
                number(alike.get("correlation")),
            )
        )
    heads = ("from z to z", "pairs", "matches", "pairs that cross", "median residual")
    return [
        "<h2>Between sections</h2>",
        table((*heads, "correlation before", "correlation"), rows),
    ]


def _worst(pictures: Pictures, parameters: Mapping[str, Any]) -> list[str]:
    if not pictures.pairs:
        return []
    rows = []
    for pair, uri, remark in pictures.pairs:
        place = ", ".join(f"{v:.1f}" for v in pair["place"])
        shown = f"<img src='{uri}' alt='both tiles'>" if uri else ""
        rows.append(
            (
                f"{escape(pair['pId'])}<br>{escape(pair['qId'])}",
                f"{pair['z_p']:g}"
                if pair["z_p"] == pair["z_q"]
                else f"{pair['z_p']:g}, {pair['z_q']:g}",
                f"{shown}<br>{escape(remark)}",
                number(pair["points"]),
                f"{pair['residual']:.4g}",
                place,
            )
        )
    heads = (
        "tiles",
        "z",
        "first, second, first in red over second in green",
        "matches",
        "residual",
        "place",
    )
    return [
        f"<h2>Worst pairs ({len(rows)})</h2>",
        "<p class=note>Where the two tiles agree the last picture is yellow.</p>",
        f"<div class=wide>{table(heads, rows, 3)}</div>",
    ]
