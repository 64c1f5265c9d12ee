// Stage: one picture with its map, outline and boxes, zoomed and moved.
const stage = { i: -1, scale: 1, x: 0, y: 0, fit: 1, mask: null, image: null, full: null, map: true };
const canvas = $("canvas");
const context = canvas.getContext("2d");
const cut = { kind: sheet.cut[0], value: sheet.cut[1] };
let waiting = 0;

function show(i) {
  const found = picture(i);
  Object.assign(stage, { i, mask: null, image: null, full: null });
  if (found) {
    const image = new Image();
    image.onload = () => stage.i === i && redraw();
    image.src = found.thumb;
    stage.image = image;
    fitWhole();
  }
  redraw();
}

// The picture itself is fetched from beside the page once the thumbnail is too coarse for the zoom.
function wantFull(found) {
  if (stage.full || !found.place || !stage.image.naturalWidth) return;
  if (stage.scale * pixelRatio() < (1.3 * stage.image.naturalWidth) / found.size[0]) return;
  const full = new Image();
  const i = stage.i;
  stage.full = full;
  full.onload = () => {
    const [width, height] = found.size;
    if (stage.i !== i || full.naturalWidth !== width || full.naturalHeight !== height) return;
    stage.image = full;
    redraw();
  };
  full.src = found.place;
}

const pixelRatio = () => window.devicePixelRatio || 1;

function fitWhole() {
  const found = stage.i < 0 ? null : picture(stage.i);
  if (!found) return;
  const [width, height] = found.size;
  stage.fit = Math.min(canvas.clientWidth / width, canvas.clientHeight / height) || 1;
  zoomTo([0, 0, width, height], 1.06); // room for the boxes of what lies on the border
}

function zoomTo([x0, y0, x1, y1], room) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const wanted = Math.min(width / ((x1 - x0) * room), height / ((y1 - y0) * room));
  stage.scale = Math.max(Math.min(wanted, Math.max(24, stage.fit)), stage.fit / 4);
  stage.x = width / 2 - ((x0 + x1) / 2) * stage.scale;
  stage.y = height / 2 - ((y0 + y1) / 2) * stage.scale;
  redraw();
}

// With something around it: a spot alone tells little.
function zoomToRegion({ box: [x0, y0, x1, y1] }) {
  const least = 0.12 * Math.max(...picture(stage.i).size);
  const [dx, dy] = [(least - (x1 - x0)) / 2, (least - (y1 - y0)) / 2].map((more) => Math.max(0, more));
  zoomTo([x0 - dx, y0 - dy, x1 + dx, y1 + dy], 2.2);
}

function zoomBy(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const scale = Math.max(stage.fit / 4, Math.min(Math.max(64, stage.fit), stage.scale * factor));
  stage.x = x - ((x - stage.x) * scale) / stage.scale;
  stage.y = y - ((y - stage.y) * scale) / stage.scale;
  stage.scale = scale;
  redraw();
}

function redraw() {
  if (!waiting) waiting = requestAnimationFrame(draw);
}

function draw() {
  waiting = 0;
  const ratio = pixelRatio();
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.clearRect(0, 0, width, height);
  const found = stage.i < 0 ? null : picture(stage.i);
  $("lost").hidden = Boolean(found) || stage.i < 0;
  if (!found) return;
  if (!stage.mask) {
    stage.mask = kept(found.heat, cut.kind, cut.value);
    sayLive(found);
  }
  const s = stage.scale * ratio;
  const across = Array.from(found.xs, (x) => Math.round((stage.x + x * stage.scale) * ratio));
  const down = Array.from(found.ys, (y) => Math.round((stage.y + y * stage.scale) * ratio));
  if (stage.image.complete && stage.image.naturalWidth) {
    wantFull(found);
    context.filter = $("show-gray").checked ? "grayscale(1)" : "none";
    context.imageSmoothingEnabled = s < 3;
    const [w, h] = [across.at(-1) - across[0], down.at(-1) - down[0]];
    context.drawImage(stage.image, across[0], down[0], w, h);
    context.filter = "none";
  }
  if (stage.map) drawHeat(found, across, down);
  if ($("show-mask").checked) drawOutline(found, across, down, ratio);
  if ($("show-boxes").checked) drawBoxes(found, ratio);
}

