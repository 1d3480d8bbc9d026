// What was picked, dropped or pasted, as single files: folders are opened and ZIPs are listed.
//
// An item: { name, folder (the group of its image), blob() (a promise of its bytes) }. A found list: { items, others (how many
// files in folders and ZIPs are no images), refused (sentences) }.

import { filesIn } from "./zip.js";

const IMAGE = /\.(png|jpe?g|tiff?|bmp|webp|gif)$/i;
const HIDDEN = /(^|\/)(\.|__MACOSX\/|Thumbs\.db$)/;

// A folder within the folder that was given is a patient or a sample; its path is the group of its images.
const folderOf = (path) => path.split("/").filter(Boolean).slice(0, -1).slice(1).join("/");
const nameOf = (path) => path.split("/").pop();
const isZip = (file) => /\.zip$/i.test(file.name) || file.type === "application/zip";

// Every file under a dropped entry; a folder answers in portions until it is empty.
async function filesUnder(entry) {
  if (entry.isFile) return [{ path: entry.fullPath, file: await new Promise((done, fail) => entry.file(done, fail)) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const part = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!part.length) return found;
    for (const inner of part) found.push(...(await filesUnder(inner)));
  }
}

// A ZIP is a folder; where it holds one folder and nothing beside it, that is the folder.
async function zipped(zip) {
  const files = (await filesIn(zip)).filter(({ path }) => !HIDDEN.test(path));
  const tops = new Set(files.map(({ path }) => (path.includes("/") ? path.split("/")[0] : "")));
  const inside = tops.size === 1 && !tops.has("") ? "" : `${zip.name}/`;
  return files.map(({ path, blob }) => ({ path: inside + path, blob }));
}

const single = (file, path = "") => ({ name: file.name, folder: folderOf(path), blob: async () => file });

function chosen(files) {
  const images = files.filter(({ path }) => IMAGE.test(path) && !HIDDEN.test(path));
  const others = files.filter(({ path }) => !IMAGE.test(path) && !HIDDEN.test(path)).length;
  return { items: images.map(({ path, blob }) => ({ name: nameOf(path), folder: folderOf(path), blob })), others, refused: [] };
}

const joined = (parts) => ({
  items: parts.flatMap((part) => part.items),
  others: parts.reduce((sum, part) => sum + part.others, 0),
  refused: parts.flatMap((part) => part.refused),
});

async function opened(file) {
  if (!isZip(file)) return { items: [single(file)], others: 0, refused: [] };
  try {
    return chosen(await zipped(file));
  } catch (error) {
    return { items: [], others: 0, refused: [`${file.name}: ${error.message}`] };
  }
}

// Files that were picked or pasted one by one: each is tried, whatever it is called.
export const unfolded = async (files) => joined(await Promise.all(files.map(opened)));

// A folder that was picked: its images.
export const folder = (files) => chosen(files.map((file) => ({ path: file.webkitRelativePath, blob: async () => file })));

// Files and folders that were dropped. The entries must be asked for before anything is waited for.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
  if (!entries.length) return unfolded([...transfer.files]);
  const parts = entries.map(async (entry) => {
    const files = await filesUnder(entry);
    return entry.isFile ? opened(files[0].file) : chosen(files.map(({ path, file }) => ({ path, blob: async () => file })));
  });
  return joined(await Promise.all(parts));
}
