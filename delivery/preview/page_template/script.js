"use strict";
// Draws the report from the JSON in #data. Every value becomes text, never markup.
const preview = JSON.parse(document.getElementById("data").textContent);
const KINDS = ["delete", "replace", "update", "create", "options"];
const DONE = { delete: "deleted", replace: "replaced", update: "changed", create: "created", options: "options only" };
const SVG = "http://www.w3.org/2000/svg";
const SIZE = { width: 208, height: 34, gap: 7, pad: 12, head: 30, column: 96, row: 26 };

/** An HTML element: `h("p", {class: "x"}, "text", child)`. */
function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}
function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((each) => each !== null && each !== undefined));
  return element;
}
const short = (type) => type.slice(type.lastIndexOf(":") + 1);
const last = (urn) => urn.slice(urn.lastIndexOf("::") + 2);
const text = (value) => (value === null ? "none" : typeof value === "string" ? value : JSON.stringify(value, null, 1));
const kindStyle = (kind) => `--kind: var(--${kind ?? "same"})`;

let stack;
let hidden = new Set();
let chosen = null;
let view = null;

function start() {
  document.getElementById("what").textContent =
    `${preview.base} → ${preview.head} · ` +
    (preview.source === "engine" ? "the engine's preview" : "program against program, evaluated without credentials");
  const tabs = document.getElementById("stacks");
  for (const each of preview.stacks) {
    tabs.append(h("button", { role: "tab", onclick: () => open(each) }, each.stack));
  }
  for (const kind of KINDS) {
    const chip = h("button", { class: "chip", style: kindStyle(kind), "aria-pressed": "true" }, DONE[kind]);
    chip.addEventListener("click", () => {
      hidden.has(kind) ? hidden.delete(kind) : hidden.add(kind);
      chip.setAttribute("aria-pressed", String(!hidden.has(kind)));
      draw();
    });
    document.getElementById("kinds").append(chip);
  }
  document.getElementById("search").addEventListener("input", () => draw());
  document.getElementById("only").addEventListener("change", () => draw(true));
  document.getElementById("in").addEventListener("click", () => zoom(1 / 1.25));
  document.getElementById("out").addEventListener("click", () => zoom(1.25));
  document.getElementById("fit").addEventListener("click", () => draw(true));
  navigate(document.getElementById("graph"));
  const worst = (each) => (each.problem ? 0 : each.changes.length ? 1 : 2);
  open([...preview.stacks].sort((a, b) => worst(a) - worst(b))[0]);
}

function open(next) {
  stack = next;
  chosen = null;
  for (const tab of document.querySelectorAll("#stacks button")) {
    tab.setAttribute("aria-selected", String(tab.textContent === stack.stack));
  }
  summary();
  document.getElementById("picture").hidden = stack.nodes.length === 0;
  document.getElementById("only").checked = stack.changes.length > 0;
  draw(true);
  changes();
}

// ---- what is said above the picture

function summary() {
  const parts = [];
  if (stack.problem || stack.base_problem) {
    const title = stack.problem ? "This version cannot be evaluated" : "The base cannot be evaluated: nothing to compare with";
    parts.push(note("delete", title, [h("pre", {}, stack.problem || stack.base_problem)]));
  }
  const tiles = h("div", { class: "tiles" });
  for (const kind of KINDS) {
    const count = stack.changes.filter((each) => each.kind === kind).length;
    if (count) tiles.append(tile(count, DONE[kind], kind));
  }
  tiles.append(tile(stack.unchanged, "unchanged"));
  if (stack.cost) {
    const difference = stack.cost.after - stack.cost.before;
    tiles.append(tile(`${difference < 0 ? "−" : "+"}$${Math.abs(difference).toFixed(0)}`, "a month, estimated"));
  }
  if (!stack.problem) parts.push(tiles);
  for (const each of stack.notes) parts.push(h("p", {}, each));
  const risky = stack.changes.filter((each) => lost(each));
  if (risky.length) {
    parts.push(note("delete", "Lost for good", [list(risky.map((each) => [`${each.kind} `, titled(each), `: ${each.loses}`]))]));
  }
  const told = stack.verdicts.filter((each) => each.new || each.level === "mandatory");
  if (told.length) {
    const rows = told.map((each) => [`${each.level}: `, h("code", {}, each.policy), " ", h("b", {}, each.name), ` ${each.message}`]);
    parts.push(note(told.some((each) => each.level === "mandatory") ? "delete" : "update", "Policies", [list(rows)]));
  }
  const unsure = stack.changes.filter((each) => each.kind === "update" && each.properties.some((one) => one.replaces === "not known"));
  if (unsure.length) {
    parts.push(note("update", "Not known whether replaced or changed in place", [list(unsure.map((each) => [titled(each)]))]));
  }
  if (stack.alerts.length) {
    const rows = list(stack.alerts.map((each) => [`${each.kind} `, h("code", {}, each.name)]));
    const title = h("summary", {}, `${stack.alerts.length} alerts and recording rules`);
    parts.push(h("div", { class: "note", style: kindStyle("options") }, h("details", stack.alerts.length > 5 ? {} : { open: "" }, title, rows)));
  }
  document.getElementById("summary").replaceChildren(...parts);
}
const lost = (change) => change.loses && !change.kept && (change.kind === "delete" || change.kind === "replace");
const tile = (number, word, kind) =>
  h("div", { class: "tile", style: kindStyle(kind) }, h("b", {}, String(number)), h("span", {}, word));
