// Whether the server can be reached: what the browser says, and whether the calls Gradio makes come through. After a call that
// was lost Gradio sends nothing more, waits for the server and loads the page anew; the copies (keeper.js) outlive that.

const CALL = /\/gradio_api\/(run|queue\/join|call)\b/;
const listeners = new Set();
let losses = 0;
let plainFetch = null;
export const connection = {
  lost: false,
  listen: (run) => listeners.add(run),
  forget: (run) => listeners.delete(run),
  settle: () => tell(false),
};

function tell(lost) {
  if (lost) losses += 1;
  if (connection.lost === lost) return;
  connection.lost = lost;
  for (const run of [...listeners]) run({ back: !lost });
}

const urlOf = (what) => String(what && what.url ? what.url : what);

export const watchConnection = () => {
  if (plainFetch) return;
  plainFetch = window.fetch.bind(window);
  window.fetch = async (...args) => {
    const call = CALL.test(urlOf(args[0]));
    const before = losses;
    try {
      const response = await plainFetch(...args);
      if (call && response.status >= 400) tell(true);
      else if (call && before === losses) tell(false); // an answer to a call from before the loss says nothing of now
      return response;
    } catch (error) {
      if (call && error.name !== "AbortError") tell(true);
      throw error;
    }
  };
  window.addEventListener("offline", () => tell(true));
  window.addEventListener("online", () => [...listeners].forEach((run) => run({ back: true })));
};
