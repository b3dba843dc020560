"use strict";
// Draws the report from the JSON in #data. Every value becomes text, never markup.
const preview = JSON.parse(document.getElementById("data").textContent);
const KINDS = ["delete", "replace", "update", "create", "options"];
const DONE = { delete: "deleted", replace: "replaced", update: "changed", create: "created", options: "options only" };
const SVG = "http://www.w3.org/2000/svg";
const SIZE = { width: 208, height: 34, gap: 8, pad: 12, head: 44, between: 18, row: 30, card: 212, closed: 64 };

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
const text = (value) =>
  value === null || value === undefined ? "none" : typeof value === "string" ? value : JSON.stringify(value, null, 1);
const kindStyle = (kind) => `--kind: var(--${kind ?? "same"})`;

let stack;
let hidden = new Set();
let chosen = null;
let view = null;
let opened = new Set();
const MOST = 60;

function start() {
  document.getElementById("what").textContent =
    `${preview.base} → ${preview.head} · ` +
    (preview.source === "engine" ? "the engine's preview" : "two versions of the program, compared without credentials");
  const tabs = document.getElementById("stacks");
  for (const each of preview.stacks) {
    tabs.append(h("button", { role: "tab", onclick: () => open(each), onkeydown: (event) => turn(event) }, each.stack));
  }
  for (const kind of KINDS) {
    const chip = h("button", { class: "chip", style: kindStyle(kind), "aria-pressed": "true" }, DONE[kind]);
    chip.addEventListener("click", () => {
      hidden.has(kind) ? hidden.delete(kind) : hidden.add(kind);
      chip.setAttribute("aria-pressed", String(!hidden.has(kind)));
      draw(true);
      changes();
    });
    document.getElementById("kinds").append(chip);
  }
  document.getElementById("search").addEventListener("input", () => {
    draw(true);
    changes();
  });
  document.getElementById("only").addEventListener("change", () => draw(true));
  document.getElementById("in").addEventListener("click", () => zoom(1 / 1.25));
  document.getElementById("out").addEventListener("click", () => zoom(1.25));
  document.getElementById("fit").addEventListener("click", () => draw(true));
  document.getElementById("expand").addEventListener("click", () => {
    const keys = new Set(stack.nodes.map((each) => each.parent)).add("");
    opened = opened.size ? new Set() : keys;
    draw(true);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && chosen) document.querySelector("#detail .close").click();
  });
  window.addEventListener("resize", () => draw(true));
  navigate(document.getElementById("graph"));
  const worst = (each) => (each.problem ? 0 : each.changes.length ? 1 : 2);
  open([...preview.stacks].sort((a, b) => worst(a) - worst(b))[0]);
}

function open(next) {
  stack = next;
  chosen = null;
  opened = new Set();
  document.getElementById("detail").hidden = true;
  for (const tab of document.querySelectorAll("#stacks button")) {
    tab.setAttribute("aria-selected", String(tab.textContent === stack.stack));
    tab.setAttribute("tabindex", tab.textContent === stack.stack ? "0" : "-1");
  }
  summary();
  document.getElementById("picture").hidden = stack.nodes.length === 0;
  document.getElementById("only").checked = stack.changes.length > 0;
  draw(true);
  changes();
}

/** Arrow keys move between the tabs, as in any list of tabs. */
function turn(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const tabs = [...document.querySelectorAll("#stacks button")];
  const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
  next.click();
  next.focus();
}

// ---- the summary above the picture

