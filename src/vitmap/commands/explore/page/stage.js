// Stage: the photos with the chosen map, what it keeps, who asks, and the marked parts.
const COLORS = Object.fromEntries(Object.entries(about.colors).map(([name, text]) => [name, bytesOf(text)]));
const ORANGE = "#ff8a1f";
let marking = null; // a part that is being marked: photo and box

function canvasOf(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

// The photo once in colour and once in grey, as `vitmap` greys it under a map.
async function loadPhoto(photo) {
  const image = new Image();
  image.src = `data:image/jpeg;base64,${read(`photo-${photo.i}`)}`;
  await image.decode();
  photo.image = canvasOf(image.naturalWidth, image.naturalHeight);
  const context = photo.image.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, photo.image.width, photo.image.height);
  const { data } = pixels;
  for (let n = 0; n < data.length; n += 4) data[n] = data[n + 1] = data[n + 2] = (77 * data[n] + 150 * data[n + 1] + 29 * data[n + 2]) >> 8;
  photo.grey = canvasOf(pixels.width, pixels.height);
  photo.grey.getContext("2d").putImageData(pixels, 0, 0);
}

// What is shown of a photo now: its row, limits of colour, and the patches that are kept.
function viewOf(photo) {
  const query = state.queries[photo.i];
  const row = rowOf(photo, query, state.place, headOf(query));
  const values = patchesOf(photo, row);
  return { query, row, values, limits: limitsOf(photo, query, state.place, headOf(query)), mask: kept(values, state.keep) };
}

function heatOf(photo, { values, limits }) {
  const [gx, gy] = photo.grid;
  const heat = canvasOf(gx, gy);
  const pixels = new ImageData(gx, gy);
  const colors = COLORS[state.colormap];
  for (let n = 0; n < values.length; n++) {
    const place = level(Math.fround(values[n] * values.length), limits);
    pixels.data.set(colors.subarray(3 * place, 3 * place + 3), 4 * n);
    pixels.data[4 * n + 3] = 255 * state.opacity * (0.125 + (0.875 * place) / 255); // bright covers, dark lets through
  }
  heat.getContext("2d").putImageData(pixels, 0, 0);
  return heat;
}

// Everything of one photo into a rectangle of any canvas: the page's, or a picture to keep.
function paint(context, photo, view, [left, top, width, height], ratio) {
  const [gx, gy] = photo.grid;
  const across = (x) => left + (x * width) / gx;
  const down = (y) => top + (y * height) / gy;
  const cut = state.show === "cut-out";
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.drawImage(state.gray || cut ? photo.grey : photo.image, left, top, width, height);
  if (cut) {
    context.fillStyle = "rgba(0,0,0,.78)";
    context.fillRect(left, top, width, height);
    context.save();
    const inside = new Path2D();
    view.mask.forEach((is, n) => is && inside.rect(across(n % gx) - 0.3, down(Math.floor(n / gx)) - 0.3, width / gx + 0.6, height / gy + 0.6));
    context.clip(inside);
    context.drawImage(photo.image, left, top, width, height);
    context.restore();
  } else {
    context.imageSmoothingEnabled = false;
    context.drawImage(heatOf(photo, view), left, top, width, height);
  }
  if (state.show !== "nothing") outline(context, view.mask, photo, across, down, ratio);
  const edges = [left + width, top + height];
  const boxes = [...state.boxes[photo.i], ...(marking?.i === photo.i ? [marking.box] : [])];
  boxes.forEach((box, n) => drawPart(context, box, n + 1, across, down, edges, ratio));
  if (isPatch(view.query)) drawAsking(context, patchOf(photo, view.query), across, down, edges, ratio);
  context.restore();
}

function stroke(context, path, widths, ratio) {
  for (const [color, width] of widths) {
    context.strokeStyle = color;
    context.lineWidth = width * ratio;
    context.stroke(path);
  }
}

function outline(context, mask, photo, across, down, ratio) {
  const [gx, gy] = photo.grid;
  const inside = (x, y) => x >= 0 && y >= 0 && x < gx && y < gy && mask[y * gx + x];
  const path = new Path2D();
  for (let y = 0; y < gy; y++) {
    for (let x = 0; x < gx; x++) {
      if (!inside(x, y)) continue;
      const sides = [[x, y - 1, x, y, x + 1, y], [x + 1, y, x + 1, y, x + 1, y + 1], [x, y + 1, x, y + 1, x + 1, y + 1], [x - 1, y, x, y, x, y + 1]];
      for (const [nx, ny, ax, ay, bx, by] of sides) {
        if (inside(nx, ny)) continue;
        path.moveTo(across(ax), down(ay));
        path.lineTo(across(bx), down(by));
      }
    }
  }
  context.lineCap = "square";
  stroke(context, path, [["#0009", 2.6], ["#fff", 1.2]], ratio);
}

function tag(context, text, x, y, [right, bottom], ratio) {
  context.font = `600 ${11.5 * ratio}px system-ui, sans-serif`;
  const room = context.measureText(text).width + 8 * ratio;
  [x, y] = [Math.max(0, Math.min(x, right - room)), Math.min(y, bottom - 16 * ratio)]; // at an edge it stays whole
  context.fillStyle = ORANGE;
  context.fillRect(x, y, room, 16 * ratio);
  context.fillStyle = "#1b1206";
  context.fillText(text, x + 4 * ratio, y + 12 * ratio);
}