function drawHeat(found, across, down) {
  const [gx, gy] = found.grid;
  const opacity = $("opacity").value / 100;
  for (let y = 0, n = 0; y < gy; y++) {
    for (let x = 0; x < gx; x++, n++) {
      const place = level(found.heat[n]);
      const [r, g, b] = colors.subarray(3 * place, 3 * place + 3);
      context.fillStyle = `rgba(${r},${g},${b},${opacity * (0.12 + (0.88 * place) / 255)})`;
      context.fillRect(across[x], down[y], across[x + 1] - across[x], down[y + 1] - down[y]);
    }
  }
}

function drawOutline(found, across, down, ratio) {
  const [gx, gy] = found.grid;
  const inside = (x, y) => x >= 0 && y >= 0 && x < gx && y < gy && stage.mask[y * gx + x];
  const path = new Path2D();
  for (let y = 0; y < gy; y++) {
    for (let x = 0; x < gx; x++) {
      if (!inside(x, y)) continue;
      const [x0, x1, y0, y1] = [across[x], across[x + 1], down[y], down[y + 1]];
      const sides = [[x, y - 1, x0, y0, x1, y0], [x + 1, y, x1, y0, x1, y1], [x, y + 1, x1, y1, x0, y1], [x - 1, y, x0, y1, x0, y0]];
      for (const [nx, ny, ax, ay, bx, by] of sides) {
        if (inside(nx, ny)) continue;
        path.moveTo(ax, ay);
        path.lineTo(bx, by);
      }
    }
  }
  context.lineCap = "square";
  for (const [color, width] of [["#000a", 3], ["#fff", 1.4]]) {
    context.strokeStyle = color;
    context.lineWidth = width * ratio;
    context.stroke(path);
  }
}

function drawBoxes(found, ratio) {
  context.font = `600 ${12 * ratio}px system-ui, sans-serif`;
  found.regions.forEach((region, n) => {
    const [x0, y0, x1, y1] = region.box;
    const [left, top] = [(stage.x + x0 * stage.scale) * ratio - 3 * ratio, (stage.y + y0 * stage.scale) * ratio - 3 * ratio];
    const [wide, tall] = [(x1 - x0) * stage.scale * ratio + 6 * ratio, (y1 - y0) * stage.scale * ratio + 6 * ratio];
    for (const [color, width] of [["#000a", 4], ["#ff8a1f", 2]]) {
      context.strokeStyle = color;
      context.lineWidth = width * ratio;
      context.strokeRect(left, top, wide, tall);
    }
    const text = String(n + 1);
    const room = context.measureText(text).width + 8 * ratio;
    const above = Math.max(0, top - 17 * ratio);
    context.fillStyle = "#ff8a1f";
    context.fillRect(left - ratio, above, room, 17 * ratio);
    context.fillStyle = "#1b1206";
    context.fillText(text, left + 3 * ratio, above + 13 * ratio);
  });
}

function sayLive(found) {
  let [area, patches] = [0, 0];
  const [gx] = found.grid;
  stage.mask.forEach((inside, n) => {
    if (!inside) return;
    const [x, y] = [n % gx, Math.floor(n / gx)];
    area += (found.xs[x + 1] - found.xs[x]) * (found.ys[y + 1] - found.ys[y]);
    patches++;
  });
  const share = (100 * area) / (found.size[0] * found.size[1]);
  $("live").textContent = `Outline: ${patches} ${patches === 1 ? "patch" : "patches"}, ${area} px, ${short(share)}% of the picture.`;
}

function sayUnder(event) {
  const found = stage.i < 0 ? null : picture(stage.i);
  if (!found) return;
  const box = canvas.getBoundingClientRect();
  const x = Math.floor((event.clientX - box.left - stage.x) / stage.scale);
  const y = Math.floor((event.clientY - box.top - stage.y) / stage.scale);
  const [width, height] = found.size;
  if (x < 0 || y < 0 || x >= width || y >= height) {
    $("under").textContent = "";
    return;
  }
  const column = found.xs.findLastIndex((edge) => edge <= x);
  const row = found.ys.findLastIndex((edge) => edge <= y);
  $("under").textContent = `${x}, ${y} px: ${inUnit(found.heat[row * found.grid[0] + column])}`;
}
