// Who is logged in, and a way out. Who works stays logged in: the server is told of work, once in a while.

import { html } from "./annotator/core.js";
import { t } from "./annotator/words.js";
import { mayGo } from "./unsent.js";
import { goOnAsBefore } from "./visit.js";

const EVERY_MS = 60000;

const logOut = (user) => {
  const form = html("form", { method: "post", action: "logout", class: "pdc-session" },
    html("span", { translate: "no" }, user), html("button", { type: "submit", title: t("Others at this computer cannot go on under your name") }, "Log out"));
  form.addEventListener("submit", (event) => { if (!mayGo(user)) event.preventDefault(); });
  return form;
};

// Hugging Face lets no other page show its log-in, so from inside a frame it opens in a window of its own.
const logIn = (href) => html("a", { href, class: "pdc-log-in", target: window.top === window ? "_self" : "_blank", rel: "noopener",
  title: t("With an account of yours you have one list on every computer; the owner of this Space has no shares. You need none to begin") }, "Log in with Hugging Face");

// Also a page that is left open stays nobody's after a while: only what a person does counts.
function tellOfWork() {
  let told = Date.now();
  const worked = ({ isTrusted }) => {
    if (!isTrusted || Date.now() - told < EVERY_MS) return;
    told = Date.now();
    fetch("session", { method: "POST" }).catch(() => {}); // a lost connection is told elsewhere
  };
  for (const type of ["keydown", "pointerdown", "wheel"]) document.addEventListener(type, worked, { capture: true, passive: true });
}

export const mountSession = async ({ element }) => {
  await goOnAsBefore();
  const { user, log_in } = await (await fetch("session")).json();
  const header = element.querySelector(".pdc-header");
  if (header && log_in) header.append(logIn(log_in));
  if (!user || !header) return;
  header.append(logOut(user));
  tellOfWork();
};
