// Draws every <div class="chart" data-src="…"> with uPlot from the JSON behind it (api/charts.py says its form and all words), and offers
// the same numbers as a table.
// data-every="5" asks again every five seconds; class "steps" draws each value over its whole interval; data-table names the element of the
// page that has the same numbers, so that none is made here. Series with a `look` of their own differ by shape, whatever their colour.
"use strict";

const DARK = matchMedia("(prefers-color-scheme: dark)");
const LIGHT_COLOURS = ["#0f766e", "#8a5a00", "#c26a00", "#2563eb", "#b91c1c", "#7c3aed", "#52606d"];
const DARK_COLOURS = ["#4fc3b4", "#e0b040", "#ff9f43", "#8ab4ff", "#ff8a80", "#c4a7ff", "#a9b8c6"];

function number(value, digits) {
  if (value === null || value === undefined) return "—";
  return new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// each bar stands in the middle of its interval, so that the lines behind it can be seen on both sides
function bars(plot, index, first, last) {
  const path = new Path2D();
  const times = plot.data[0];
  const zero = plot.valToPos(0, plot.series[index].scale, true);
  for (let at = first; at <= Math.min(last, times.length - 2); at++) {
    const value = plot.data[index][at];
    if (value === null || value === undefined) continue;
    const left = plot.valToPos(times[at], "x", true);
    const width = plot.valToPos(times[at + 1], "x", true) - left;
    const top = plot.valToPos(value, plot.series[index].scale, true);
    path.rect(left + 0.22 * width, Math.min(top, zero), 0.56 * width, Math.abs(zero - top));
  }
  return { stroke: path, fill: path, clip: null, band: null, gaps: null, flags: 1 };
}

function looks() {
  const bar = DARK.matches ? "#4fc3b4" : "#0f766e";
  const stepped = uPlot.paths.stepped({ align: 1 });
  return {
    area: { stroke: style("--quiet"), width: 1, fill: DARK.matches ? "rgba(159, 176, 170, 0.22)" : "rgba(90, 103, 99, 0.16)", paths: stepped },
    bars: { stroke: bar, width: 1.5, fill: DARK.matches ? "rgba(79, 195, 180, 0.65)" : "rgba(15, 118, 110, 0.65)", paths: bars },
    hollow: { stroke: bar, width: 2, dash: [3, 3], paths: bars },
    wide: { stroke: DARK.matches ? "rgba(255, 159, 67, 0.75)" : "rgba(194, 106, 0, 0.6)", width: 6, paths: stepped },
    dots: { stroke: style("--ink"), width: 2.5, dash: [8, 5], paths: stepped },
  };
}

function lines(data, stepped) {
  let colour = 0;
  const colours = DARK.matches ? DARK_COLOURS : LIGHT_COLOURS;
  const own = looks();
  return data.series.map((series) => {
    const value = (plot, found) => number(found, 2) + " " + series.unit;
    if (series.look) return { label: series.label, scale: series.unit, points: { show: false }, value, look: series.look, ...own[series.look] };
    const forecast = series.band || series.dash;
    const stroke = forecast ? style("--quiet") : colours[colour++ % colours.length];
    return {
      label: series.label, scale: series.unit, stroke, width: series.band ? 0 : 2, dash: series.dash ? [6, 4] : undefined,
      paths: stepped ? uPlot.paths.stepped({ align: 1 }) : undefined, points: { show: false }, band: series.band, value,
    };
  });
}

function axes(data) {
  const units = [...new Set(data.series.map((series) => series.unit))];
  const look = { stroke: style("--quiet"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 } };
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: data.zone });
  return [
    { ...look, values: (plot, splits) => splits.map((at) => clock.format(new Date(at * 1000))) },
    ...units.map((unit, index) => ({ ...look, scale: unit, label: unit, values: (plot, splits) => splits.map((at) => (at === null ? "" : tick(at))), labelSize: 18, size: 54, side: index ? 1 : 3, grid: { ...look.grid, show: index === 0 } })),
  ];
}

function tick(value) {
  return new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 3 }).format(value);
}

// how a series looks, small: SVG element and its attributes
function sample(series) {
  const stroke = series.stroke();
  if (series.band) return ["rect", { x: 0, y: 2, width: 28, height: 10, fill: stroke, opacity: 0.2 }];
  if (["area", "bars", "hollow"].includes(series.look)) {
    const [x, width] = series.look === "area" ? [1, 26] : [8, 12];
    return ["rect", { x, y: 1, width, height: 12, fill: series.fill?.() ?? "none", stroke, "stroke-width": 2, "stroke-dasharray": series.dash ? "3 3" : "" }];
  }
  return ["line", { x1: 0, y1: 7, x2: 28, y2: 7, stroke, "stroke-width": series.look === "wide" ? 8 : 4, "stroke-dasharray": series.dash ? "6 4" : "" }];
}