function drawPart(context, [top, left, bottom, right], number, across, down, edges, ratio) {
  const path = new Path2D();
  const [x, y] = [across(left), down(top)];
  path.rect(x, y, across(right + 1) - x, down(bottom + 1) - y);
  stroke(context, path, [["#000b", 4.4]], ratio);
  context.setLineDash([7 * ratio, 4 * ratio]);
  stroke(context, path, [[ORANGE, 2.4]], ratio);
  context.setLineDash([]);
  tag(context, `part ${number}`, x, down(bottom + 1) - 16 * ratio, edges, ratio);
}

function drawAsking(context, [row, column], across, down, edges, ratio) {
  const path = new Path2D();
  const [x, y] = [across(column), down(row)];
  path.rect(x, y, across(column + 1) - x, down(row + 1) - y);
  stroke(context, path, [["#000", 6], [ORANGE, 3.6], ["#fff", 1.2]], ratio);
  const above = y - 19 * ratio > down(0);
  tag(context, "asks", x, above ? y - 19 * ratio : down(row + 1) + 3 * ratio, edges, ratio);
}

function buildPhotos() {
  $("photos").replaceChildren(...photos.map((photo) => {
    const [width, height] = photo.size;
    const figure = element("figure", "photo");
    figure.style.setProperty("--aspect", width / height);
    photo.canvas = element("canvas");
    photo.canvas.id = `canvas-${photo.i}`;
    photo.canvas.tabIndex = 0;
    photo.canvas.setAttribute("role", "img");
    photo.canvas.style.aspectRatio = `${width} / ${height}`;
    photo.caption = element("figcaption", "caption");
    photo.ramp = Object.assign(element("canvas", "ramp"), { width: 256, height: 1 });
    photo.low = element("span", "", "");
    photo.high = element("span", "", "");
    const ends = element("div", "ends");
    ends.append(photo.low, photo.high);
    const legend = element("div", "legend");
    legend.append(photo.ramp, ends);
    const name = element("span", "file", photo.name);
    name.title = photo.name;
    photo.caption.append(element("b", "letter", "AB"[photo.i]), name);
    figure.append(photo.canvas, legend, ...(photos.length > 1 ? [photo.caption] : []));
    photo.figure = figure;
    gestures(photo);
    new ResizeObserver(() => photo.image && drawPhoto(photo)).observe(photo.canvas);
    return figure;
  }));
  const aspects = photos.reduce((sum, { size: [width, height] }) => sum + width / height, 0);
  $("photos").style.setProperty("--aspects", aspects);
  // The words of two photos stand below their own, but not in a column too narrow to read.
  const columns = photos.map(({ size: [width, height] }) => `minmax(200px, ${width / height}fr)`).join(" ");
  $("seen").style.setProperty("--columns", photos.length > 1 ? columns : "minmax(0, 1fr)");
}

function drawPhoto(photo) {
  const { canvas } = photo;
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (!width || !height) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const view = viewOf(photo);
  paint(canvas.getContext("2d"), photo, view, [0, 0, width, height], ratio);
  canvas.setAttribute("aria-label", `${photo.name}: ${sentence(photo, view)}`);
  drawLegend(photo, view.limits);
  photo.figure.classList.toggle("active", photos.length > 1 && state.active === photo.i);
}

function drawLegend(photo, { low, high, marks }) {
  const context = photo.ramp.getContext("2d");
  const pixels = new ImageData(256, 1);
  for (let n = 0; n < 256; n++) {
    const place = n > 249 && marks ? 255 : Math.min(254, Math.floor((n * 255) / (marks ? 250 : 256)));
    pixels.data.set([...COLORS[state.colormap].subarray(3 * place, 3 * place + 3), 255], 4 * n);
  }
  context.putImageData(pixels, 0, 0);
  photo.low.textContent = `${short(low)}×`;
  photo.high.textContent = marks ? `${short(high)}× ▸${photo.ramp.clientWidth > 170 ? " more" : ""}` : `${short(high)}×`;
}

function patchUnder(photo, event) {
  const box = photo.canvas.getBoundingClientRect();
  const [gx, gy] = photo.grid;
  const place = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
  return [place((event.clientY - box.top) / box.height, gy), place((event.clientX - box.left) / box.width, gx)];
}

const spanned = ([a, b], [c, d]) => [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];

// A click asks; a drag marks a part, by touch only once marking was asked for.
function gestures(photo) {
  const { canvas } = photo;
  let start = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    start = { patch: patchUnder(photo, event), x: event.clientX, y: event.clientY, drags: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    sayUnder(photo, patchUnder(photo, event));
    if (!start) return;
    start.drags ||= Math.hypot(event.clientX - start.x, event.clientY - start.y) > 5;
    if (!start.drags || (event.pointerType === "touch" && !marking)) return; // a finger scrolls
    marking = { i: photo.i, box: spanned(start.patch, patchUnder(photo, event)) };
    drawPhotos();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!start) return;
    const { drags, patch } = start;
    start = null;
    state.active = photo.i;
    if (drags) keepMark(event.shiftKey || event.pointerType === "touch"); // a finger has no Shift
    else if (!marking) ask(photo, queryAt(photo, ...patch));
  });
  canvas.addEventListener("pointercancel", () => {
    if (start?.drags) stopMarking();
    start = null;
  });
  canvas.addEventListener("pointerleave", () => ($("under").textContent = ""));
}
