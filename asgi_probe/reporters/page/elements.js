"use strict";

// Everything on the page is made here, by text nodes: nothing that was sent is ever read as HTML.

const AWKWARD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function escaped(character) {
  const code = character.charCodeAt(0);
  return code < 0x100 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u" + code.toString(16).padStart(4, "0");
}

/** The text with what cannot be seen written out, on one line: for labels and titles. */
function inline(text) {
  return text.replace(AWKWARD, escaped).replaceAll("\n", "\\n");
}

/** The text as nodes, in which what cannot be seen is written out and marked. */
function textNodes(text) {
  const nodes = [];
  const lines = text.replaceAll("\r\n", "\n");
  let from = 0;
  for (const found of lines.matchAll(AWKWARD)) {
    nodes.push(lines.slice(from, found.index), writtenOut(found[0]));
    from = found.index + found[0].length;
  }
  return [...nodes, lines.slice(from)];
}

function writtenOut(character) {
  const element = document.createElement("span");
  element.className = "control";
  element.textContent = escaped(character);
  return element;
}

/** An element with a class, and what it has: text, nodes, attributes and listeners as plain objects, null for nothing. */
function el(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  for (const child of children) {
    if (child === null || child === undefined) continue;
    if (typeof child === "string") element.append(...textNodes(child));
    else if (child instanceof Node) element.append(child);
    else setAll(element, child);
  }
  return element;
}

function setAll(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
}

function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const byId = (id) => document.getElementById(id);

function button(className, label, act, attributes = {}) {
  return el("button", className, { type: "button", click: act, ...attributes }, label);
}

/** A fold: what is in it is made when it is first opened. */
function fold(className, summary, make, { open = false } = {}) {
  const details = el("details", className, el("summary", "", ...summary));
  let made = false;
  const fill = () => {
    if (made) return;
    made = true;
    details.append(...make());
  };
  details.addEventListener("toggle", () => details.open && fill());
  if (open) {
    fill();
    details.open = true;
  }
  return details;
}

function announce(text) {
  byId("announce").textContent = text;
}

/** A button that copies what `text()` gives, and says whether it could. */
function copyButton(label, text, what) {
  const made = button("tool copy", label, async () => {
    const told = (await copied(text())) ? "Copied" : "Not allowed";
    made.textContent = told;
    announce(`${told}: ${what}`);
    setTimeout(() => (made.textContent = label), 1500);
  }, { "aria-label": `${label}: ${what}` });
  return made;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text);
  }
}

// a page from disk has no clipboard in some browsers, but may still select and copy
function copiedByHand(text) {
  const area = el("textarea", "unseen", { "aria-hidden": "true" });
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  const focused = document.activeElement;
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return done;
}
