// The Python of a page, in a thread of its own. The page (tryit.js) starts it at the first press of
// Run. Messages in: {id, code, check, strict, fresh, dump}. Messages out: {id, kind, ...}, where
// kind is "says" (what is going on), "prints" (text), "ends" (figures, error, seconds) or "fails"
// (Python cannot be had at all).
const folder = new URL("./", import.meta.url).href; // this file lies beside the runtime

const text = async (url, options) => {
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.text();
};

// The bytes of a wheel, which the browser checks against its hash.
const bytes = async (url, integrity) => (await fetch(url, { integrity })).arrayBuffer();

const integrity = (sha256) => {
  const letters = sha256.match(/../g).map((pair) => String.fromCharCode(parseInt(pair, 16)));
  return `sha256-${btoa(letters.join(""))}`;
};

const boot = async () => {
  const plan = JSON.parse(await text(`${folder}plan.json`));
  const files = Promise.all(["kernel.py", "matplotlibrc"].map((name) => text(folder + name)));
  const lockFileContents = JSON.parse(await text(`${folder}pyodide-lock.json`));
  const packages = Object.values(lockFileContents.packages);
  const wheels = Promise.all([
    ...packages.map(({ file_name, sha256 }) => bytes(folder + file_name, integrity(sha256))),
    bytes(new URL(plan.wheel, folder), plan.integrity),
  ]);
  const { loadPyodide } = await import(`${folder}pyodide.mjs`);
  const python = await loadPyodide({
    indexURL: folder,
    packageBaseUrl: folder,
    lockFileContents,
    env: { HOME: "/reader", MPLBACKEND: "agg", MATPLOTLIBRC: "/reader/matplotlibrc" },
    stdout: () => {},
    stderr: () => {},
  });
  // Unpacked and no more: Pyodide's own loader would compile all 26 libraries, of which a box uses
  // a few, and each is compiled when it is imported.
  for (const wheel of await wheels) python.unpackArchive(wheel, "wheel");
  const [kernel, style] = await files;
  python.FS.writeFile("/reader/matplotlibrc", style);
  python.FS.mkdirTree("/lib/box");
  python.FS.writeFile("/lib/box/kernel.py", kernel);
  python.runPython("import sys; sys.path.append('/lib/box'); import kernel; variables = {}");
  return python;
};

// What is printed goes to the page at once; after a hundred messages it goes in portions, and after
// some hundred lines no further: a page that is flooded would not hear its reader press Stop.
const printer = (post) => {
  let [waiting, posts, last, lines] = ["", 0, 0, 0];
  const flush = () => {
    if (waiting) post(waiting);
    [waiting, posts, last] = ["", posts + 1, performance.now()];
  };
  const print = (text) => {
    if (lines > LINES) return;
    lines += text.split("\n").length - 1 + Math.floor(text.length / 1000);
    waiting += lines > LINES ? `${text.slice(0, 1000)}\n… More than ${LINES} lines are not shown.\n` : text;
    if (posts < 100 || performance.now() - last > 100 || lines > LINES) flush();
  };
  return { print, flush };
};
const LINES = 400;

const run = async ({ id, code, check, strict = false, fresh = false, dump = false }) => {
  const say = (kind, more) => postMessage({ id, kind, ...more });
  let python;
  try {
    booted ??= boot();
    say("says", { text: "Loading Python …" });
    python = await booted;
  } catch (error) {
    say("fails", { text: String(error?.message ?? error) });
    return;
  }
  say("says", { text: "Running …" });
  const start = performance.now();
  python.globals.set("asked", python.toPy({ code, check, strict, fresh, dump }));
  const { print, flush } = printer((text) => say("prints", { text }));
  python.globals.set("hand_on", print);
  const found = python.runPython(`
import json
if asked["fresh"]:
    variables = {}
found = kernel.run(asked["code"], variables, hand_on, strict=asked["strict"])
if asked["dump"]:
    found["numbers"] = kernel.packed_numbers(variables)
if asked["check"] and not found["error"]:
    found["error"] = kernel.check(asked["check"], variables)
json.dumps(found)
`);
  flush();
  say("ends", { seconds: (performance.now() - start) / 1000, ...JSON.parse(found) });
};

let booted;
let queue = Promise.resolve();
onmessage = ({ data }) => {
  queue = queue.then(() => run(data));
};