function summary() {
  const parts = [];
  if (stack.problem || stack.base_problem) {
    const title = stack.problem ? "The stack cannot be previewed" : "The base cannot be previewed, so the changes are not known";
    parts.push(note("delete", title, [h("pre", {}, stack.problem || stack.base_problem)]));
  }
  const tiles = h("div", { class: "tiles" });
  for (const kind of KINDS) {
    const count = stack.changes.filter((each) => each.kind === kind).length;
    if (count) tiles.append(tile(count, DONE[kind], kind));
  }
  tiles.append(tile(stack.unchanged, "unchanged"));
  if (stack.cost && stack.cost.changes.length) {
    const dollars = stack.cost.after - stack.cost.before;
    tiles.append(tile(`${dollars < 0 ? "−" : "+"}$${Math.abs(dollars).toFixed(0)}`, "a month, estimated"));
  }
  if (!stack.problem) parts.push(tiles);
  for (const each of stack.notes) parts.push(h("p", {}, each));
  if (preview.rules.length) {
    const rows = preview.rules.map((each) => [h("code", {}, each.what), `: ${text(each.before)} → ${text(each.after)}`]);
    parts.push(note("delete", "The policies themselves change; the base's rules are applied as well", [list(rows)]));
  }
  const risky = stack.changes.filter((each) => lost(each));
  if (risky.length) {
    parts.push(note("delete", "Lost permanently", [list(risky.map((each) => [`${each.kind} `, titled(each), `: ${each.loses}`]))]));
  }
  const refused = stack.changes.filter((each) => each.refused.length);
  if (refused.length) {
    const rows = refused.map((each) => [titled(each), `: ${each.refused.join("; ")}`]);
    parts.push(note("delete", "AWS or Kubernetes will refuse these changes", [list(rows)]));
  }
  for (const each of stack.warnings) parts.push(note("update", "Warning", [h("p", {}, each)]));
  const unsure = stack.changes.filter((each) => each.kind === "update" && each.properties.some((one) => one.replaces === "not known"));
  if (unsure.length) {
    parts.push(note("update", "It is not known whether these resources are replaced or change in place", [list(unsure.map((each) => [titled(each)]))]));
  }
  const byBase = stack.violations.filter((each) => each.only_by_base);
  if (byBase.length) parts.push(note("delete", "Only the changed rules accept these resources", [violations(byBase)]));
  const byHead = stack.violations.filter((each) => !each.only_by_base && (each.new || each.level === "mandatory"));
  if (byHead.length) {
    parts.push(note(byHead.some((each) => each.level === "mandatory") ? "delete" : "update", "Policies", [violations(byHead)]));
  }
  if (stack.alerts.length) {
    const rows = stack.alerts.map((each) => [`${each.kind} `, h("code", {}, each.name), ...each.details.flatMap(difference)]);
    parts.push(foldable(`Alerts and recording rules that change: ${stack.alerts.length}`, [list(rows)], stack.alerts.length <= 5));
  }
  if (stack.cost) {
    const rows = stack.cost.changes.map(([item, usd]) => row([item, `${usd < 0 ? "−" : "+"}$${Math.abs(usd).toFixed(2)}`]));
    const title = `Cost: $${stack.cost.before.toFixed(0)} → $${stack.cost.after.toFixed(0)} a month, estimated`;
    const without = stack.cost.unpriced.map((each) => h("p", {}, "Not in the estimate: ", h("code", {}, each)));
    const table = rows.length ? h("table", {}, head([`item`, `$ a month (prices of ${stack.cost.as_of})`]), ...rows) : null;
    parts.push(foldable(title, [...without, table], without.length > 0));
  }
  if (stack.outputs.length) {
    const rows = stack.outputs.map((each) => [h("code", {}, each.path), ...difference({ ...each, path: "" })]);
    parts.push(foldable(counted(stack.outputs.length, "output"), [list(rows)], stack.outputs.length <= 5));
  }
  if (preview.packages.length) {
    const rows = preview.packages.map((each) => [h("code", {}, each.name), ` ${each.before || "none"} → ${each.after || "none"} (${each.file})`]);
    parts.push(foldable(counted(preview.packages.length, "package"), [list(rows)], preview.packages.length <= 5));
  }
  document.getElementById("summary").replaceChildren(...parts);
}
const lost = (change) => change.loses && !change.kept;
const difference = (each) => [
  h("span", {}, each.path ? ` ${each.path}: ` : ": ", h("del", {}, text(each.before)), " → ", h("ins", {}, text(each.after))),
];
const counted = (count, word) => (count === 1 ? `1 ${word} changes` : `${count} ${word}s change`);
const row = (cells) => h("tr", {}, ...cells.map((each) => h("td", {}, each)));
const head = (cells) => h("tr", {}, ...cells.map((each) => h("th", {}, each)));
const foldable = (title, children, open) =>
  h("div", { class: "note", style: kindStyle("options") }, h("details", open ? { open: "" } : {}, h("summary", {}, title), ...children));

