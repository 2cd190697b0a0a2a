// Tables that can be sorted by each of their columns and filtered by text.

import { element } from "./api.js";

const text = (value) => (value === null || value === undefined ? "" : String(value));

const empty = (value) => value === null || value === undefined || value === "";

// what has no value comes last, whichever way the others are sorted
function compare(a, b, sign) {
  if (empty(a) || empty(b)) return Number(empty(a)) - Number(empty(b));
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * text(a).localeCompare(text(b), undefined, { numeric: true });
}

// columns: {title, value(row), show(row) -> node or text, number, kind, plain (not for sorting)}; rowId(row) names the line.
// The filter matches any column's text.
export class SortedTable {
  constructor(place, columns, { sort = null, descending = false, rowClass = () => "", onrow = null, empty = "nothing here", onsort = () => {}, rowId = () => null } = {}) {
    Object.assign(this, { place, columns, sort, descending, rowClass, onrow, empty, onsort, rowId });
    this.rows = [];
    this.filter = "";
  }

  show(rows = this.rows) {
    this.rows = rows;
    const wanted = this.filter.toLowerCase();
    const found = rows.filter((row) => !wanted || this.columns.some((column) => !column.plain && text(column.value(row)).toLowerCase().includes(wanted)));
    if (this.sort !== null) {
      const { value } = this.columns[this.sort];
      const sign = this.descending ? -1 : 1;
      found.sort((a, b) => compare(value(a), value(b), sign));
    }
    this.shown = found;
    const heads = this.columns.map((column, n) => this.head(column, n));
    const body = found.map((row) => this.line(row));
    const table = element("table", {}, element("thead", {}, element("tr", {}, heads)), element("tbody", {}, body));
    const note = rows.length ? `no line matches “${this.filter}”` : this.empty;
    this.place.replaceChildren(table, ...(found.length ? [] : [element("p", { class: "empty" }, note)]));
    return found;
  }

  head(column, n) {
    const sorted = this.sort === n ? (this.descending ? "descending" : "ascending") : null;
    const title = column.plain ? column.title : element("button", { type: "button", onclick: () => this.sortBy(n) }, column.title);
    return element("th", { class: column.number ? "number" : null, "aria-sort": sorted, scope: "col" }, title);
  }

  sortBy(n) {
    this.descending = this.sort === n ? !this.descending : false;
    this.sort = n;
    this.onsort(n, this.descending);
    this.show();
  }

  line(row) {
    const cells = this.columns.map((column) => {
      const shown = column.show ? column.show(row) : column.value(row);
      const kind = column.number ? "number" : column.kind ?? null;
      const formatted = typeof shown === "number" ? shown.toLocaleString() : shown;
      return element("td", { class: kind }, formatted instanceof Node || Array.isArray(formatted) ? formatted : text(formatted));
    });
    const act = this.onrow ? { onclick: () => this.onrow(row), tabindex: "0", onkeydown: (event) => { if (event.key === "Enter" && event.target === event.currentTarget) this.onrow(row); } } : {};
    return element("tr", { class: this.rowClass(row), "data-row": this.rowId(row), ...act }, cells);
  }
}
