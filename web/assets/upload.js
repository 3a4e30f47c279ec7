// Uploads by the form of the front page: several files and folders, each with its progress and
// its result. Without this script the form sends one file, and the answer is a page.

const form = document.getElementById("upload");
const files = document.getElementById("torrent");
const folder = document.getElementById("folder");
const key = document.getElementById("key"); // not there if the key is in the address
const section = document.getElementById("uploads");
const list = section.querySelector("ul");
const summary = section.querySelector("[role=status]");
const cancelAll = document.getElementById("cancel-all");
const retryAll = document.getElementById("retry-all");
const { api, page, needsKey } = form.dataset;
const most = Number(form.dataset.max); // bytes of a file

const atOnce = 3; // uploads under way
const mostFiles = 10000; // in the list; for more there is torrentcache push
const mostAttempts = 8; // of an upload that the server has no room for now
const longestWait = 60; // seconds between them

const outcomes = {
  OUTCOME_CREATED: "Added",
  OUTCOME_ALREADY_CACHED: "Was here already",
  OUTCOME_COMPLETED: "Completed the copy that was here",
  OUTCOME_REPLACED: "Replaced the copy that was here",
  OUTCOME_HEALED: "Repaired the copy that was here",
};

const uploads = [];
let asking = false;
let refusal = {}; // of the key that was last asked about: shown, and text, "" if it will do
let leftOut = 0; // files of folders that are no torrents

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

class Upload {
  // The states: waiting, sending, paused (until the server has room), done, failed, cancelled.
  constructor(file, name) {
    this.file = file;
    this.name = name;
    this.attempts = 0;
    this.row = element("li", "upload");
    this.text = element("p", "outcome");
    this.bar = document.createElement("progress");
    this.bar.setAttribute("aria-label", `Progress of ${name}`);
    this.button = element("button", "copy");
    this.button.type = "button";
    this.button.addEventListener("click", () => (this.open ? this.cancel() : this.retry()));
    const title = document.createElement("bdi");
    title.textContent = name;
    this.row.append(title, this.bar, this.button, this.text);
    this.set("waiting", "Waiting");
  }

  get open() {
    return ["waiting", "sending", "paused"].includes(this.state);
  }

  set(state, ...text) {
    this.state = state;
    this.row.dataset.state = state;
    this.text.replaceChildren(...text);
    this.bar.hidden = state !== "sending";
    this.button.hidden = state === "done";
    this.button.textContent = this.open ? "Cancel" : "Try again";
    this.button.setAttribute("aria-label", `${this.button.textContent}: ${this.name}`);
  }

  // start sends the file, unless it is plain that the server would refuse it.
  start() {
    if (this.file.size > most) {
      this.set("failed", `Too large: it has ${this.file.size.toLocaleString("en")} bytes, and this server takes ${most.toLocaleString("en")} at most. Nothing was sent.`);
      return;
    }
    this.set("sending", "Sending");
    this.bar.removeAttribute("value");
    const request = new XMLHttpRequest(); // fetch does not tell how far an upload is
    this.request = request;
    request.open("POST", api);
    request.setRequestHeader("Content-Type", "application/x-bittorrent");
    if (shownKey()) request.setRequestHeader("Authorization", `Bearer ${shownKey()}`);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total) this.bar.value = event.loaded / event.total;
    };
    request.onload = () => this.finish(() => this.answered(request));
    request.onerror = () => this.finish(() => this.set("failed", "The connection broke, or the file cannot be read."));
    request.onabort = () => this.finish(() => this.set("cancelled", "Cancelled"));
    request.send(this.file);
  }

  finish(tell) {
    this.request = undefined;
    tell();
    next();
  }

  answered(request) {
    let answer = {};
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      // A proxy answered: only the status tells the cause.
    }
    if (request.status < 300 && answer.infoHash) {
      const link = document.createElement("a");
      link.href = page.replace("HASH", answer.infoHash);
      link.textContent = answer.infoHash;
      this.set("done", `${outcomes[answer.outcome] ?? "Stored"}: `, link);
    } else if ([429, 503].includes(request.status) && ++this.attempts < mostAttempts) {
      this.pause(Math.min(longestWait, Number(request.getResponseHeader("Retry-After")) || 5));
    } else {
      const reason = answer.details?.find((detail) => detail.reason)?.reason;
      this.set("failed", `${answer.message ?? `The answer was ${request.status}`}${reason ? ` (${reason})` : ""}`);
    }
  }

  pause(seconds) {
    this.set("paused", `The server has no room just now: again in ${seconds} s`);
    this.timer = setTimeout(() => {
      this.set("waiting", "Waiting");
      next();
    }, seconds * 1000);
  }

  cancel() {
    clearTimeout(this.timer);
    if (this.request) {
      this.request.abort(); // tells onabort
    } else {
      this.set("cancelled", "Cancelled");
      next();
    }
  }

  retry() {
    this.attempts = 0;
    this.set("waiting", "Waiting");
    next();
  }
}

