// A browser that keeps no cookie of this page, as in the frame on huggingface.co: the address says who the visitor is, and the
// page keeps it, so that the visitor who comes back goes on where they were.

const KEPT = "pdc-visit";
const tokenOf = (path) => /\/visit\/([^/]+)\//.exec(path)?.[1] ?? null;

// A browser may refuse storage in a frame too; then each new page is a new visitor's.
function kept() {
  try { return localStorage.getItem(KEPT); } catch { return null; }
}

function keep(token) {
  try { localStorage.setItem(KEPT, token); } catch { /* told in the page's notice */ }
}

export const withoutCookies = () => tokenOf(location.pathname) !== null;

export async function goOnAsBefore() {
  const here = tokenOf(location.pathname), before = kept();
  if (here === null) return;
  keep(here);
  if (before === null || before === here) return;
  const { address } = await (await fetch("visit", { method: "POST", body: before })).json();
  if (address === null) return;
  keep(tokenOf(address));
  location.replace(address);
}
