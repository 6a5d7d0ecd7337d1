// Points onto pixels: typed arrays into an ImageData, no graphics card, the same picture everywhere.

export interface View {
  /** Data coordinates at the middle of the picture, and pixels per data unit. */
  cx: number;
  cy: number;
  k: number;
}

export interface Layer {
  x: Float32Array;
  y: Float32Array;
  /** Order of drawing: later cells cover earlier ones. */
  order: Uint32Array;
  /** Index into `lut` per cell. */
  colour: Uint16Array;
  lut: Uint32Array;
  /** 1 where the cell is shown. */
  shown: Uint8Array;
  /** 1 where selected; null when nothing is. */
  selected: Uint8Array | null;
}

const WHITE = 0xffffffff;
const FAINT = pixel("#dcdcdc");

/** A colour as one number in the byte order of ImageData (little endian). */
export function pixel(hex: string): number {
  const n = Number.parseInt(hex.slice(1), 16);
  return ((255 << 24) | ((n & 255) << 16) | (n & 0xff00) | (n >> 16)) >>> 0;
}

/** `count` colours between the given ones. */
export function ramp(stops: string[], count: number): Uint32Array {
  const rgb = stops.map((s) => [1, 3, 5].map((i) => Number.parseInt(s.slice(i, i + 2), 16)));
  const out = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const at = (i / Math.max(count - 1, 1)) * (rgb.length - 1);
    const j = Math.min(Math.floor(at), rgb.length - 2);
    const mix = [0, 1, 2].map((c) => Math.round(rgb[j][c] + (at - j) * (rgb[j + 1][c] - rgb[j][c])));
    out[i] = ((255 << 24) | (mix[2] << 16) | (mix[1] << 8) | mix[0]) >>> 0;
  }
  return out;
}

/** A fixed shuffle (Fisher-Yates, xorshift), so that no sample lies on top of another. */
export function shuffled(n: number): Uint32Array {
  const out = Uint32Array.from({ length: n }, (_, i) => i);
  let state = 0x9e3779b9;
  for (let i = n - 1; i > 0; i--) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const j = (state >>> 0) % (i + 1);
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

/** Cells from the lowest to the highest code; equal codes keep their order. */
export function ascending(codes: Uint16Array, order: Uint32Array): Uint32Array {
  const start = new Uint32Array(65537);
  for (const code of codes) start[code + 1]++;
  for (let i = 1; i < start.length; i++) start[i] += start[i - 1];
  const out = new Uint32Array(order.length);
  for (const cell of order) out[start[codes[cell]]++] = cell;
  return out;
}

function disc(radius: number, width: number): Int32Array {
  const out: number[] = [];
  const r = Math.ceil(radius);
  for (let dy = -r; dy <= r; dy++)
    for (let dx = -r; dx <= r; dx++)
      if (dx * dx + dy * dy <= radius * radius + 0.3) out.push(dy * width + dx);
  return Int32Array.from(out);
}

/** Draw every shown cell as a disc; unselected ones faint and below. */
export function splat(image: ImageData, layer: Layer, view: View, radius: number): void {
  const { width, height } = image;
  const out = new Uint32Array(image.data.buffer);
  out.fill(WHITE);
  const offsets = disc(radius, width);
  const edge = Math.ceil(radius);
  const passes = layer.selected ? [0, 1] : [2];
  for (const pass of passes) {
    for (let q = 0; q < layer.order.length; q++) {
      const i = layer.order[q];
      if (!layer.shown[i]) continue;
      if (pass !== 2 && layer.selected![i] !== pass) continue;
      const px = ((layer.x[i] - view.cx) * view.k + width / 2) | 0;
      const py = ((view.cy - layer.y[i]) * view.k + height / 2) | 0;
      if (px < edge || py < edge || px >= width - edge || py >= height - edge) continue;
      const colour = pass === 0 ? FAINT : layer.lut[layer.colour[i]];
      const at = py * width + px;
      for (let o = 0; o < offsets.length; o++) out[at + offsets[o]] = colour;
    }
  }
}

/** Draw how many shown cells fall onto each small square, on a logarithmic scale. */
export function density(image: ImageData, layer: Layer, view: View, ramped: Uint32Array): number {
  const { width, height } = image;
  const block = 4;
  const columns = Math.ceil(width / block);
  const counts = new Uint32Array(columns * Math.ceil(height / block));
  let most = 0;
  for (let i = 0; i < layer.x.length; i++) {
    if (!layer.shown[i] || (layer.selected && !layer.selected[i])) continue;
    const px = ((layer.x[i] - view.cx) * view.k + width / 2) | 0;
    const py = ((view.cy - layer.y[i]) * view.k + height / 2) | 0;
    if (px < 0 || py < 0 || px >= width || py >= height) continue;
    const n = ++counts[((py / block) | 0) * columns + ((px / block) | 0)];
    if (n > most) most = n;
  }
  const out = new Uint32Array(image.data.buffer);
  const top = Math.log1p(most) || 1;
  for (let py = 0, at = 0; py < height; py++) {
    const row = ((py / block) | 0) * columns;
    for (let px = 0; px < width; px++, at++) {
      const n = counts[row + ((px / block) | 0)];
      out[at] = n ? ramped[Math.round((Math.log1p(n) / top) * (ramped.length - 1))] : WHITE;
    }
  }
  return most;
}

/** Cells inside a closed line (even-odd rule), among those shown. */
export function lasso(layer: Layer, line: [number, number][]): Uint8Array {
  const out = new Uint8Array(layer.x.length);
  const xs = line.map((p) => p[0]);
  const ys = line.map((p) => p[1]);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  for (let i = 0; i < out.length; i++) {
    const x = layer.x[i];
    const y = layer.y[i];
    if (!layer.shown[i] || x < left || x > right || y < low || y > high) continue;
    let inside = false;
    for (let a = 0, b = xs.length - 1; a < xs.length; b = a++) {
      if (ys[a] > y !== ys[b] > y && x < ((xs[b] - xs[a]) * (y - ys[a])) / (ys[b] - ys[a]) + xs[a])
        inside = !inside;
    }
    if (inside) out[i] = 1;
  }
  return out;
}

/** The nearest shown cell within a distance, or -1. */
export function nearest(layer: Layer, x: number, y: number, reach: number): number {
  let best = reach * reach;
  let found = -1;
  for (let i = 0; i < layer.x.length; i++) {
    const dx = layer.x[i] - x;
    const dy = layer.y[i] - y;
    const d = dx * dx + dy * dy;
    if (d <= best && layer.shown[i]) {
      best = d;
      found = i;
    }
  }
  return found;
}