const shownKey = () => key?.value.trim() ?? "";

// ask finds out whether the server takes uploads with a key. A browser would ask its user for
// a password if an upload were refused; this request leaves that out.
async function ask(shown) {
  asking = true;
  const headers = { "Content-Type": "application/json" };
  if (shown) headers.Authorization = `Bearer ${shown}`;
  try {
    const answer = await fetch(`${api}:findMissing`, { method: "POST", credentials: "omit", headers, body: "{}" });
    const refused = answer.status === 401 || answer.status === 403;
    refusal = { shown, text: refused ? ((await answer.json()).message ?? "the key is refused") : "" };
  } catch {
    refusal = { shown, text: "" }; // the uploads will tell the error
  }
  asking = false;
  next();
}

// next begins the uploads that may begin, and says how far all are.
function next() {
  const open = uploads.filter((upload) => upload.open).length;
  const lacksKey = open > 0 && needsKey && !shownKey();
  const known = refusal.shown === shownKey();
  if (open > 0 && !lacksKey && !known && !asking) ask(shownKey());
  if (known && !refusal.text) begin();
  tell(lacksKey ? "enter your key to begin" : known && open > 0 ? refusal.text : "");
}

function begin() {
  let sending = uploads.filter((upload) => upload.state === "sending").length;
  for (const upload of uploads) {
    if (sending >= atOnce) break;
    if (upload.state !== "waiting") continue;
    upload.start();
    if (upload.state === "sending") sending++;
  }
}

// tell says how far all are, and what holds them up.
function tell(obstacle) {
  const count = (state) => uploads.filter((upload) => upload.state === state).length;
  const open = uploads.filter((upload) => upload.open).length;
  const parts = [`${count("done")} of ${uploads.length} stored`];
  if (count("failed")) parts.push(`${count("failed")} failed`);
  if (count("cancelled")) parts.push(`${count("cancelled")} cancelled`);
  if (leftOut) parts.push(`${leftOut} left out: in folders only .torrent files are taken, ${mostFiles.toLocaleString("en")} at most`);
  if (obstacle) parts.push(obstacle);
  summary.setAttribute("aria-busy", open > 0 && !obstacle); // read out when all is over
  summary.textContent = parts.join(", ");
  cancelAll.hidden = open === 0;
  retryAll.hidden = count("failed") + count("cancelled") === 0;
  if (obstacle) key?.focus();
}

// add takes pairs of a file and its name with folders.
function add(pairs) {
  for (const [file, name] of pairs) {
    if (uploads.length >= mostFiles) {
      leftOut++;
      continue;
    }
    const upload = new Upload(file, name);
    uploads.push(upload);
    list.append(upload.row);
  }
  if (section.hidden && uploads.length + leftOut > 0) {
    section.hidden = false;
    section.scrollIntoView({ block: "nearest" });
  }
  next();
}

// ofFolder returns those of a folder's files that are torrents.
function ofFolder(pairs) {
  const torrents = pairs.filter(([file]) => /\.torrent(\.gz|\.bz2)?$/i.test(file.name));
  leftOut += pairs.length - torrents.length;
  return torrents;
}

// filesIn returns the files in an entry of a drop, also those in folders within.
async function filesIn(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [[file, entry.fullPath.replace(/^\//, "")]];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (some.length === 0) return found;
    for (const inner of some) found.push(...(await filesIn(inner)));
  }
}

async function dropped(transfer) {
  // The content of a drop can be read only while its event is handled.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry);
  for (const entry of entries) {
    const pairs = await filesIn(entry).catch(() => []);
    add(entry.isDirectory ? ofFolder(pairs) : pairs);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = [...files.files].map((file) => [file, file.name]);
  const inFolder = [...folder.files].map((file) => [file, file.webkitRelativePath]);
  files.value = folder.value = "";
  add([...chosen, ...ofFolder(inFolder)]);
});
key?.addEventListener("change", next);
cancelAll.addEventListener("click", () => uploads.filter((upload) => upload.open).forEach((upload) => upload.cancel()));
retryAll.addEventListener("click", () =>
  uploads.filter((upload) => ["failed", "cancelled"].includes(upload.state)).forEach((upload) => upload.retry()));

// A drop that misses the form must not replace the page.
for (const name of ["dragover", "drop"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.toggle("over", name === "dragover");
  });
}
addEventListener("dragleave", () => form.classList.remove("over"));
addEventListener("drop", (event) => dropped(event.dataTransfer));
addEventListener("beforeunload", (event) => {
  if (uploads.some((upload) => upload.open)) event.preventDefault();
});

files.multiple = true;
files.required = false;
for (const scripted of document.querySelectorAll(".scripted")) scripted.hidden = false;
for (const plain of document.querySelectorAll(".unscripted")) plain.hidden = true;