/** One row per resource and level, with all violations of the resource. */
function violations(listed) {
  const objects = new Map();
  for (const each of listed) {
    const key = `${each.level} ${each.type} ${each.name}`;
    if (!objects.has(key)) objects.set(key, []);
    objects.get(key).push(each);
  }
  return list(
    [...objects.values()].map((found) => {
      const title = [`${found[0].level}: `, found[0].type ? h("span", { class: "type" }, `${short(found[0].type)} `) : null, h("b", { class: "name" }, found[0].name)];
      const lines = found.map((each) => [h("code", {}, each.policy), ` ${each.message}`]);
      return lines.length === 1 ? [...title, " ", ...lines[0]] : [h("details", {}, h("summary", {}, ...title, ` ${lines.length} violations`), list(lines))];
    }),
  );
}
const tile = (number, word, kind) =>
  h("div", { class: "tile", style: kindStyle(kind) }, h("b", {}, String(number)), h("span", {}, word));
const note = (kind, title, children) => h("div", { class: "note", style: kindStyle(kind) }, h("h2", {}, title), ...children);
const list = (rows) => h("ul", {}, ...rows.map((each) => h("li", {}, ...each)));
const titled = (change) =>
  h("span", {}, h("span", { class: "type" }, `${short(change.type)} `), h("b", { class: "name" }, change.name));

// ---- the list of changes below the picture

function changes() {
  const wanted = words();
  const shown = stack.changes.filter((each) => !hidden.has(each.kind) && matches(each, wanted));
  const rows = shown.map((each) =>
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
      h("div", { class: "body" }, ...details(each)),
    ),
  );
  const holder = document.getElementById("changes");
  const count = shown.length === stack.changes.length ? "" : ` (${shown.length} of ${stack.changes.length})`;
  if (rows.length === 1) rows[0].setAttribute("open", "");
  holder.replaceChildren(h("h2", {}, `Changes${count}`), h("div", { class: "list" }, ...rows));
  holder.hidden = stack.changes.length === 0;
}
const words = () => document.getElementById("search").value.trim().toLowerCase();
const matches = (each, wanted) => !wanted || `${each.name} ${each.type}`.toLowerCase().includes(wanted);
function reasons(change) {
  const names = change.properties.map((each) => each.path);
  return names.length > 4 ? `${names.slice(0, 4).join(", ")} and ${names.length - 4} more` : names.join(", ");
}
function details(change) {
  const rows = change.properties.map((each) =>
    h(
      "tr",
      {},
      h("td", {}, h("code", {}, each.path), " ", replacement(each)),
      ...(change.kind === "create" || change.kind === "delete"
        ? [h("td", {}, h("pre", {}, text(change.kind === "create" ? each.after : each.before)))]
        : each.follows && each.path === "provider"
        ? [h("td", { colspan: 2 }, h("b", { class: "name" }, last(each.follows)), ` ${each.replaces === "yes" ? "manages" : "may manage"} another region, account or cluster`)]
        : each.follows
        ? [h("td", { colspan: 2 }, "follows ", h("b", { class: "name" }, last(each.follows)), ", which is replaced")]
        : [h("td", { class: "old" }, h("pre", {}, text(each.before))), h("td", { class: "new" }, h("pre", {}, text(each.after)))]),
    ),
  );
  for (const each of change.options) {
    rows.push(h("tr", {}, h("td", {}, each.name), h("td", { class: "old" }, each.before || "none"), h("td", { class: "new" }, each.after || "none")));
  }
  const parts = [];
  for (const each of change.refused) parts.push(h("p", { class: "refused" }, `Will be refused: ${each}`));
  if (change.formerly) parts.push(h("p", {}, "formerly ", h("code", {}, last(change.formerly))));
  if (change.protected) parts.push(h("p", {}, "The resource is protected: `pulumi up` will refuse the change."));
  if (change.kept) parts.push(h("p", {}, "The resource is removed from the state and kept in the cloud."));
  if (rows.length) parts.push(h("table", {}, head(change.kind === "create" || change.kind === "delete" ? ["input", "value"] : ["input", "before", "after"]), ...rows));
  for (const each of change.ignored) parts.push(h("p", {}, h("code", {}, each.path), ` stays as it is: ${each.owner} owns it`));
  return parts.length ? parts : [h("p", {}, "The resource has no inputs.")];
}
function replacement(property) {
  if (property.replaces === "no") return null;
  return h("span", { class: "badge", style: kindStyle(property.replaces === "yes" ? "replace" : "update") }, property.replaces === "yes" ? "replaces" : "may replace");
}

