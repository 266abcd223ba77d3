// The page's own script. Everything that comes from files is set as text, never as markup: `make`
// is the only way in which elements come about here.
"use strict";
(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const COLOURS = 8;
  const DASHES = ["", "7 3", "2 3", "9 3 2 3"];
  const DASH = "–";
  const state = { table: null, sort: content.sort, down: true, filter: "", columns: new Set(), lit: new Set() };

  const at = (id) => document.getElementById(id);

  function make(tag, attributes = {}, ...children) {
    const svg = SVG_TAGS.has(tag);
    const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
      else if (name === "style") for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }
  const SVG_TAGS = new Set(["svg", "g", "line", "path", "circle", "rect", "text", "polyline", "desc"]);

  function fill(element, ...children) {
    element.replaceChildren(...children.filter(Boolean));
    return element;
  }

  // --- numbers as people read them ---

  function sized(number) {
    for (const [unit, value] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]])
      if (number >= value) return `${(number / value).toFixed(1)} ${unit}`;
    return `${number.toFixed(0)} B`;
  }
  function counted(number) {
    for (const [unit, value] of [["M", 1e6], ["k", 1e3]])
      if (number >= value) return `${(number / value).toFixed(1)}${unit}`;
    return number.toFixed(0);
  }
  const WRITTEN = {
    percent: (number) => number.toFixed(1),
    seconds: (number) => `${number.toFixed(1)} s`,
    MiB: (number) => `${number.toFixed(0)} MiB`,
    bytes: sized,
    count: counted,
  };
  const signed = (text) => text.replace(/^-(?=0(\.0+)?$)/, "").replace("-", "−");
  function written(value, unit) {
    return value === null || value === undefined ? DASH : signed(WRITTEN[unit](value));
  }
  function withSpread(metric, [mean, std]) {
    const text = written(mean, metric.unit);
    return std === null || mean === null || metric.unit !== "percent" ? text : `${text} ± ${written(std, "percent")}`;
  }

  // --- which table ---

  const table = () => state.table;
  const metricOf = (key) => table().metrics.find((each) => each.key === key);
  const FIRST_COLUMNS = ["prequential", "last", "incremental", "forgetting", "heldout", "balanced_accuracy", "kept_bytes", "train_seconds"];

  function choose(number) {
    state.table = content.tables[number];
    const keys = table().metrics.map((metric) => metric.key);
    state.columns = new Set(keys.filter((key) => FIRST_COLUMNS.includes(key)));
    state.sort = keys.includes(content.sort) ? content.sort : keys[0];
    state.down = metricOf(state.sort).better >= 0;
    state.filter = "";
    at("filter").value = "";
    const ranked = ranked_by("last").filter((each) => each.curves);
    state.lit = new Set(ranked.filter((each) => !each.reference).slice(0, 5).map((each) => each.name));
    head();
    columnMenu();
    comparison();
    axesMenus();
    scatter();
    highlightMenu();
    overTime();
    strategyMenu();
    wrong();
    meanings();
  }

  function head() {
    const each = table();
    fill(at("where"), `${each.benchmark}, label space ${each.label_space}, backbone ${each.backbone}; ${each.strategies.length} strategies, ${each.repetitions}`);
    at("note").hidden = !each.note;
    fill(at("note"), each.note);
    at("prompts").hidden = !each.prompts;
    fill(at("prompts"), each.prompts);
    fill(at("apart"), each.apart);
  }

  // --- comparison ---

  function ranked_by(key) {
    const metric = table().metrics.find((each) => each.key === key);
    const rows = [...table().strategies];
    if (!metric) return rows;
    const value = (row) => row.values[key][0];
    const sign = metric.better < 0 ? 1 : -1;
    return rows.sort((one, other) => order(value(one), value(other), sign) || by_name(one, other));
  }
  // Settings in brackets come behind the name: a browser's own order puts tip_adapter_f before tip_adapter[alpha=10].
  function by_name(one, other) {
    const stem = (row) => row.name.split("[")[0];
    return stem(one).localeCompare(stem(other)) || one.name.localeCompare(other.name, undefined, { numeric: true });
  }
  // What is undefined stands last, whichever way the others are sorted.
  function order(one, other, sign) {
    if (one === null || other === null) return (one === null) - (other === null);
    return sign * (one - other);
  }

  function sorted() {
    const rows = table().strategies.filter((each) => each.name.toLowerCase().includes(state.filter));
    const sign = state.down ? -1 : 1;
    if (state.sort === "name") return rows.sort((one, other) => sign * by_name(one, other));
    const value = (row) => row.values[state.sort][0];
    return rows.sort((one, other) => order(value(one), value(other), sign) || by_name(one, other));
  }

  function sortBy(key, better) {
    if (state.sort === key) state.down = !state.down;
    else [state.sort, state.down] = [key, key !== "name" && better >= 0];
    comparison();
    const pressed = at("results").querySelector("[aria-sort] button");
    if (pressed) pressed.focus();
  }

  function comparison() {
    const shown = table().metrics.filter((metric) => state.columns.has(metric.key));
    const heading = (key, title, better, text) => {
      const attributes = { scope: "col" };
      if (state.sort === key) attributes["aria-sort"] = state.down ? "descending" : "ascending";
      return make("th", attributes, make("button", { type: "button", title: text, on: { click: () => sortBy(key, better) } }, title));
    };
    const heads = shown.flatMap((metric) => {
      const cell = heading(metric.key, metric.title, metric.better, metric.text);
      return metric.key === "last" ? [cell, make("th", { scope: "col", title: "Strategies that share a letter cannot be told apart in accuracy at the end" }, "Alike")] : [cell];
    });
    const rows = sorted();
    fill(at("results"),
      make("caption", { class: "skip" }, "Strategies by metric; column heads sort"),
      make("thead", {}, make("tr", {}, heading("name", "Strategy", 1, "by name"), ...heads, make("th", { scope: "col", title: "finished runs" }, "n"))),
      make("tbody", {}, ...rows.map((row) => rowOf(row, shown))));
    const all = table().strategies.length;
    fill(at("shown"), rows.length === all ? "" : `${rows.length} of ${all} strategies`);
  }

  function rowOf(row, shown) {
    const cells = shown.flatMap((metric) => {
      const cell = cellOf(row, metric);
      return metric.key === "last" ? [cell, make("td", {}, row.alike || DASH)] : [cell];
    });
    const name = make("a", { href: "#strategy", on: { click: () => openStrategy(row.name) } }, row.name);
    const failed = row.runs - row.n;
    const n = failed ? `${row.n} of ${row.runs}` : `${row.n}`;
    return make("tr", {},
      make("th", { scope: "row" }, name, row.reference ? " †" : ""),
      ...cells,
      make("td", { title: failed ? row.reasons : `${row.orders} class orders, ${row.results} distinct results` }, n));
  }

  function cellOf(row, metric) {
    const [mean, std] = row.values[metric.key];
    const mark = row.marks[metric.key];
    const rate = metric.unit === "percent";
    const spread = rate && mean !== null && std !== null ? `± ${written(std, "percent")}` : "";
    const spreads = rate && table().strategies.some((each) => each.values[metric.key][1] !== null);
    const told = mark === "best" ? "best" : mark === "alike" ? "cannot be told apart from the best" : null;
    return make("td", { class: mark, title: told },
      make("span", { class: "mean" }, written(mean, metric.unit)),
      spreads ? " " : null,
      spreads ? make("span", { class: "sd" }, spread) : null,
      rate ? make("span", { class: "sign", "aria-hidden": "true" }, mark === "alike" ? "\u00a0≈" : "") : null,
      told ? make("span", { class: "aside" }, `, ${told}`) : null);
  }

  function columnMenu() {
    const boxes = table().metrics.map((metric) => {
      const box = make("input", { type: "checkbox", checked: state.columns.has(metric.key), on: { change: (event) => {
        if (event.target.checked) state.columns.add(metric.key);
        else state.columns.delete(metric.key);
        comparison();
      } } });
      return make("label", { title: metric.text }, box, metric.title);
    });
    fill(at("columns").querySelector(".choices"), ...boxes);
  }

  // --- charts ---

  function ticks(low, high, count = 5) {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
    const found = [];
    for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + 1e-9 * step; value += step) found.push(value);
    return found;
  }

  // A scale is linear, or where values span more than a hundredfold logarithmic above one unit.
  function scaleOf(values, unit, from, to) {
    const known = values.filter((value) => value !== null && isFinite(value));
    let [low, high] = [Math.min(...known), Math.max(...known)];
    const positive = known.filter((value) => value > 0);
    if (unit !== "percent" && positive.length > 1 && Math.max(...positive) > 100 * Math.min(...positive)) {
      const unitSize = unit === "bytes" ? 1024 : 1;
      const bend = (value) => Math.log10(1 + Math.max(0, value) / unitSize);
      const [start, end] = [bend(low), bend(high)];
      const pad = 0.07 * (end - start || 1);
      const place = (value) => from + (to - from) * ((bend(value) - start + pad) / (end - start + 2 * pad));
      const marks = [];
      if (low < unitSize) marks.push(0);
      for (let mark = unitSize; mark <= high * 1.001; mark *= unit === "bytes" ? 32 : 10) if (mark >= low) marks.push(mark);
      return { place, marks, log: true };
    }
    const pad = 0.08 * (high - low) || Math.max(1, Math.abs(high) * 0.05);
    low = unit !== "percent" && low >= 0 ? Math.max(0, low - pad) : low - pad;
    high += pad;
    return { place: (value) => from + (to - from) * ((value - low) / (high - low)), marks: ticks(low, high), log: false };
  }

  const short = (value, unit) => (unit === "percent" ? signed(Number(value.toFixed(2)).toString()) : unit === "seconds" ? counted(value) : written(value, unit));

  function tipOn(element, text) {
    const tip = at("tip");
    const show = (x, y) => {
      fill(tip, text);
      tip.hidden = false;
      const box = tip.getBoundingClientRect();
      tip.style.left = `${Math.min(x + 14, innerWidth - box.width - 8)}px`;
      tip.style.top = `${Math.max(8, y - box.height - 12)}px`;
    };
    const hide = () => { tip.hidden = true; };
    element.addEventListener("pointerenter", (event) => show(event.clientX, event.clientY));
    element.addEventListener("pointerleave", hide);
    element.addEventListener("focus", () => { const box = element.getBoundingClientRect(); show(box.right, box.top); });
    element.addEventListener("blur", hide);
  }

  function axesMenus() {
    const merits = table().metrics.filter((metric) => metric.better);
    const options = () => merits.map((metric) => make("option", { value: metric.key }, metric.title));
    const wanted = { across: ["last", "prequential"], up: ["heldout", "incremental", "forgetting", "train_seconds"] };
    for (const [id, keys] of Object.entries(wanted)) {
      fill(at(id), ...options());
      const defined = (key) => merits.some((each) => each.key === key) && table().strategies.some((each) => each.values[key][0] !== null);
      at(id).value = keys.find(defined) || merits[0].key;
    }
  }

  function frontOf(across, up) {
    const fronts = table().fronts;
    return new Set(fronts[`${across}|${up}`] || fronts[`${up}|${across}`] || []);
  }

  function scatter() {
    const [across, up] = ["across", "up"].map((id) => metricOf(at(id).value));
    const narrow = innerWidth < 640;
    const [width, height, left, bottom] = narrow ? [390, 380, 58, 54] : [1080, 520, 74, 58];
    const points = table().strategies
      .map((row, place) => ({ row, place, x: row.values[across.key], y: row.values[up.key] }))
      .filter((each) => each.x[0] !== null && each.y[0] !== null);
    if (!points.length) return fill(at("scatter"), make("p", { class: "small" }, "No strategy has both numbers."));
    const ends = (axis) => points.flatMap((each) => [each[axis][0] - (each[axis][1] || 0), each[axis][0] + (each[axis][1] || 0)]);
    const xs = scaleOf(ends("x"), across.unit, left, width - 12);
    const ys = scaleOf(ends("y"), up.unit, height - bottom, 12);
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `${up.title} against ${across.title}` });
    drawAxes(svg, xs, ys, across, up, { width, height, left, bottom });
    const front = frontOf(across.key, up.key);
    const best = points.filter((each) => front.has(each.place));
    if (best.length > 1) svg.append(make("path", { d: staircase(best, xs, ys, across), fill: "none", stroke: "var(--c0)", "stroke-width": 1.4, "stroke-dasharray": "2 4" }));
    const drawn = [...points].sort((one, other) => front.has(one.place) - front.has(other.place));
    for (const each of drawn) svg.append(dotOf(each, xs, ys, across, up, front.has(each.place)));
    const ranked = [...points].sort((one, other) => front.has(other.place) - front.has(one.place) || other.y[0] - one.y[0]);
    fill(at("scatter"), svg);
    nameDots(svg, ranked, xs, ys, front, { width, height, left, bottom });
    return svg;
  }

  function drawAxes(svg, xs, ys, across, up, { width, height, left, bottom }) {
    for (const mark of xs.marks) {
      const x = xs.place(mark);
      svg.append(make("line", { class: "grid", x1: x, x2: x, y1: 12, y2: height - bottom }));
      svg.append(make("text", { x, y: height - bottom + 18, "text-anchor": "middle" }, short(mark, across.unit)));
    }
    for (const mark of ys.marks) {
      const y = ys.place(mark);
      svg.append(make("line", { class: "grid", x1: left, x2: width - 12, y1: y, y2: y }));
      svg.append(make("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, short(mark, up.unit)));
    }
    svg.append(make("text", { class: "title", x: (left + width - 12) / 2, y: height - 10, "text-anchor": "middle" }, axisTitle(across, xs)));
    const y = (height - bottom + 12) / 2;
    svg.append(make("text", { class: "title", x: 14, y, "text-anchor": "middle", transform: `rotate(-90 14 ${y})` }, axisTitle(up, ys)));
  }
  function axisTitle(metric, scale) {
    const unit = { percent: "percent", seconds: "seconds", MiB: "MiB", bytes: "bytes", count: "" }[metric.unit];
    const parts = [unit, scale.log ? "logarithmic" : "", metric.better > 0 ? "more is better" : "less is better"].filter(Boolean);
    return `${metric.title} (${parts.join(", ")})`;
  }

  function staircase(best, xs, ys, across) {
    const corners = best.map((each) => [each.x[0], each.y[0]]).sort((one, other) => one[0] - other[0] || one[1] - other[1]);
    let path = "";
    corners.forEach(([x, y], place) => {
      if (place) {
        const [before_x, before_y] = corners[place - 1];
        const corner = across.better < 0 ? [x, before_y] : [before_x, y];
        path += ` L${xs.place(corner[0])} ${ys.place(corner[1])}`;
      }
      path += `${place ? " L" : "M"}${xs.place(x)} ${ys.place(y)}`;
    });
    return path;
  }

  function dotOf(each, xs, ys, across, up, onFront) {
    const [x, y] = [xs.place(each.x[0]), ys.place(each.y[0])];
    const colour = each.row.reference ? "var(--c1)" : onFront ? "var(--c0)" : "var(--grey)";
    const text = `${each.row.name}\n${across.title} ${withSpread(across, each.x)}\n${up.title} ${withSpread(up, each.y)}`;
    const dot = make("g", { tabindex: 0, role: "img", "aria-label": text.replaceAll("\n", ", ") });
    const faint = { stroke: colour, "stroke-width": 1, opacity: onFront ? 0.7 : 0.4 };
    if (each.x[1]) dot.append(make("line", { x1: xs.place(each.x[0] - each.x[1]), x2: xs.place(each.x[0] + each.x[1]), y1: y, y2: y, ...faint }));
    if (each.y[1]) dot.append(make("line", { x1: x, x2: x, y1: ys.place(each.y[0] - each.y[1]), y2: ys.place(each.y[0] + each.y[1]), ...faint }));
    dot.append(each.row.reference
      ? make("path", { d: `M${x} ${y - 6} l6 6 l-6 6 l-6 -6 z`, fill: colour })
      : make("circle", { cx: x, cy: y, r: onFront ? 5.5 : 4, fill: colour }));
    dot.append(make("circle", { cx: x, cy: y, r: 11, fill: "transparent" }));
    tipOn(dot, text);
    return dot;
  }

  const PLACES = [[10, 4, "start"], [-10, 4, "end"], [0, -11, "middle"], [0, 19, "middle"], [8, -8, "start"], [8, 16, "start"], [-8, -8, "end"], [-8, 16, "end"]];
  function nameDots(svg, ranked, xs, ys, front, { width, height, bottom, left }) {
    const taken = ranked.map((each) => boxAround(xs.place(each.x[0]), ys.place(each.y[0]), 6));
    for (const each of ranked) {
      const onFront = front.has(each.place);
      const [x, y] = [xs.place(each.x[0]), ys.place(each.y[0])];
      const label = make("text", { class: onFront ? "name halo" : "halo" }, each.row.name);
      svg.append(label);
      const long = label.getComputedTextLength() || 7 * each.row.name.length;
      let placed = false;
      for (let step = 1; step <= (onFront ? 12 : 1) && !placed; step++) {
        for (const [dx, dy, anchor] of PLACES) {
          const [tx, ty] = [x + dx * step, y + dy * step];
          const start = tx - (anchor === "start" ? 0 : anchor === "end" ? long : long / 2);
          const box = [start - 2, ty - 11, start + long + 2, ty + 4];
          const inside = box[0] >= left && box[2] <= width && box[1] >= 0 && box[3] <= height - bottom + 2;
          if (!inside || taken.some((other) => overlap(box, other))) continue;
          taken.push(box);
          label.setAttribute("x", tx);
          label.setAttribute("y", ty);
          label.setAttribute("text-anchor", anchor);
          if (step > 1) svg.insertBefore(make("line", { x1: x, y1: y, x2: tx, y2: ty - 4, stroke: "var(--grey)", "stroke-width": .7 }), label);
          placed = true;
          break;
        }
      }
      if (!placed) label.remove();
    }
  }
  const boxAround = (x, y, r) => [x - r, y - r, x + r, y + r];
  const overlap = (one, other) => one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3];

  // --- over time ---

  function highlightMenu() {
    const rows = ranked_by("last").filter((each) => each.curves);
    fill(at("highlight"), ...rows.map((row) => {
      const box = make("input", { type: "checkbox", checked: state.lit.has(row.name), on: { change: (event) => {
        if (event.target.checked) state.lit.add(row.name);
        else state.lit.delete(row.name);
        overTime();
      } } });
      return make("label", {}, box, row.name);
    }));
  }

  function overTime() {
    for (const what of ["accuracy", "forgetting"]) lines(at(what), what);
  }

  function lines(place, what) {
    const rows = table().strategies.filter((each) => each.curves && each.curves[what].length);
    if (!rows.length) return fill(place, make("p", { class: "small" }, "Not defined in any of these runs."));
    const steps = Math.max(...rows.flatMap((each) => each.curves[what][0]));
    const first = Math.min(...rows.flatMap((each) => each.at_once ? [steps] : each.curves[what][0]));
    const [width, height, left, right, bottom] = innerWidth < 640 ? [370, 300, 34, 118, 30] : [580, 370, 40, 172, 34];
    const letters = innerWidth < 640 ? 15 : 24;
    const lit = rows.filter((each) => state.lit.has(each.name));
    const values = [...rows.flatMap((each) => each.curves[what][1]), ...lit.flatMap((each) => bandOf(each.curves[what], what).flat())];
    const ys = scaleOf(values, "percent", height - bottom, 10);
    const span = Math.max(1, steps - first);
    const xs = (step) => left + 8 + (width - left - right - 16) * ((step - first) / span);
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `${what} over experiences, percent` });
    for (const mark of ys.marks) {
      svg.append(make("line", { class: "grid", x1: left, x2: width - right, y1: ys.place(mark), y2: ys.place(mark) }));
      svg.append(make("text", { x: left - 6, y: ys.place(mark) + 4, "text-anchor": "end" }, short(mark, "percent")));
    }
    const every = Math.ceil(span / 10);
    for (let step = first; step <= steps; step += every) svg.append(make("text", { x: xs(step), y: height - 12, "text-anchor": "middle" }, `${step}`));
    for (const row of rows) if (!state.lit.has(row.name)) svg.append(curveOf(row, what, xs, ys, [left, width - right], null));
    lit.forEach((row, number) => svg.append(curveOf(row, what, xs, ys, [left, width - right], number)));
    endNames(svg, lit, what, ys, width - right, height - bottom, letters);
    return fill(place, svg);
  }
  function bandOf([, mean, std], what) {
    const low = what === "accuracy" ? 0 : -100;
    return mean.map((value, place) => [Math.max(low, value - std[place]), Math.min(100, value + std[place])]);
  }

  function curveOf(row, what, xs, ys, [left, end], number) {
    const [at_steps, mean] = row.curves[what];
    const lit = number !== null;
    const colour = lit ? `var(--c${number % COLOURS})` : "var(--grey)";
    const text = `${row.name}\n${at_steps.map((step, place) => `after ${step}: ${written(mean[place], "percent")}`).slice(-12).join("\n")}`;
    const group = make("g", { tabindex: lit ? 0 : null, role: "img", "aria-label": text.replaceAll("\n", ", "), opacity: lit ? 1 : 0.35 });
    const stroke = { fill: "none", stroke: colour, "stroke-width": lit ? 2.2 : 1 };
    if (row.at_once) {
      const y = ys.place(mean[mean.length - 1]);
      group.append(make("line", { x1: left, x2: end, y1: y, y2: y, ...stroke, "stroke-dasharray": "7 5" }));
    } else {
      if (lit) {
        const band = bandOf(row.curves[what], what);
        const upper = band.map(([, high], place) => `${xs(at_steps[place])} ${ys.place(high)}`);
        const lower = band.map(([low], place) => `${xs(at_steps[place])} ${ys.place(low)}`).reverse();
        group.append(make("path", { d: `M${[...upper, ...lower].join(" L")} Z`, fill: colour, opacity: 0.08 }));
      }
      const points = mean.map((value, place) => `${xs(at_steps[place])},${ys.place(value)}`).join(" ");
      group.append(make("polyline", { points, ...stroke, "stroke-linejoin": "round", "stroke-dasharray": lit ? DASHES[Math.floor(number / COLOURS) % 4] : "" }));
      if (lit) mean.forEach((value, place) => group.append(markOf(number, xs(at_steps[place]), ys.place(value), colour)));
    }
    tipOn(group, text);
    return group;
  }
  // Lines differ in the shape of their marks as well, for readers who do not tell colours apart.
  function markOf(number, x, y, colour) {
    const shapes = [
      () => make("circle", { cx: x, cy: y, r: 3.4, fill: colour }),
      () => make("rect", { x: x - 3.2, y: y - 3.2, width: 6.4, height: 6.4, fill: colour }),
      () => make("path", { d: `M${x} ${y - 4.4} l4.2 7.4 h-8.4 z`, fill: colour }),
      () => make("path", { d: `M${x} ${y - 4.6} l4.6 4.6 l-4.6 4.6 l-4.6 -4.6 z`, fill: colour }),
      () => make("circle", { cx: x, cy: y, r: 3, fill: "var(--paper)", stroke: colour, "stroke-width": 1.8 }),
      () => make("path", { d: `M${x} ${y + 4.4} l4.2 -7.4 h-8.4 z`, fill: colour }),
    ];
    return shapes[number % shapes.length]();
  }

  function endNames(svg, lit, what, ys, end, lowest, letters) {
    const labels = lit.map((row, number) => {
      const mean = row.curves[what][1];
      return { name: row.name, number, y: ys.place(mean[mean.length - 1]) };
    }).sort((one, other) => one.y - other.y);
    let free = 8;
    for (const label of labels) {
      label.at = Math.max(label.y, free);
      free = label.at + 15;
    }
    let most = lowest;
    for (const label of [...labels].reverse()) {
      label.at = Math.min(label.at, most);
      most = label.at - 15;
    }
    for (const { name, number, y, at: place } of labels) {
      const colour = `var(--c${number % COLOURS})`;
      svg.append(make("line", { x1: end - 4, x2: end + 8, y1: y, y2: place, stroke: colour, "stroke-width": 1 }));
      svg.append(markOf(number, end + 13, place, colour));
      svg.append(make("text", { class: "name", x: end + 21, y: place + 4 }, name.length > letters ? `${name.slice(0, letters - 1)}…` : name));
    }
  }

  // --- each strategy ---

  function strategyMenu() {
    const rows = ranked_by("last");
    fill(at("which"), ...rows.map((row) => make("option", { value: row.name }, row.name)));
    const first = rows.find((row) => !row.reference) || rows[0];
    if (first) at("which").value = first.name;
    detail();
  }

  function openStrategy(name) {
    at("which").value = name;
    detail();
  }

  function detail() {
    const row = table().strategies.find((each) => each.name === at("which").value);
    if (!row) return fill(at("detail"));
    if (!row.matrix) return fill(at("detail"), make("p", {}, `No run has finished. ${row.reasons}`));
    return fill(at("detail"),
      make("h3", {}, row.name),
      keyNumbers(row),
      make("h3", {}, "Accuracy after each experience, on each experience"),
      ...matrixBlock(row),
      row.classes ? classBlock(row.classes) : make("p", { class: "small" }, "Accuracy class by class and confusions need predictions, which stand in run folders. This page was made of records alone."),
      make("h3", {}, "Make it again"),
      commandBlock(row.command),
      settings(row),
      make("h3", {}, "Where these numbers come from"),
      make("table", { class: "plain" }, make("tbody", {}, ...row.facts.map(([title, value]) => make("tr", {}, make("th", { scope: "row" }, title), make("td", {}, value))))),
      runsOf(row));
  }

  function keyNumbers(row) {
    const parts = table().metrics.filter((metric) => row.values[metric.key][0] !== null).map((metric) => {
      const [mean, std] = row.values[metric.key];
      const spread = metric.unit === "percent" && std !== null ? make("span", { class: "sd" }, ` ± ${written(std, "percent")}`) : null;
      const mark = { best: " best", alike: " ≈ best" }[row.marks[metric.key]];
      return make("div", { title: metric.text }, make("dt", {}, metric.title), make("dd", {}, written(mean, metric.unit), spread, mark ? make("span", { class: "mark" }, mark) : null));
    });
    return make("dl", { class: "facts" }, ...parts);
  }

  function matrixBlock(row) {
    const orders = Object.keys(row.matrix.orders);
    const place = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Accuracy matrix" });
    const draw = (order) => fill(place, heat(row, order));
    const known = orders.length === 1 ? orders[0] : "";
    draw(known);
    if (orders.length < 2) return [place];
    const options = [make("option", { value: "" }, `mean of ${row.orders} class orders`), ...orders.map((order) => make("option", { value: order }, `class order ${order}`))];
    const select = make("select", { id: "order", on: { change: (event) => draw(event.target.value) } }, ...options);
    return [make("div", { class: "tools" }, make("label", { class: "field" }, "Of ", select)), place];
  }

  function heat(row, order) {
    const cells = order === "" ? row.matrix.mean : row.matrix.orders[order];
    const heldout = table().heldout;
    const columns = cells[0].length;
    const experiences = columns - heldout.length;
    const classes = table().experiences[order] || [];
    const heads = [...Array(columns).keys()].map((place) => {
      const held = place >= experiences;
      const about = held ? "held out" : (classes[place] ? listed(classes[place]) : table().tested_on[place] || "");
      const title = !held && classes[place] ? classes[place].join(", ") : null;
      return make("th", { scope: "col", title, class: place === experiences ? "first-heldout" : null }, make("b", {}, held ? soft(heldout[place - experiences]) : `${place + 1}`), soft(about));
    });
    const rows = cells.map((values, t) => make("tr", { class: t ? null : "untouched" },
      make("th", { scope: "row" }, t ? `after ${t}` : "untouched"),
      ...values.map((value, place) => heatCell(value, { just: place === t - 1 && place < experiences, held: place === experiences }))));
    return make("table", { class: "heat" }, make("caption", { class: "skip" }, "Rows: after how many experiences. Columns: tested on which. Percent."),
      make("thead", {}, make("tr", {}, make("td", {}), ...heads)), make("tbody", {}, ...rows));
  }
  // Long names may break behind their signs, and not anywhere.
  const soft = (name) => name.replace(/([/_+])/g, "$1\u200b");
  const listed = (names) => (names.length > 3 ? `${names.slice(0, 3).join(", ")} +${names.length - 3}` : names.join(", "));

  function heatCell(value, { just = false, held = false } = {}) {
    const classes = [just ? "just" : "", held ? "first-heldout" : ""];
    if (value === null) return make("td", { class: ["undefined", ...classes].join(" ").trim(), title: "undefined or not measured" }, DASH);
    return make("td", { class: classes.join(" ").trim() || null, style: shade(value / 100) }, value.toFixed(0));
  }
  // Cividis, whose lightness rises evenly: read by every kind of colour vision, and in grey.
  const CIVIDIS = [[0, 34, 78], [36, 64, 108], [86, 92, 108], [124, 123, 120], [165, 156, 116], [211, 193, 100], [253, 234, 69]];
  function shade(share) {
    const at_scale = Math.min(0.9999, Math.max(0, share)) * (CIVIDIS.length - 1);
    const [low, part] = [Math.floor(at_scale), at_scale % 1];
    const mixed = CIVIDIS[low].map((value, channel) => Math.round(value + part * (CIVIDIS[low + 1][channel] - value)));
    const linear = mixed.map((value) => (value <= 10 ? value / 3294 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    // Where black and white are equally readable (WCAG 2's contrast).
    return { background: `rgb(${mixed.join(" ")})`, color: luminance > 0.179 ? "#000" : "#fff" };
  }

  // Rare confusions stay pale: what is to be seen is where many samples went.
  const blue = (share) => ({ background: `rgb(0 62 115 / ${(0.07 + 0.8 * share).toFixed(2)})` });

  const className = (id) => table().classes[id] ?? `class ${id}`;

  function classBlock(found) {
    const right = (row) => (row[1] ? 100 * row[2] / row[1] : null);
    const parts = [...found.rows].sort((one, other) => order(right(one), right(other), 1));
    const shown = parts.slice(0, 20);
    const cellsOf = ([id, n, hits, said]) => {
      const sensitivity = n ? 100 * hits / n : null;
      const precision = said ? 100 * hits / said : null;
      const others = found.samples - n;
      const specificity = others ? 100 * (others - said + hits) / others : null;
      const f1 = n + said ? 200 * hits / (n + said) : null;
      return make("tr", {}, make("th", { scope: "row" }, className(id)), make("td", {}, `${n}`),
        make("td", {}, make("span", { class: "bar", "aria-hidden": "true" }, make("i", { style: { width: `${sensitivity || 0}%` } })), make("span", { class: "number" }, written(sensitivity, "percent"))),
        ...[precision, specificity, f1].map((value) => make("td", {}, written(value, "percent"))));
    };
    const titles = ["Class", "Samples", "Accuracy", "Precision", "Specificity", "F1"];
    const body = make("tbody", {}, ...shown.map(cellsOf));
    const table_ = make("table", {}, make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)))), body);
    const more = parts.length > shown.length
      ? make("button", { type: "button", on: { click: (event) => { fill(body, ...parts.map(cellsOf)); event.target.remove(); } } }, `All ${parts.length} classes`)
      : null;
    return make("div", {},
      make("div", {}, make("h3", {}, "Class by class at the end, the weakest first"), make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Classes" }, table_), more),
      make("div", {}, ...confusionBlock(found)));
  }

  function confusionBlock(found) {
    const names = found.rows.map(([id]) => className(id));
    const parts = [];
    if (found.matrix && names.length > 1) {
      const rows = found.matrix.map((counts, place) => {
        const all = found.rows[place][1];
        return make("tr", {}, make("th", { scope: "row" }, names[place]), ...counts.map((count) => all
          ? make("td", { class: count > 0.77 * all ? "strong" : null, style: count ? blue(count / all) : {}, title: `${count} of ${all}` }, count ? (100 * count / all).toFixed(0) : "")
          : make("td", { class: "undefined" }, DASH)));
      });
      const heads = names.map((name) => make("th", { scope: "col" }, name));
      parts.push(make("h3", {}, "Confusion, percent of the true class (rows)"),
        make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Confusion matrix" },
          make("table", { class: "heat" }, make("thead", {}, make("tr", {}, make("td", {}), ...heads)), make("tbody", {}, ...rows))));
      return parts;
    }
    const totals = new Map(found.rows.map(([id, n]) => [id, n]));
    const rows = found.largest.slice(0, 20).map(([true_, said, count]) => make("tr", {}, make("th", { scope: "row" }, className(true_)), make("td", {}, className(said)), make("td", {}, `${count}`), make("td", {}, written(100 * count / totals.get(true_), "percent"))));
    parts.push(make("h3", {}, "Largest confusions"), make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Largest confusions" },
      make("table", {}, make("thead", {}, make("tr", {}, ...["True", "Taken for", "Samples", "% of the class"].map((title) => make("th", { scope: "col" }, title)))), make("tbody", {}, ...rows))));
    return parts;
  }

  function commandBlock(command) {
    const button = make("button", { type: "button", class: "copy", on: { click: () => copy(command, button) } }, "Copy");
    return make("div", { class: "command" }, make("pre", { tabindex: 0 }, command), button);
  }
  async function copy(text, button) {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  }

  function settings(row) {
    const told = row.config ? { ...row.config, benchmark_config: table().stream } : null;
    return make("details", { class: "more" }, make("summary", {}, "The whole configuration"),
      told ? make("pre", { tabindex: 0 }, JSON.stringify(told, null, 1)) : make("p", { class: "small" }, "Not known here: the page was made of records, and the files of this run are not among those that its id names. The hash stands below."));
  }

  function runsOf(row) {
    const titles = ["Run", "Class order", "Seed", "Train s", "Evaluate s"];
    return make("details", { class: "more" }, make("summary", {}, row.finished.length === 1 ? "Its run" : `Its ${row.finished.length} runs`),
      make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)))),
        make("tbody", {}, ...row.finished.map(([id, ...rest]) => make("tr", {}, make("th", { scope: "row" }, id), ...rest.map((value) => make("td", {}, `${value}`))))))));
  }

  // --- what was wrong ---

  const WHY = {
    records: "Predictions and data stand in run folders. This page was made of records alone.",
    private: "Pictures, questions and names of files of your own data stay in their folder. clvl-bench report --pictures shows them here; then think of who gets this file.",
    data: "The data that these runs were tested on are not here: ",
  };

  function wrong() {
    const found = table().failures;
    if (!found.samples.length) return fill(at("wrong"), make("p", {}, found.why ? WHY[found.why] + (found.reason || "") : "Nothing was wrong."));
    const names = Object.keys(found.samples[0].said);
    const kinds = [...new Set(found.samples.map((sample) => sample.type || sample.true))].sort();
    const pick = (label, id, first, values) => make("label", { class: "field" }, label, make("select", { id, on: { change: cards } }, make("option", { value: "" }, first), ...values.map((value) => make("option", { value }, value))));
    fill(at("wrong"),
      make("p", { class: "small" }, "Test samples that most strategies had wrong at the end, of each class in turn; each strategy by one run. Where the untouched backbone said something else, that stands in brackets."),
      make("div", { class: "tools" }, pick("Wrong for ", "whose", "any strategy", names), pick(found.samples[0].question ? "Type " : "Class ", "kind", "all", kinds)),
      make("ul", { class: "cards", id: "cards" }));
    return cards();
  }

  function cards() {
    const [whose, kind] = [at("whose").value, at("kind").value];
    const samples = table().failures.samples.filter((sample) => (!kind || (sample.type || sample.true) === kind) && (!whose || (sample.said[whose] && !sample.said[whose][1])));
    fill(at("cards"), ...samples.map((sample) => cardOf(sample, whose)));
    if (!samples.length) fill(at("cards"), make("li", {}, "None of the samples shown here."));
  }

  function cardOf(sample, whose) {
    const said = Object.entries(sample.said).filter(([name]) => !whose || name === whose);
    const wrongs = said.filter(([, [, right]]) => !right);
    const lines = groupBySaid(whose ? said : wrongs);
    const right = said.length - wrongs.length;
    return make("li", {},
      sample.picture ? make("img", { src: sample.picture, alt: sample.question ? "the picture asked about" : `a test picture of ${sample.true}` }) : null,
      sample.question ? make("p", { class: "question" }, sample.question) : null,
      make("p", { class: "true" }, sample.true),
      make("ul", {}, ...lines, right && !whose ? make("li", { class: "right" }, `✓ right for ${right} of ${said.length}`) : null),
      sample.file ? make("p", { class: "small" }, sample.file) : null);
  }
  // Strategies that said the same stand together: who said it, when pointed at.
  function groupBySaid(said) {
    const groups = new Map();
    for (const [name, [text, right, before]] of said) {
      const shown = text + (before && before !== text ? ` (${before})` : "");
      if (!groups.has(shown)) groups.set(shown, { right, names: [] });
      groups.get(shown).names.push(name);
    }
    return [...groups].sort((one, other) => other[1].names.length - one[1].names.length).map(([text, { right, names }]) => {
      const who = names.length === 1 ? names[0] : `${names.length} strategies`;
      return make("li", { class: right ? "right" : "wrong", title: names.join(", ") }, `${right ? "✓" : "✗"} ${text || "(nothing)"} `, make("span", { class: "sd" }, `– ${who}`));
    });
  }

  // --- how to read it ---

  function meanings() {
    const parts = table().metrics.filter((metric) => metric.text).flatMap((metric) => [make("dt", {}, metric.title), make("dd", {}, metric.text)]);
    fill(at("meanings"), ...parts);
  }

  // --- begin ---

  function begin() {
    if (!content.tables.length) return;
    for (const id of ["comparison-live", "tradeoff", "overtime", "strategy", "failures"]) at(id).hidden = false;
    at("comparison-plain").hidden = true;
    const options = content.tables.map((each, number) => make("option", { value: number }, `${each.benchmark}, label space ${each.label_space}, ${each.backbone}`));
    fill(at("table"), ...options);
    at("choose-table").hidden = options.length < 2;
    at("table").addEventListener("change", (event) => choose(Number(event.target.value)));
    at("filter").addEventListener("input", (event) => { state.filter = event.target.value.toLowerCase(); comparison(); });
    for (const id of ["across", "up"]) at(id).addEventListener("change", scatter);
    at("which").addEventListener("change", detail);
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") at("columns").open = false; });
    document.addEventListener("pointerdown", (event) => { if (!at("columns").contains(event.target)) at("columns").open = false; });
    let last = innerWidth;
    addEventListener("resize", () => { if ((last < 640) !== (innerWidth < 640)) { scatter(); overTime(); } last = innerWidth; });
    choose(0);
  }
  begin();
})();
