// The numbers of an image's file (raw/...), and pictures of them: one channel in grey, or three in colour.

const LEFT_OUT = 1000; // one in so many at either end lies outside a window, as on the server
const FEW = 100;

export class Plane {
  constructor(values, size, base, step) {
    this.values = values;
    this.width = size.width;
    this.height = size.height;
    this.deep = Math.round(values.length / (size.width * size.height));
    this.base = base;
    this.step = step;
  }

  static async load(url, size) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error((await answer.json()).error);
    const number = (name) => Number(answer.headers.get(name));
    return new Plane(new Uint16Array(await answer.arrayBuffer()), size, number("X-Base"), number("X-Step"));
  }

  // [least, 0.1st percentile, 99.9th percentile, greatest] of a part of the image: [x1, y1, x2, y2] in pixels.
  spread([x1, y1, x2, y2]) {
    const { values, width, height, deep } = this;
    const found = new Uint32Array(65536);
    let all = 0;
    const [left, right] = [Math.max(0, Math.floor(x1)) * deep, Math.min(width, Math.ceil(x2)) * deep];
    for (let y = Math.max(0, Math.floor(y1)); y < Math.min(height, Math.ceil(y2)); y += 1) {
      for (let at = y * width * deep + left; at < y * width * deep + right; at += 1) found[values[at]] += 1;
      all += Math.max(0, right - left);
    }
    const out = all < FEW ? 0 : Math.max(1, Math.floor(all / LEFT_OUT));
    const place = (rank) => {
      let [sum, q] = [0, -1];
      while (sum <= rank && q < 65535) sum += found[(q += 1)];
      return this.base + this.step * q;
    };
    return [place(0), place(out), place(all - 1 - out), place(all - 1)];
  }

  // A BMP in which `low` is black and `high` white: written at once, as no encoder of a browser could.
  picture(low, high) {
    const { values, width, height, deep, base, step } = this;
    const levels = new Uint8Array(65536);
    for (let q = 0; q < 65536; q += 1) levels[q] = Math.min(255, Math.max(0, (255 * (base + step * q - low)) / Math.max(high - low, 1e-12) + 0.5));
    const [palette, line] = [deep === 1 ? 1024 : 0, (width * deep + 3) & ~3];
    const bytes = new Uint8Array(54 + palette + line * height);
    const head = new DataView(bytes.buffer);
    const put = (at, value, size = 4) => (size === 4 ? head.setInt32(at, value, true) : head.setUint16(at, value, true));
    bytes.set([0x42, 0x4d]);
    [[2, bytes.length], [10, 54 + palette], [14, 40], [18, width], [22, -height]].forEach(([at, value]) => put(at, value));
    put(26, 1, 2);
    put(28, 8 * deep, 2);
    for (let grey = 0; grey < palette / 4; grey += 1) bytes.set([grey, grey, grey, 0], 54 + 4 * grey);
    let at = 0;
    for (let y = 0; y < height; y += 1) {
      let to = 54 + palette + y * line;
      if (deep === 1) for (let x = 0; x < width; x += 1) bytes[to++] = levels[values[at++]];
      else for (let x = 0; x < width; x += 1, at += deep) for (let c = deep - 1; c >= 0; c -= 1) bytes[to++] = levels[values[at + c]];
    }
    return new Blob([bytes], { type: "image/bmp" });
  }
}
