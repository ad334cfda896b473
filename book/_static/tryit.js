// A box to try: its code can be edited and run in the page. The first press of Run, and nothing
// before it, loads Python into a worker (book/_live/worker.js); all boxes of a page share it.
(() => {
  const { live, megabytes } = document.currentScript.dataset;
  const base = new URL(live, document.baseURI).href;
  const boxes = [];
  let worker = null;
  let starting = null;

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // What a reader has typed is kept by this browser, if it allows that.
  const kept = (box, text) => {
    try {
      if (text === undefined) return localStorage.getItem(box.key);
      if (text === null) localStorage.removeItem(box.key);
      else localStorage.setItem(box.key, text);
    } catch {
      // then an edit lasts as long as the page is open
    }
    return null;
  };

  const typed = (box) => box.editor.innerText.replaceAll("\u00a0", " ").trimEnd();
  const changed = (box) => typed(box) !== box.original;

  const say = (box, text) => {
    if (box.status.textContent !== text) box.status.textContent = text;
  };

  const start = async () => {
    const answer = await fetch(`${base}live.json`, { cache: "no-cache" });
    if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`);
    const { folder } = await answer.json();
    const python = new Worker(`${base}${folder}/worker.js`, { type: "module" });
    python.onmessage = ({ data }) => worker === python && hear(boxes[data.id], data);
    python.onerror = (event) => worker === python && fail(event.message || "no script came");
    return python;
  };

  const end = () => {
    worker?.terminate();
    worker = starting = null;
  };

  const fail = (reason) => {
    end();
    boxes.filter((box) => box.busy).forEach((box) => {
      rest(box);
      say(box, `Python could not be started: ${reason}.`);
    });
  };

  const rest = (box) => {
    box.busy = false;
    box.section.removeAttribute("aria-busy");
    if (document.activeElement === box.stop) box.run.focus();
    box.stop.hidden = true;
  };

  // The output of the book makes room for the reader's own at the first sign of it.
  const show = (box, ...what) => {
    if (!box.fresh) {
      box.output.replaceChildren();
      box.output.hidden = false;
      if (box.built) box.built.hidden = true;
      box.fresh = true;
    }
    box.output.append(...what);
  };

  const print = (box, text, kind) => {
    let pre = box.output.lastElementChild?.querySelector(`:scope.${kind} pre`);
    if (!box.fresh || !pre) {
      pre = make("pre");
      const frame = make("div", { className: "highlight" }, pre);
      show(box, make("div", { className: `output ${kind} highlight-myst-ansi` }, frame));
    }
    pre.append(text);
    if (pre.textContent.split("\n").some((line) => line.length > 50)) {
      box.output.classList.add("wide");
    }
  };

  const draw = (box, { svg, alt }, untouched) => {
    const image = make("img", { alt, src: URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" })) });
    const size = svg.match(/<svg[^>]*? width="([\d.]+)pt" height="([\d.]+)pt"/);
    if (size) [image.width, image.height] = size.slice(1).map((points) => Math.round((points * 4) / 3));
    const caption = make("figcaption", {}, make("p", { textContent: "Drawn in this page by the code above." }));
    const figure = make("figure", { className: "align-default" }, image, caption);
    // The same code draws what the author described; other code draws something else.
    const author = box.built?.querySelectorAll("figure") ?? [];
    if (untouched && author.length === 1) {
      image.alt = author[0].querySelector("img").alt;
      const words = author[0].querySelector("figcaption")?.cloneNode(true);
      words?.querySelectorAll(".headerlink").forEach((link) => link.remove());
      if (words) caption.replaceChildren(...words.childNodes);
    }
    show(box, figure);
  };

  const hear = (box, message) => {
    if (!box.busy) return;
    if (message.kind === "says") say(box, message.text);
    if (message.kind === "prints") print(box, message.text, "stream");
    if (message.kind === "fails") fail(message.text);
    if (message.kind !== "ends") return;
    const { figures, error, seconds } = message;
    figures.forEach((figure) => draw(box, figure, box.ran === box.original));
    if (error) print(box, `${error.text}\n`, "error");
    if (!box.fresh) show(box); // it printed and drew nothing
    rest(box);
    const time = `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
    const place = error?.line ? `in line ${error.line}` : "at its end";
    say(box, error ? `It failed ${place}, after ${time}.` : `Done in ${time}.`);
  };

  const run = async (box) => {
    if (box.busy) return;
    box.busy = true;
    box.fresh = false;
    box.ran = typed(box);
    box.output.classList.remove("wide");
    box.section.setAttribute("aria-busy", "true");
    box.stop.hidden = false;
    say(box, worker ? "Waiting …" : `Loading Python: ${megabytes} MB, once …`);
    try {
      const mine = (starting ??= start());
      const python = await mine;
      if (starting !== mine) {
        python.terminate(); // it was stopped before it began
        return;
      }
      worker = python;
      worker.postMessage({ id: box.id, code: box.ran });
    } catch (error) {
      fail(error.message);
    }
  };

  const stop = () => {
    end();
    boxes.filter((box) => box.busy).forEach((box) => {
      rest(box);
      say(box, "Stopped. Python was ended, and its variables are gone; Run starts it again.");
    });
  };

  const noticeEdit = (box) => {
    const edited = changed(box);
    kept(box, edited ? typed(box) : null);
    if (document.activeElement === box.reset && !edited) box.editor.focus();
    box.reset.hidden = !edited;
  };

  const reset = (box) => {
    box.editor.innerHTML = box.markup;
    noticeEdit(box);
    box.output.hidden = true;
    if (box.built) box.built.hidden = false;
    if (!box.busy) say(box, "The code and the output of the book are back.");
  };

  const equip = (section, id) => {
    // Inside the block of code, of which the theme takes the place among the tab stops away.
    const block = section.querySelector(".cell_input pre");
    const editor = make("code", { className: "try-it-code" }, ...block.childNodes);
    block.append(editor);
    const built = section.querySelector(".cell_output");
    const box = { id, section, editor, built, busy: false, fresh: false };
    const button = (textContent, action, hidden) =>
      make("button", { type: "button", className: "btn btn-sm", textContent, onclick: action, hidden });
    box.key = `try-it ${section.dataset.kept}`;
    box.markup = editor.innerHTML;
    box.original = typed(box);
    box.run = button("Run", () => run(box), false);
    box.stop = button("Stop", stop, true);
    box.reset = button("Reset", () => reset(box), true);
    box.status = make("p", { className: "try-it-status", role: "status" });
    box.output = make("div", { className: "cell_output docutils container", hidden: true });
    box.output.setAttribute("role", "log");
    box.output.setAttribute("aria-label", "Output of the last run");

    editor.setAttribute("contenteditable", "plaintext-only");
    if (editor.contentEditable !== "plaintext-only") editor.setAttribute("contenteditable", "true");
    const attributes = { role: "textbox", "aria-multiline": "true", "aria-label": "Code to edit" };
    Object.assign(attributes, { spellcheck: "false", autocapitalize: "off", autocorrect: "off" });
    Object.entries(attributes).forEach(([name, value]) => editor.setAttribute(name, value));
    editor.addEventListener("input", () => noticeEdit(box));
    editor.addEventListener("keydown", (event) => {
      // What is typed here is no shortcut of the page: it would take a slash for "search".
      if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
      if (event.key === "Enter" && event.shiftKey && !event.isComposing) {
        event.preventDefault();
        run(box);
      }
    });

    const bar = make("div", { className: "try-it-bar" }, box.run, box.stop, box.reset, box.status);
    section.querySelector(".cell_input").after(bar);
    (built ?? bar).after(box.output);
    boxes.push(box);
    say(box, "Edit the code, then press Run or Shift+Enter.");
    const before = kept(box);
    if (before !== null) {
      editor.textContent = before;
      noticeEdit(box);
      say(box, "This is your edit, which was kept. The output is still the book's.");
    }
  };

  document.querySelectorAll("section.try-it").forEach((section, id) => {
    if (location.protocol !== "file:") {
      equip(section, id);
      return;
    }
    const words = [
      "To run this code in the page, serve the book: ",
      make("code", { textContent: "make serve" }),
      " in its repository, or ",
      make("code", { textContent: "python3 -m http.server" }),
      " in the folder of these pages.",
    ];
    const sentence = make("p", { className: "try-it-status" }, ...words);
    section.querySelector(".cell_input").after(make("div", { className: "try-it-bar" }, sentence));
  });
})();