const note = (kind, title, children) => h("div", { class: "note", style: kindStyle(kind) }, h("h2", {}, title), ...children);
const list = (rows) => h("ul", {}, ...rows.map((row) => h("li", {}, ...row)));
const titled = (change) =>
  h("span", {}, h("span", { class: "type" }, `${short(change.type)} `), h("b", { class: "name" }, change.name));

// ---- the list below it

function changes() {
  const rows = stack.changes.map((each) =>
    h(
      "details",
      { class: "change", "data-urn": each.urn },
      h(
        "summary",
        { style: kindStyle(each.kind) },
        h("span", { class: "badge" }, each.kind),
        titled(each),
        h("span", { class: "why" }, each.loses ? `loses ${each.loses}` : reasons(each)),
      ),
      h("div", { class: "body" }, ...told(each)),
    ),
  );
  const holder = document.getElementById("changes");
  holder.replaceChildren(h("h2", {}, "Changes"), h("div", { class: "list" }, ...rows));
  holder.hidden = rows.length === 0;
}
function reasons(change) {
  const names = change.properties.map((each) => each.path);
  return names.length > 4 ? `${names.slice(0, 4).join(", ")} and ${names.length - 4} more` : names.join(", ");
}
function told(change) {
  const rows = change.properties.map((each) =>
    h(
      "tr",
      {},
      h("td", {}, h("code", {}, each.path), " ", verdict(each)),
      ...(each.follows
        ? [h("td", { colspan: 2 }, "follows ", h("b", { class: "name" }, last(each.follows)), ", which is replaced")]
        : [h("td", { class: "old" }, h("pre", {}, text(each.before))), h("td", { class: "new" }, h("pre", {}, text(each.after)))]),
    ),
  );
  for (const each of change.options) {
    rows.push(h("tr", {}, h("td", {}, each.name), h("td", { class: "old" }, each.before || "none"), h("td", { class: "new" }, each.after || "none")));
  }
  const parts = [];
  if (change.formerly) parts.push(h("p", {}, "formerly ", h("code", {}, last(change.formerly))));
  if (change.protected) parts.push(h("p", {}, "It is protected: `pulumi up` will refuse."));
  if (change.kept) parts.push(h("p", {}, "It leaves the state and stays in the cloud."));
  if (rows.length) parts.push(h("table", {}, h("tr", {}, h("th", {}, "input"), h("th", {}, "before"), h("th", {}, "after")), ...rows));
  for (const each of change.ignored) parts.push(h("p", {}, h("code", {}, each.path), ` stays as it is: ${each.owner} owns it`));
  return parts.length ? parts : [h("p", {}, "Nothing else to tell.")];
}
function verdict(property) {
  if (property.replaces === "no") return null;
  return h("span", { class: "badge", style: kindStyle(property.replaces === "yes" ? "replace" : "update") }, property.replaces === "yes" ? "replaces" : "may replace");
}

// ---- the picture: one card per component, in columns by what depends on what, its resources inside

