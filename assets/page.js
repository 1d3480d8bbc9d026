// What the server tells the scripts of this page: the dictionary of the browser's language, and when two marks look like one object.

const asked = (navigator.language || "en").slice(0, 2);
const answer = await fetch(new URL(`page/${asked}.json`, import.meta.url));
if (!answer.ok) throw new Error(`The words of the page did not come: the server said ${answer.status}.`);

/** @type {{ language: string, words: Record<string, string>, same: { iou: number, distance: number, share: number, size: number } }} */
export const { language, words, same } = await answer.json();
