"""The page's only script: the bar for all pictures, the key-points, the address, and the keyboard.

It is part of the page, loads nothing, and stores nothing.
"""

PAGE_SCRIPT = r"""
"use strict";
(() => {
const bar = document.getElementById("bar");
if (!bar) return;
const cards = [...document.querySelectorAll("article.card")];
const page = JSON.parse(document.getElementById("page-data").textContent);
const data = new Map();
const box = (card, layer) => card.querySelector(`.switches input[name="${layer}"]`);

function dataOf(card) {
  if (!data.has(card))
    data.set(card, JSON.parse(card.querySelector(".point-data").textContent));
  return data.get(card);
}

function add(group, kind, path, colour, title) {
  const line = document.createElementNS(group.namespaceURI, "path");
  line.setAttribute("class", kind);
  line.setAttribute("d", path);
  if (colour) line.style.setProperty("--person", colour);
  if (title) {
    const text = document.createElementNS(group.namespaceURI, "title");
    text.textContent = title;
    line.append(text);
  }
  group.append(line);
}

/* A group for one person, whose dots and lines are finer the smaller the person is. */
function addPerson(svg, card, person) {
  const one = dataOf(card), group = document.createElementNS(svg.namespaceURI, "g");
  const share = one.heights[person] / one.size[1];
  group.style.setProperty("--fine", Math.min(1, Math.max(0.4, 1.6 * share)).toFixed(2));
  svg.append(group);
  return group;
}

const dot = (points, i) => `M${points[3 * i]} ${points[3 * i + 1]}h0`;

/* The side of a bone is that of its ends, of which one may be in the middle. */
function side(names, bone) {
  const of = (start) => bone.some((i) => names[i].startsWith(start));
  return of("left_") === of("right_") ? "" : of("left_") ? " left" : " right";
}

function drawSkeleton(svg, card) {
  const one = dataOf(card), name = bar.elements.points.value, set = page.sets[name];
  one.sets[name].forEach((points, person) => {
    const group = addPerson(svg, card, person);
    const at = (i) => `${points[3 * i]} ${points[3 * i + 1]}`;
    const paths = set.bones.map(([a, b]) => `M${at(a)}L${at(b)}`);
    add(group, "rim bone", paths.join(""));
    set.bones.forEach((bone, k) => {
      const fine = set.sizes[bone[0]] === "1" || set.sizes[bone[1]] === "1" ? " fine" : "";
      const title = `person ${person}: ${bone.map((i) => set.names[i]).join(" to ")}`;
      add(group, "bone" + fine + side(set.names, bone), paths[k], one.colours[person], title);
    });
    for (const size of ["1", "2"]) {
      const which = set.names.map((_, i) => i).filter((i) => set.sizes[i] === size);
      const fine = size === "1" ? " fine" : "";
      add(group, "rim dot" + fine, which.map((i) => dot(points, i)).join(""));
      for (const i of which) {
        const code = points[3 * i + 2];
        const title = `person ${person}: ${i} ${set.names[i]}, ${page.codes[code]}`;
        add(group, `dot code${code}${fine}`, dot(points, i), "", title);
      }
    }
  });
}

function drawDense(svg, card) {
  const one = dataOf(card);
  one.dense.forEach((points, person) => {
    const group = addPerson(svg, card, person);
    add(group, "rim dot mid", one.vertices.map((_, i) => dot(points, i)).join(""));
    one.vertices.forEach((vertex, i) => {
      const code = points[3 * i + 2];
      const what = vertex < 0 ? `point ${i}` : `vertex ${vertex}`;
      const title = `person ${person}: ${what}, ${page.codes[code]}`;
      add(group, `dot mid code${code}`, dot(points, i), "", title);
    });
  });
}

/* Key-points are drawn when they are first switched on, and again for another set. */
function draw(card) {
  const set = bar.elements.points.value;
  for (const [layer, how, made] of [["skeleton", drawSkeleton, set], ["dense", drawDense, "all"]]) {
    const svg = card.querySelector(`svg.${layer}`), input = box(card, layer);
    if (!input || !input.checked || svg.dataset.drawn === made) continue;
    svg.replaceChildren();
    how(svg, card);
    svg.dataset.drawn = made;
  }
}

/* A box of the bar is ticked when all cards have the layer on, and half when some have. */
function tellBar() {
  for (const input of bar.querySelectorAll("input[type=checkbox]")) {
    const boxes = cards.map((card) => box(card, input.name)).filter((found) => found);
    const on = boxes.filter((found) => found.checked).length;
    input.checked = on > 0 && on === boxes.length;
    input.indeterminate = on > 0 && on < boxes.length;
  }
}

function switchAll(layer, on) {
  for (const card of cards) {
    const input = box(card, layer);
    if (input) input.checked = on;
  }
}

function settle() {
  const style = document.documentElement.style;
  style.setProperty("--strength", bar.elements.opacity.value / 100);
  document.body.classList.toggle("by-side", bar.elements.bones.value === "sides");
  cards.forEach(draw);
  tellBar();
}

bar.addEventListener("input", (event) => {
  if (event.target.type === "checkbox") switchAll(event.target.name, event.target.checked);
  settle();
});
bar.addEventListener("submit", (event) => event.preventDefault());
for (const card of cards) card.addEventListener("change", () => { draw(card); tellBar(); });

document.addEventListener("keydown", (event) => {
  const open = cards.findIndex((card) => card.matches(":target"));
  if (open < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") location.hash = `at-${cards[open].id}`;
  if (event.target.matches("input, select")) return;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step && cards[open + step]) location.hash = cards[open + step].id;
});

const asked = new URLSearchParams(location.search);
for (const layer of (asked.get("layers") || "").split(",")) switchAll(layer, true);
for (const name of ["points", "bones", "opacity"])
  if (asked.has(name)) bar.elements[name].value = asked.get(name);
document.documentElement.classList.add("scripted");
settle();
})();
"""