// ---- the picture: a card per component, below the components that it depends on. An open card shows the component's resources, a
// closed card only their number.

function draw(fit = false) {
  const graph = document.getElementById("graph");
  const groups = arrange(visible(), Math.max(280, graph.parentElement.clientWidth - 28));
  const nodeAt = new Map(groups.flatMap((group) => group.nodes.map((node) => [node.urn, node])));
  const boxOf = (urn) => (nodeAt.get(urn).group.open ? nodeAt.get(urn) : nodeAt.get(urn).group);
  const edges = new Map();
  for (const node of nodeAt.values()) {
    for (const urn of node.dependencies.filter((each) => nodeAt.has(each))) {
      const [from, to] = [boxOf(urn), boxOf(node.urn)];
      if (nodeAt.get(urn).group !== node.group) edges.set(`${from.key ?? from.urn} ${to.key ?? to.urn}`, [from, to, urn, node.urn]);
    }
  }
  const near = chosen && nodeAt.has(chosen) ? new Set([chosen, ...neighbours(nodeAt)]) : null;
  graph.replaceChildren(
    s("g", { id: "edges" }, ...[...edges.values()].map((edge) => drawEdge(edge, near))),
    s("g", {}, ...groups.map((group) => drawGroup(group, near))),
  );
  document.getElementById("nothing").hidden = groups.length > 0;
  const right = Math.max(240, ...groups.map((each) => each.x + each.width));
  const bottom = Math.max(60, ...groups.map((each) => each.y + each.height));
  if (fit || !view) view = { x: 0, y: 0, width: right, height: bottom };
  graph.style.width = `${right}px`;
  graph.style.height = `${bottom}px`;
  look();
}

/** The matching nodes: all, or only the changed resources and their dependencies. */
function visible() {
  const wanted = words();
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
    .filter((each) => matches(each, wanted));
}

/** Whether a component's card is open: because the picture has few resources, or because the user has opened the card. */
const expanded = (key, all) => all <= MOST || opened.has(key);

function arrange(nodes, room) {
  const components = new Map(stack.nodes.filter((each) => !each.custom).map((each) => [each.urn, each]));
  const groups = new Map();
  const groupOf = new Map();
  for (const node of nodes) {
    const key = components.has(node.parent) ? node.parent : "";
    if (!groups.has(key)) groups.set(key, { key, component: components.get(key), nodes: [], open: expanded(key, nodes.length) });
    const group = groups.get(key);
    group.nodes.push({ ...node, group });
    groupOf.set(node.urn, key);
  }
  // A component is one level deeper than the deepest component that it depends on. The limits of 8 rounds and level 7 end cycles.
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
  const sorted = [...groups.values()].sort(
    (a, b) => depths.get(a.key) - depths.get(b.key) || changed(b) - changed(a) || title(a).localeCompare(title(b)),
  );
  place(sorted, depths, room);
  return sorted;
}

