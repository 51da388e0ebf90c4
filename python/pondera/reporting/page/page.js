"use strict";
// Tooltips, arrow keys in charts, sorting of tables, the theme, printing. Texts only ever become textContent.
(() => {
  const tip = document.getElementById("tip");
  const said = document.getElementById("said");
  let shown = null;

  function hide() {
    if (shown) shown.classList.remove("on");
    shown = null;
    tip.hidden = true;
  }

  // Shows the mark's numbers beside (x, y), or above the mark, always inside the window.
  function show(mark, x, y) {
    if (mark !== shown) {
      hide();
      shown = mark;
      mark.classList.add("on");
      tip.replaceChildren(...mark.getAttribute("aria-label").split("\n").map((line) => {
        const div = document.createElement("div");
        div.dir = "auto";
        div.textContent = line;
        return div;
      }));
      tip.hidden = false;
    }
    if (x === undefined) {
      const box = mark.getBoundingClientRect();
      x = Math.min(Math.max(box.left + box.width / 2, 0), innerWidth);
      y = Math.max(box.top, 0);
    }
    tip.style.left = "0"; // its width must not depend on where it was
    const { width, height } = tip.getBoundingClientRect();
    const above = y - height - 14;
    tip.style.left = `${Math.max(8, Math.min(x - width / 2, document.documentElement.clientWidth - width - 8))}px`;
    tip.style.top = `${above >= 8 ? above : Math.min(y + 18, innerHeight - height - 8)}px`;
  }

  // A label of a row stands for its mark.
  function markAt(element) {
    const mark = element.closest(".mark");
    if (mark) return mark;
    const label = element.closest(".labels > li");
    if (!label) return null;
    const row = Array.prototype.indexOf.call(label.parentNode.children, label);
    return label.closest(".rows").querySelectorAll(".mark")[row] || null;
  }

  function point(event) {
    const mark = event.target instanceof Element ? markAt(event.target) : null;
    if (mark) show(mark, event.clientX, event.clientY);
    else if (shown && shown !== document.activeElement) hide();
  }
  document.addEventListener("pointermove", point);
  document.addEventListener("pointerdown", point);
  document.documentElement.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") hide();
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.matches(".mark:focus-visible")) show(event.target);
  });
  document.addEventListener("focusout", (event) => {
    if (event.target === shown) hide();
  });
  addEventListener("scroll", () => {
    if (shown && shown === document.activeElement) show(shown);
    else hide();
  }, { passive: true, capture: true });

  // One stop of the tab key a chart; the arrows walk through its marks.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const mark = event.target.closest && event.target.closest(".mark");
    if (!mark || event.ctrlKey || event.metaKey || event.altKey) return;
    const marks = Array.from(mark.closest(".plot").querySelectorAll(".mark"));
    const here = marks.indexOf(mark);
    const next = {
      ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: marks.length - 1,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const other = marks[Math.min(Math.max(next, 0), marks.length - 1)];
    mark.setAttribute("tabindex", "-1");
    other.setAttribute("tabindex", "0");
    other.focus({ focusVisible: true });
    show(other); // it may have had the focus already
  });

  // Ascending, then descending; missing values stay last; equal rows keep their order.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("thead button");
    if (!button) return;
    const head = button.closest("th");
    const table = head.closest("table");
    const column = head.cellIndex;
    const up = head.getAttribute("aria-sort") !== "ascending";
    const text = head.classList.contains("text");
    const words = new Intl.Collator(undefined, { numeric: true });
    const rows = Array.from(table.tBodies[0].rows, (row) => {
      const cell = row.cells[column];
      const key = text || !cell || cell.dataset.key === undefined ? null : Number(cell.dataset.key);
      return { row, key, words: text && cell ? cell.textContent : "" };
    });
    rows.sort((a, b) => {
      if (!text && (a.key === null || b.key === null)) return (a.key === null) - (b.key === null);
      const order = text ? words.compare(a.words, b.words) : a.key - b.key;
      return up ? order : -order;
    });
    table.tBodies[0].append(...rows.map((entry) => entry.row));
    for (const th of table.tHead.rows[0].cells) th.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    said.textContent = `Sorted by ${button.textContent.trim()}, ${up ? "ascending" : "descending"}`;
  });

  // In a notebook's frame (srcdoc) a fragment would resolve against the notebook's address and leave the report.
  if (location.protocol === "about:") {
    document.addEventListener("click", (event) => {
      const link = event.target.closest('a[href^="#"]');
      if (!link) return;
      event.preventDefault();
      document.getElementById(link.getAttribute("href").slice(1)).scrollIntoView();
    });
  }

  // Nothing is stored: a reload follows the system again.
  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (document.documentElement.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const name = () => { theme.textContent = dark() ? "Light mode" : "Dark mode"; };
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    name();
  });
  system.addEventListener("change", name);
  name();
  theme.hidden = false;

  // Paper shows all numbers.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = Array.from(document.querySelectorAll("details:not([open])"));
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => { for (const details of closed) details.open = false; });

  // The contents mark the section that is being read.
  const links = new Map(Array.from(document.querySelectorAll(".toc a"), (a) => [a.getAttribute("href").slice(1), a]));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting || !links.has(entry.target.id)) continue;
      for (const a of links.values()) a.removeAttribute("aria-current");
      links.get(entry.target.id).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const section of document.querySelectorAll("main > section")) watch.observe(section);
})();
