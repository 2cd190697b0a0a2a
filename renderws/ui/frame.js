// What every page has: links that keep the stack, light and dark, and whether things can be changed here.

import { readOnly } from "./api.js";
import { carry } from "./state.js";

const THEMES = ["", "light", "dark"];

function remembered() {
  try {
    return localStorage.getItem("theme") ?? "";
  } catch {
    return "";
  }
}

function show(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  document.getElementById("theme").title = `colours: ${theme || "as the system has them"}`;
  document.dispatchEvent(new Event("themechange"));
}

function next() {
  const theme = THEMES[(THEMES.indexOf(remembered()) + 1) % THEMES.length];
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // a browser that keeps nothing shows the theme until the page is left
  }
  show(theme);
}

show(remembered());
document.getElementById("theme").addEventListener("click", next);
document.getElementById("read-only").hidden = !readOnly;
carry();
