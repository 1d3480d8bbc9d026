// Limits of a share and of a ratio at 95 %, as pdc/counting/intervals.py works them out (Clopper & Pearson 1934). Pure functions.

const MISS = 0.025; // on either side
const HALVINGS = 60;
const TINY = 1e-300;

const logs = [0, 0]; // of 0!, 1!, ...
const logFactorial = (n) => {
  while (logs.length <= n) logs.push(logs[logs.length - 1] + Math.log(logs.length));
  return logs[n];
};

const away = (x) => (Math.abs(x) < TINY ? TINY : x);

// The continued fraction of the incomplete beta function, by Lentz's method.
function fraction(a, b, x) {
  let [c, d] = [1, 1 / away(1 - ((a + b) * x) / (a + 1))];
  let value = d;
  for (let m = 1; m < 10000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    const before = value;
    for (const term of [even, odd]) {
      d = 1 / away(1 + term * d);
      c = away(1 + term / c);
      value *= c * d;
    }
    if (Math.abs(value - before) < 1e-15 * value) break;
  }
  return value;
}

// The share of a beta distribution that lies below x; a and b are whole numbers.
function below(x, a, b) {
  if (x > (a + 1) / (a + b + 2)) return 1 - below(1 - x, b, a);
  const front = logFactorial(a + b - 1) - logFactorial(a - 1) - logFactorial(b - 1) + a * Math.log(x) + b * Math.log1p(-x);
  return (Math.exp(front) * fraction(a, b, x)) / a;
}

// Where that share is reached.
function reaches(share, a, b) {
  let [low, high] = [0, 1];
  for (let i = 0; i < HALVINGS; i += 1) {
    const middle = (low + high) / 2;
    if (below(middle, a, b) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

// Of k in n: the limits of the share, 0 to 1.
export const binomial = (k, n) => [k ? reaches(MISS, k, n - k + 1) : 0, k < n ? reaches(1 - MISS, k + 1, n - k) : 1];

const odds = (share) => (share < 1 ? share / (1 - share) : Infinity);

// Of k counted beside n others: the limits of k / n.
export const ratio = (k, n) => (k + n ? binomial(k, k + n).map(odds) : [0, Infinity]);