function draw(fit = false) {
  const graph = document.getElementById("graph");
  const model = visible();
  const groups = arrange(model);
  const at = new Map(groups.flatMap((group) => group.nodes.map((node) => [node.urn, node])));
  const edges = [...at.values()].flatMap((node) =>
    node.dependencies.filter((urn) => at.has(urn) && at.get(urn).group !== node.group).map((urn) => [at.get(urn), node]),
  );
  const near = chosen && at.has(chosen) ? new Set([chosen, ...neighbours(edges, chosen), ...neighbours(inner(at), chosen)]) : null;
  graph.replaceChildren(
    s("g", { id: "edges" }, ...edges.map((edge) => drawEdge(edge, near))),
    s("g", {}, ...groups.map((group) => drawGroup(group, near))),
  );
  if (fit || !view) {
    const right = Math.max(200, ...groups.map((each) => each.x + each.width));
    const bottom = Math.max(120, ...groups.map((each) => each.y + each.height));
    view = { x: -16, y: -16, width: right + 32, height: bottom + 32 };
  }
  look();
}

/** The nodes to draw: all that match, or only changes and their neighbours. */
function visible() {
  const wanted = document.getElementById("search").value.trim().toLowerCase();
  const only = document.getElementById("only").checked;
  const nodes = stack.nodes.filter((each) => each.custom && !each.type.startsWith("pulumi:providers:"));
  const touched = new Set(nodes.filter((each) => each.kind).map((each) => each.urn));
  if (only) {
    for (const node of nodes) {
      if (node.kind) node.dependencies.forEach((urn) => touched.add(urn));
    }
  }
  return nodes
    .filter((each) => !only || touched.has(each.urn))
    .filter((each) => !each.kind || !hidden.has(each.kind))
    .filter((each) => !wanted || `${each.name} ${each.type}`.toLowerCase().includes(wanted));
}

function arrange(nodes) {
  const components = new Map(stack.nodes.filter((each) => !each.custom).map((each) => [each.urn, each]));
  const groups = new Map();
  const groupOf = new Map();
  for (const node of nodes) {
    const key = components.has(node.parent) ? node.parent : "";
    if (!groups.has(key)) groups.set(key, { key, title: title(components.get(key)), nodes: [] });
    groups.get(key).nodes.push({ ...node, group: key });
    groupOf.set(node.urn, key);
  }
  // How deep a component lies: one more than the deepest that it depends on, cycles cut by a bound.
  const depths = new Map([...groups.keys()].map((key) => [key, 0]));
  for (let round = 0; round < 8; round++) {
    for (const group of groups.values()) {
      for (const node of group.nodes) {
        for (const urn of node.dependencies) {
          const other = groupOf.get(urn);
          if (other !== undefined && other !== group.key) {
            depths.set(group.key, Math.min(7, Math.max(depths.get(group.key), depths.get(other) + 1)));
          }
        }
      }
    }
  }
  const levels = [...new Set(depths.values())].sort((a, b) => a - b);
  let x = 0;
  for (const level of levels) {
    let y = 0;
    let width = 0;
    const column = [...groups.values()].filter((each) => depths.get(each.key) === level);
    for (const group of column.sort((a, b) => changed(b) - changed(a) || a.title.localeCompare(b.title))) {
      const across = group.nodes.length > 12 ? Math.ceil(group.nodes.length / 12) : 1;
      group.nodes.sort((a, b) => order(a) - order(b));
      const down = Math.ceil(group.nodes.length / across);
      Object.assign(group, { x, y, width: across * (SIZE.width + SIZE.gap) - SIZE.gap + 2 * SIZE.pad });
      group.height = SIZE.head + down * (SIZE.height + SIZE.gap) - SIZE.gap + SIZE.pad;
      group.nodes.forEach((node, index) => {
        node.x = x + SIZE.pad + Math.floor(index / down) * (SIZE.width + SIZE.gap);
        node.y = y + SIZE.head + (index % down) * (SIZE.height + SIZE.gap);
      });
      y += group.height + SIZE.row;
      width = Math.max(width, group.width);
    }
    x += width + SIZE.column;
  }
  return [...groups.values()];
}
const changed = (group) => group.nodes.filter((each) => each.kind).length;
const order = (node) => (node.kind ? KINDS.indexOf(node.kind) : KINDS.length);
const title = (component) => (component ? `${short(component.type)} · ${component.name}` : "Outside of components");
const inner = (at) =>
  [...at.values()].flatMap((node) => node.dependencies.filter((urn) => at.has(urn)).map((urn) => [at.get(urn), node]));
const neighbours = (edges, urn) =>
  edges.flatMap(([from, to]) => (from.urn === urn ? [to.urn] : to.urn === urn ? [from.urn] : []));

