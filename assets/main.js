// The way into the scripts: what the Gradio components on the page call, each once it is built.

export { mount } from "./annotator/mount.js";
export { watchCharts } from "./charts.js";
export { mountData } from "./data.js";
export { mountJobs } from "./jobs.js";
export { mountForms } from "./forms.js";
export { mountQuestion } from "./question/bar.js";
export { mountSession } from "./session.js";
export { mountView } from "./view.js";
export { mountWorklist } from "./worklist.js";
