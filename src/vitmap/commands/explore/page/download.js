// Download: the view as a picture, and its numbers.
function save(content, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  const asked = [...new Set(state.queries)].join("-").replaceAll(":", "-");
  const name = `${photos.map(({ name: file }) => file.replace(/\.[^.]*$/, "")).join("-")}-${labelOf(state.queries[0]).replace(" ", "")}-${asked}.${ending}`;
  link.download = name.replace(/[\\/:*?"<>|\x00-\x1f]/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// A spreadsheet takes these for the beginning of a formula, the wide ones in Japanese ones too.
const harmless = (text) => (/^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text);
const COLUMNS = ["photo", "sha256", "model", "cell", "layer", "head", "query", "row", "column", "x0", "y0", "x1", "y1", "probability", "times_uniform", "kept", "threshold"];

function asCsv(all) {
  const field = (value) => {
    const text = typeof value === "number" ? String(value) : harmless(String(value));
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [COLUMNS.join(",")];
  for (const photo of photos) {
    const query = state.queries[photo.i];
    const [[width, height], [gx, gy]] = [photo.size, photo.grid];
    const chosen = all ? placesOf(query).flatMap((place) => Array.from({ length: headsOf(query) }, (_, head) => [place, head])) : [[state.place, headOf(query)]];
    const edge = (k, pixels, count) => Number(((k * pixels) / count).toFixed(3));
    const fixed = [photo.name, photo.sha256, about.model].map(field);
    for (const [place, head] of chosen) {
      const values = patchesOf(photo, rowOf(photo, query, place, head));
      const mask = kept(values, state.keep);
      const cell = [...fixed, ...[labelOf(query, place, head), query === "pool" ? "pool" : about.layers[place], head, query].map(field)].join(",");
      values.forEach((value, n) => {
        const [x, y] = [n % gx, Math.floor(n / gx)];
        const box = [edge(x, width, gx), edge(y, height, gy), edge(x + 1, width, gx), edge(y + 1, height, gy)];
        const exact = Number(value.toPrecision(9)); // so many digits give a float32 back
        const times = Number(Math.fround(value * values.length).toPrecision(9));
        lines.push([cell, y, x, ...box, exact, times, mask[n] ? "yes" : "no", state.keep].join(","));
      });
    }
  }
  return new Blob([`\ufeff${lines.join("\r\n")}\r\n`], { type: "text/csv;charset=utf-8" });
}

function wrapped(context, text, room) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)}${lines.at(-1) && " "}${word}`;
    if (context.measureText(longer).width <= room || !lines.at(-1)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

// Photo, map, legend, title and the sentence that every picture carries, on white.
function asPicture() {
  const [gap, margin, tall] = [28, 32, photos.length > 1 ? 760 : 900];
  const sizes = photos.map(({ size: [width, height] }) => {
    const scale = Math.min(tall / height, 1400 / width);
    return [width * scale, height * scale];
  });
  const columns = sizes.map(([wide]) => Math.max(wide, photos.length > 1 ? 380 : 0)); // room for its words
  const width = Math.max(900, columns.reduce((sum, wide) => sum + wide, 0) + gap * (photos.length - 1) + 2 * margin);
  const probe = canvasOf(1, 1).getContext("2d");
  const write = (context, size, weight = 400) => (context.font = `${weight} ${size}px system-ui, "Segoe UI", "Noto Sans", "Noto Sans CJK JP", "Yu Gothic UI", sans-serif`);
  write(probe, 16);
  const views = photos.map(viewOf);
  const said = photos.map((photo, n) => wrapped(probe, sentence(photo, views[n]), photos.length > 1 ? columns[n] : width - 2 * margin));
  const scale = wrapped(probe, $("meaning").textContent, width - 2 * margin);
  const caveat = wrapped(probe, about.caveat, width - 2 * margin);
  const alarms = photos.flatMap((photo, n) => alarmsOf(photo, views[n].row, views[n].query).flatMap(({ mark, meaning }) => wrapped(probe, `${photos.length > 1 ? `${"AB"[n]} ` : ""}${mark}: ${meaning}`, width - 2 * margin)));
  const highest = Math.max(...sizes.map(([, height]) => height));
  const lines = Math.max(...said.map((block) => block.length));
  const height = 104 + highest + 70 + 22 * (lines + scale.length + caveat.length + alarms.length) + 50;
  const canvas = canvasOf(Math.ceil(width), Math.ceil(height));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  const text = (line, x, y, size = 16, weight = 400, color = "#1d2329") => {
    write(context, size, weight);
    context.fillStyle = color;
    context.fillText(line, x, y);
  };
  text([...new Set(state.queries.map((query) => labelOf(query)))].join(", "), margin, 48, 30, 650);
  text(`${about.model} · ${photos.map(({ name }) => name).join(" and ")}`, margin, 78, 16, 400, "#67717b");
  let left = margin;
  photos.forEach((photo, n) => {
    const [wide, high] = sizes[n];
    paint(context, photo, views[n], [left, 100, wide, high], 1.4);
    const bar = Math.min(wide, 420);
    context.imageSmoothingEnabled = false;
    drawLegend(photo, views[n].limits);
    context.drawImage(photo.ramp, left, 112 + high, bar, 12);
    text(photo.low.textContent, left, 142 + high, 14);
    write(context, 14);
    text(photo.high.textContent, left + bar - context.measureText(photo.high.textContent).width, 142 + high, 14);
    if (photos.length > 1) text(`${"AB"[n]} ${photo.name}`, left, 164 + high, 15, 600);
    left += columns[n] + gap;
  });
  let top = 104 + highest + 84;
  left = margin;
  said.forEach((block, n) => {
    block.forEach((line, k) => text(line, left, top + 22 * k));
    left += columns[n] + gap;
  });
  top += 22 * lines + 4;
  for (const [block, color] of [[alarms, "#8a5200"], [scale, "#67717b"], [caveat, "#67717b"]]) {
    for (const line of block) text(line, margin, (top += 22) - 18, 16, 400, color);
  }
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}