/** Places the cards from left to right. A new row starts for each depth, and when a row is full. */
function place(groups, depths, room) {
  let [x, y, tallest, depth] = [0, 0, 0, null];
  for (const group of groups) {
    measure(group, room);
    const deeper = depth !== null && depths.get(group.key) !== depth;
    if (x > 0 && (deeper || x + group.width > room)) [x, y, tallest] = [0, y + tallest + SIZE.row, 0];
    Object.assign(group, { x, y });
    group.nodes.forEach((node, index) => {
      node.x = x + SIZE.pad + (index % group.across) * (SIZE.width + SIZE.gap);
      node.y = y + SIZE.head + Math.floor(index / group.across) * (SIZE.height + SIZE.gap);
      Object.assign(node, { width: SIZE.width, height: SIZE.height });
    });
    x += group.width + SIZE.between;
    tallest = Math.max(tallest, group.height);
    depth = depths.get(group.key);
  }
}
function measure(group, room) {
  const most = Math.max(1, Math.floor((room - 2 * SIZE.pad + SIZE.gap) / (SIZE.width + SIZE.gap)));
  group.across = Math.min(most, group.nodes.length > 24 ? 4 : group.nodes.length > 8 ? 3 : group.nodes.length > 3 ? 2 : 1);
  group.nodes.sort((a, b) => order(a) - order(b));
  if (!group.open) {
    Object.assign(group, { width: Math.min(room, SIZE.card), height: SIZE.closed });
    return;
  }
  const down = Math.ceil(group.nodes.length / group.across);
  group.width = group.across * (SIZE.width + SIZE.gap) - SIZE.gap + 2 * SIZE.pad;
  group.height = SIZE.head + down * (SIZE.height + SIZE.gap) - SIZE.gap + SIZE.pad;
}
const changed = (group) => group.nodes.filter((each) => each.kind).length;
const order = (node) => (node.kind ? KINDS.indexOf(node.kind) : KINDS.length);
const title = (group) => (group.component ? short(group.component.type) : "Outside of components");
const neighbours = (nodeAt) =>
  [...nodeAt.values()].flatMap((node) =>
    node.urn === chosen ? node.dependencies : node.dependencies.includes(chosen) ? [node.urn] : [],
  );

function drawEdge([from, to, source, target], near) {
  const [x1, y1] = [from.x + from.width / 2, from.y + from.height];
  const [x2, y2] = [to.x + to.width / 2, to.y];
  const bend = Math.max(20, Math.abs(y2 - y1) / 2);
  const lit = near && (source === chosen || target === chosen);
  return s("path", {
    class: `edge ${lit ? "lit" : near ? "dim" : ""}`,
    d: `M${x1},${y1} C${x1},${y1 + bend} ${x2},${y2 - bend} ${x2},${y2}`,
  });
}

