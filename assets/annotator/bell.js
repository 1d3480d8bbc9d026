// A bell, for what eyes on an image do not see. It may be silenced, and this browser remembers that.

const KEY = "pdc-silent";
const STRIKE = [[880, 0.16], [1320, 0.08], [2217, 0.04]]; // hertz, and how loud
const FADES = 0.9; // seconds

const stored = (write) => {
  try {
    if (write) write(window.localStorage);
    return window.localStorage.getItem(KEY) !== null;
  } catch (blocked) {
    return false;
  }
};

export class Bell {
  constructor() {
    this.silent = stored();
    this.context = null;
  }

  silence(silent) {
    this.silent = silent;
    stored((store) => (silent ? store.setItem(KEY, "1") : store.removeItem(KEY)));
  }

  // Where the browser makes no sound there is none: the flash is seen all the same.
  ring(times = 1) {
    if (this.silent || !window.AudioContext) return;
    this.context = this.context || new AudioContext();
    for (let i = 0; i < times; i += 1) for (const [pitch, loud] of STRIKE) this.tone(pitch, loud, this.context.currentTime + i / 3);
  }

  tone(pitch, loud, at) {
    const [tone, volume] = [this.context.createOscillator(), this.context.createGain()];
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(loud, at);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + FADES);
    tone.connect(volume).connect(this.context.destination);
    tone.start(at);
    tone.stop(at + FADES);
  }
}
