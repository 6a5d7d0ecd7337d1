// What the page carries as JSON, and how its packed columns are opened.

export interface Sheet {
  title: string;
  columns: string[];
  rows: (string | number | boolean | null)[][];
}

export interface FigureData extends Sheet {
  chart: string;
  options: { axis?: string; log?: boolean; samples?: string[]; parts?: string[] };
}

export interface ClassField {
  kind: "class";
  key: string;
  label: string;
  levels: string[];
  bytes: 1 | 2;
  data: string;
}

export interface ValueField {
  kind: "value";
  key: string;
  label: string;
  unit: string;
  low: number;
  span: number;
  integer: boolean;
  data: string;
}

export interface Gene {
  name: string;
  max: number;
  data: string;
}

export interface Cells {
  n: number;
  low: [number, number];
  span: [number, number];
  x: string;
  y: string;
  names: string;
  fields: (ClassField | ValueField)[];
  genes: Gene[];
}

export interface PageData {
  format: number;
  title: string;
  simulated: boolean;
  palette: { classes: string[]; values: string[] };
  cells: Cells | null;
  figures: Record<string, FigureData>;
  tables: Record<string, Sheet>;
}

export const NO_VALUE = 65535;

export function readPage(): PageData {
  const text = document.getElementById("imscope-data")?.textContent ?? "";
  const data = JSON.parse(text) as PageData;
  if (data.format !== 1) throw new Error(`unknown page data format ${data.format}`);
  return data;
}

async function inflate(packed: string): Promise<ArrayBuffer> {
  const raw = atob(packed);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

export async function bytesOf(packed: string): Promise<Uint8Array> {
  return new Uint8Array(await inflate(packed));
}

/** Two-byte numbers, little endian on every machine. */
export async function shortsOf(packed: string): Promise<Uint16Array> {
  const buffer = await inflate(packed);
  const view = new DataView(buffer);
  const out = new Uint16Array(buffer.byteLength / 2);
  for (let i = 0; i < out.length; i++) out[i] = view.getUint16(2 * i, true);
  return out;
}

export async function codesOf(field: ClassField): Promise<Uint16Array> {
  return field.bytes === 1 ? Uint16Array.from(await bytesOf(field.data)) : shortsOf(field.data);
}

export async function namesOf(cells: Cells): Promise<string[]> {
  return JSON.parse(new TextDecoder().decode(await inflate(cells.names))) as string[];
}

/** Centre-free coordinates in data units. */
export async function coordinates(cells: Cells): Promise<[Float32Array, Float32Array]> {
  const [x, y] = await Promise.all([shortsOf(cells.x), shortsOf(cells.y)]);
  const scale = (codes: Uint16Array, axis: 0 | 1): Float32Array => {
    const out = new Float32Array(codes.length);
    const step = cells.span[axis] / 65535;
    for (let i = 0; i < codes.length; i++) out[i] = cells.low[axis] + codes[i] * step;
    return out;
  };
  return [scale(x, 0), scale(y, 1)];
}