function drawGroup(group, near) {
  const counts = KINDS.map((kind) => [kind, group.nodes.filter((each) => each.kind === kind).length]).filter(([, count]) => count);
  const name = group.component ? group.component.name : "";
  const said = counts.map(([kind, count]) => `${count} ${DONE[kind]}`).join(", ") || `${group.nodes.length} unchanged`;
  const letters = Math.floor((group.width - 2 * SIZE.pad - 40) / 7.6);
  const card = s(
    "g",
    {
      class: `group ${group.open ? "" : "closed"} ${near && !group.nodes.some((each) => near.has(each.urn)) ? "dim" : ""}`,
      tabindex: 0,
      role: "button",
      "aria-expanded": String(group.open),
      "aria-label": `${title(group)} ${name}: ${group.nodes.length} resources, ${said}`,
      "data-key": group.key,
      onclick: () => toggle(group),
      onkeydown: (event) => pressed(event, () => toggle(group)),
    },
    s("rect", { x: group.x, y: group.y, width: group.width, height: group.height, rx: 10 }),
    s("text", { class: "name", x: group.x + SIZE.pad, y: group.y + 19 }, clipped(title(group), letters)),
    s("text", { class: "of", x: group.x + SIZE.pad, y: group.y + 35 }, clipped(name, letters + 5)),
    s("text", { class: "count", x: group.x + group.width - SIZE.pad, y: group.y + 19, "text-anchor": "end" }, `${group.open ? "−" : "+"} ${group.nodes.length}`),
    s("title", {}, `${title(group)} ${name}\n${group.nodes.length} resources: ${said}`),
  );
  if (!group.open) {
    let x = group.x + SIZE.pad;
    const whole = group.width - 2 * SIZE.pad;
    for (const [kind, count] of [...counts, ["same", group.nodes.filter((each) => !each.kind).length]]) {
      const width = (whole * count) / group.nodes.length;
      if (count) card.append(s("rect", { class: "share", style: kindStyle(kind), x, y: group.y + 46, width: Math.max(2, width - 2), height: 7, rx: 3 }));
      x += width;
    }
  }
  return s("g", {}, card, ...(group.open ? group.nodes.map((node) => drawNode(node, near)) : []));
}

function toggle(group) {
  opened.has(group.key) ? opened.delete(group.key) : opened.add(group.key);
  draw(true);
  document.querySelector(`.group[data-key="${CSS.escape(group.key)}"]`)?.focus();
}
function pressed(event, act) {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  act(event);
}

function drawNode(node, near) {
  const change = stack.changes.find((each) => each.urn === node.urn);
  const classes = ["node", node.kind ?? "same", change && lost(change) ? "risky" : "", node.urn === chosen ? "chosen" : ""];
  if (near && !near.has(node.urn)) classes.push("dim");
  return s(
    "g",
    {
      class: classes.join(" "),
      style: kindStyle(node.kind),
      tabindex: 0,
      role: "button",
      "aria-label": `${short(node.type)} ${node.name}, ${node.kind ?? "unchanged"}`,
      "data-urn": node.urn,
      onclick: (event) => choose(node, event),
      onkeydown: (event) => pressed(event, () => choose(node, event)),
    },
    s("rect", { x: node.x, y: node.y, width: SIZE.width, height: SIZE.height, rx: 6 }),
    s("rect", { class: "bar", x: node.x, y: node.y, width: 5, height: SIZE.height, rx: 2 }),
    s("text", { class: "type", x: node.x + 13, y: node.y + 13 }, clipped(short(node.type), 34)),
    s("text", { class: "title", x: node.x + 13, y: node.y + 27 }, clipped(node.name, 28)),
    s("title", {}, `${node.type}\n${node.name}${node.kind ? `\n${node.kind}` : ""}`),
  );
}
const clipped = (phrase, most) => (phrase.length > most ? `${phrase.slice(0, most - 1)}…` : phrase);

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
      ...(change ? details(change) : []),
      ...(node.dependencies.length ? [h("p", {}, "needs ", h("span", { class: "name" }, node.dependencies.map(last).join(", ")))] : []),
    );
  }
  draw();
  const focused = chosen ? panel.querySelector("button") : document.querySelector(`.node[data-urn="${CSS.escape(node.urn)}"]`);
  focused?.focus({ preventScroll: true });
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
  const pointed = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(graph.getScreenCTM().inverse());
  graph.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // without Control, the page scrolls
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.12 : 1 / 1.12, pointed(event));
    },
    { passive: false },
  );
  let from = null;
  graph.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".node, .group") && event.pointerType === "mouse") from = pointed(event);
  });
  graph.addEventListener("pointermove", (event) => {
    if (!from) return;
    const now = pointed(event);
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
