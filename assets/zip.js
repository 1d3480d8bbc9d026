// The files in a zip. Its list is read at once; each file is unpacked when its turn comes, by the browser.

import { t } from "./annotator/words.js";

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LONGEST_END = 22 + 65535;  // bytes: the end of a zip, with its comment
const TOO_LARGE = 0xffffffff;
const ENCRYPTED = 1;
const [STORED, DEFLATED] = [0, 8];

const bytes = async (file, from, to) => new DataView(await file.slice(from, to).arrayBuffer());

async function listOf(zip) {
  const tail = await bytes(zip, Math.max(0, zip.size - LONGEST_END), zip.size);
  let at = tail.byteLength - 22;
  while (at >= 0 && tail.getUint32(at, true) !== END) at -= 1;
  if (at < 0) throw new Error(t("The ZIP is damaged; pack it again."));
  const [size, start] = [tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
  if (start === TOO_LARGE || tail.getUint16(at + 10, true) === 0xffff) throw new Error(t("The ZIP is too large to unpack here; unpack it and drop its folder."));
  return bytes(zip, start, start + size);
}

async function unpacked(zip, { flags, method, packed, local }) {
  if (flags & ENCRYPTED) throw new Error(t("It has a password in the ZIP; unpack the ZIP first."));
  if (method !== STORED && method !== DEFLATED) throw new Error(t("Browsers cannot unpack this ZIP; unpack it first."));
  const head = await bytes(zip, local, local + 30);
  const from = local + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const data = zip.slice(from, from + packed);
  if (method === STORED) return data;
  return new Response(data.stream().pipeThrough(new DecompressionStream("deflate-raw"))).blob();
}

// [{ path, blob }]: `blob()` is a promise of the file's bytes.
export async function filesIn(zip) {
  const list = await listOf(zip);
  const found = [];
  for (let at = 0; at + 46 <= list.byteLength && list.getUint32(at, true) === ENTRY;) {
    const [long, extra, comment] = [28, 30, 32].map((field) => list.getUint16(at + field, true));
    const path = new TextDecoder().decode(new Uint8Array(list.buffer, at + 46, long));
    const entry = { flags: list.getUint16(at + 8, true), method: list.getUint16(at + 10, true),
      packed: list.getUint32(at + 20, true), local: list.getUint32(at + 42, true) };
    if (!path.endsWith("/")) found.push({ path, blob: () => unpacked(zip, entry) });
    at += 46 + long + extra + comment;
  }
  return found;
}
