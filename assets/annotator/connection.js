// Whether the server can be reached: what the browser says, and whether the calls Gradio makes come through. After a call that
// was lost Gradio sends nothing more, waits for the server and loads the page anew; the copies (keeper.js) outlive that.
(function (PDC) {
  "use strict";
  const CALL = /\/gradio_api\/(run|queue\/join|call)\b/;
  const listeners = new Set();
  const state = (PDC.connection = { lost: false, listen: (run) => listeners.add(run), forget: (run) => listeners.delete(run), settle: () => tell(false) });

  function tell(lost) {
    if (state.lost === lost) return;
    state.lost = lost;
    for (const run of [...listeners]) run({ back: !lost });
  }

  const urlOf = (what) => String(what && what.url ? what.url : what);

  PDC.watchConnection = () => {
    if (PDC.plainFetch) return;
    PDC.plainFetch = window.fetch.bind(window);
    window.fetch = async (...args) => {
      const call = CALL.test(urlOf(args[0]));
      try {
        const response = await PDC.plainFetch(...args);
        if (call) tell(response.status >= 400);
        return response;
      } catch (error) {
        if (call && error.name !== "AbortError") tell(true);
        throw error;
      }
    };
    window.addEventListener("offline", () => tell(true));
    window.addEventListener("online", () => [...listeners].forEach((run) => run({ back: true })));
  };
})((window.PDC = window.PDC || {}));
