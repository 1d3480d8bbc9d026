// Gradio's charts name neither themselves nor their strokes to a screen reader. The strokes are hidden from it here; the numbers
// behind them stand in tables or lines beside the chart.

const watched = new WeakSet();

const hide = (panel) => {
  for (const part of panel.querySelectorAll("svg.marks [role^='graphics-']:not([aria-hidden])")) part.setAttribute("aria-hidden", "true");
};

// Called when a tab is opened; the editor's own panel has no charts and is not watched.
export const watchCharts = () => {
  for (const panel of document.querySelectorAll("[role=tabpanel]")) {
    if (watched.has(panel) || panel.querySelector(".pdc-editor")) continue;
    watched.add(panel);
    new MutationObserver(() => hide(panel)).observe(panel, { childList: true, subtree: true });
    hide(panel);
  }
};