function legend(plot, host, words) {
  const list = document.createElement("ul");
  list.className = "legend";
  plot.series.forEach((series, index) => {
    if (index === 0 || series.band === "high" || plot.data[index].every((value) => value === null)) return;
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    mark.setAttribute("viewBox", "0 0 28 14");
    const [name, shape] = sample(series);
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(shape).forEach(([key, value]) => drawn.setAttribute(key, value));
    mark.append(drawn);
    button.append(mark, series.band ? words.band : series.label);
    button.addEventListener("click", () => {
      const show = !plot.series[index].show;
      plot.setSeries(index, { show });
      if (series.band) plot.setSeries(index + 1, { show });
      button.setAttribute("aria-pressed", String(show));
    });
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
  });
  host.append(list);
}

// filled when it is opened: most never are
function table(name, data, open) {
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = data.words.table;
  const around = document.createElement("div");
  around.className = "scroll";
  around.tabIndex = 0;
  around.setAttribute("role", "region");
  around.setAttribute("aria-label", name || data.words.table);
  details.append(summary, around);
  details.addEventListener("toggle", () => {
    if (around.childElementCount) return;
    const clock = new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "short", hour: "2-digit", minute: "2-digit", hour12: false, timeZone: data.zone });
    const made = document.createElement("table");
    const cell = (row, name, text, scope) => {
      const one = document.createElement(name);
      one.textContent = text;
      if (scope) one.scope = scope;
      row.append(one);
    };
    const head = made.createTHead().insertRow();
    cell(head, "th", data.words.time, "col");
    data.series.forEach((series) => cell(head, "th", series.label + ", " + series.unit, "col"));
    const body = made.createTBody();
    data.t.forEach((at, index) => {
      if (data.series.every((series) => series.values[index] === null)) return;
      const row = body.insertRow();
      cell(row, "th", clock.format(new Date(at * 1000)), "row");
      data.series.forEach((series) => cell(row, "td", number(series.values[index], 2)));
    });
    around.append(made);
  });
  details.open = Boolean(open);
  return details;
}

function bands(series) {
  const low = series.findIndex((one) => one.band === "low");
  const high = series.findIndex((one) => one.band === "high");
  return low < 0 || high < 0 ? [] : [{ series: [high + 1, low + 1], fill: "rgba(100, 116, 139, 0.18)" }];
}

// asked and delivered are compared by their height, so the axis starts at nothing
function fromZero(data) {
  const range = (plot, least, most) => uPlot.rangeNum(Math.min(0, least ?? 0), Math.max(0, most ?? 1), 0.1, true);
  return Object.fromEntries([...new Set(data.series.map((series) => series.unit))].map((unit) => [unit, { range }]));
}

function draw(host, data) {
  const open = host.querySelector("details")?.open;
  host.replaceChildren();
  if (!data.series.some((series) => series.values.some((value) => value !== null))) {
    const note = document.createElement("p");
    note.textContent = data.words.nothing;
    host.append(note);
    host.classList.add("empty");
    return null;
  }
  host.classList.remove("empty");
  const stepped = host.classList.contains("steps");
  const times = data.t.slice();
  const columns = data.series.map((series) => series.values.slice());
  if (stepped && times.length > 1) { // the last value holds to the end of its interval
    times.push(2 * times[times.length - 1] - times[times.length - 2]);
    columns.forEach((values) => values.push(values[values.length - 1]));
  }
  const series = lines(data, stepped);
  const options = {
    width: host.clientWidth, height: Math.max(240, Math.min(360, host.clientWidth * 0.45)), legend: { show: false },
    cursor: { drag: { x: true, y: false } }, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), data.zone),
    scales: stepped ? { x: { time: true }, ...fromZero(data) } : { x: { time: true } }, axes: axes(data), series: [{}, ...series], bands: bands(series),
  };
  const picture = document.createElement("div"); // the buttons below must not be inside of what is one picture to a screen reader
  const name = host.getAttribute("aria-label") || host.dataset.name || "";
  host.dataset.name = name;
  host.removeAttribute("role");
  host.removeAttribute("aria-label");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", name);
  host.append(picture);
  const plot = new uPlot(options, [times, ...columns], picture);
  legend(plot, host, data.words);
  if (!host.dataset.table) host.append(table(name, data, open));
  return plot;
}

async function show(host) {
  let plot = null;
  let last = "";
  let data = null;
  async function update() {
    const answer = await fetch(host.dataset.src, { headers: { Accept: "application/json" } });
    const text = await answer.text();
    if (text === last) return;
    last = text;
    if (!answer.ok) {
      const note = document.createElement("p");
      note.textContent = JSON.parse(text).detail;
      host.replaceChildren(note);
      return;
    }
    data = JSON.parse(text);
    plot = draw(host, data);
  }
  await update();
  new ResizeObserver(() => {
    if (plot && Math.abs(plot.width - host.clientWidth) > 4) plot.setSize({ width: host.clientWidth, height: plot.height });
  }).observe(host);
  DARK.addEventListener("change", () => { if (data) plot = draw(host, data); });
  setInterval(update, 1000 * (Number(host.dataset.every) || 15));
}

document.querySelectorAll(".chart").forEach(show);