function drawEdge([from, to], near) {
  const [x1, y1] = [from.x + SIZE.width, from.y + SIZE.height / 2];
  const [x2, y2] = [to.x, to.y + SIZE.height / 2];
  const bend = Math.max(40, Math.abs(x2 - x1) / 2);
  const lit = near && (from.urn === chosen || to.urn === chosen);
  const kind = from.kind && to.kind ? to.kind : undefined;
  return s("path", {
    class: `edge ${kind ? "touched" : ""} ${lit ? "lit" : near ? "dim" : ""}`,
    style: kindStyle(kind),
    d: `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`,
  });
}

function drawGroup(group, near) {
  const count = changed(group);
  return s(
    "g",
    { class: "group" },
    s("rect", { x: group.x, y: group.y, width: group.width, height: group.height, rx: 10 }),
    s("text", { x: group.x + SIZE.pad, y: group.y + 20 }, clipped(group.title, Math.floor((group.width - 2 * SIZE.pad - (count ? 24 : 0)) / 8))),
    count ? s("text", { class: "count", x: group.x + group.width - SIZE.pad, y: group.y + 20, "text-anchor": "end" }, `${count}`) : null,
    ...group.nodes.map((node) => drawNode(node, near)),
  );
}

function drawNode(node, near) {
  const change = stack.changes.find((each) => each.urn === node.urn);
  const classes = ["node", node.kind ?? "same", change && lost(change) ? "risky" : "", node.urn === chosen ? "chosen" : ""];
  if (near && !near.has(node.urn)) classes.push("dim");
  return s(
    "g",
    { class: classes.join(" "), style: kindStyle(node.kind), tabindex: 0, "data-urn": node.urn, onclick: (event) => choose(node, event) },
    s("rect", { x: node.x, y: node.y, width: SIZE.width, height: SIZE.height, rx: 6 }),
    s("rect", { class: "bar", x: node.x, y: node.y, width: 5, height: SIZE.height, rx: 2 }),
    s("text", { class: "type", x: node.x + 13, y: node.y + 13 }, clipped(short(node.type), 36)),
    s("text", { class: "title", x: node.x + 13, y: node.y + 27 }, clipped(node.name, 29)),
    s("title", {}, `${node.type}\n${node.name}${node.kind ? `\n${node.kind}` : ""}`),
  );
}
const clipped = (words, most) => (words.length > most ? `${words.slice(0, most - 1)}…` : words);

function choose(node, event) {
  event.stopPropagation();
  chosen = chosen === node.urn ? null : node.urn;
  const panel = document.getElementById("detail");
  panel.hidden = chosen === null;
  if (chosen) {
    const change = stack.changes.find((each) => each.urn === chosen);
    panel.replaceChildren(
      h("button", { class: "close", "aria-label": "Close", onclick: (inside) => choose(node, inside) }, "×"),
      h("h2", {}, h("span", { class: "badge", style: kindStyle(node.kind) }, node.kind ?? "unchanged"), " ", short(node.type)),
      h("p", { class: "name" }, node.name),
      h("p", {}, h("code", {}, node.type)),
      ...(change ? told(change) : []),
      node.dependencies.length ? h("p", {}, "needs ", h("span", { class: "name" }, node.dependencies.map(last).join(", "))) : null,
    );
  }
  draw();
}

// ---- zoom and move

function look() {
  document.getElementById("graph").setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
}
function zoom(factor, at) {
  const point = at ?? { x: view.x + view.width / 2, y: view.y + view.height / 2 };
  view = {
    x: point.x - (point.x - view.x) * factor,
    y: point.y - (point.y - view.y) * factor,
    width: view.width * factor,
    height: view.height * factor,
  };
  look();
}
function navigate(graph) {
  const place = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(graph.getScreenCTM().inverse());
  graph.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.12 : 1 / 1.12, place(event));
    },
    { passive: false },
  );
  let from = null;
  graph.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".node")) from = place(event);
  });
  graph.addEventListener("pointermove", (event) => {
    if (!from) return;
    const now = place(event);
    view = { ...view, x: view.x + from.x - now.x, y: view.y + from.y - now.y };
    graph.classList.add("moving");
    look();
  });
  for (const end of ["pointerup", "pointerleave"]) {
    graph.addEventListener(end, () => {
      from = null;
      graph.classList.remove("moving");
    });
  }
}

start();
