// The queue by keys. Without this file the page does all the same: radio buttons, fields and links.
(function () {
  "use strict";
  const form = document.querySelector("form[data-review]");
  if (!form) return;
  const rows = Array.from(form.querySelectorAll("tr[data-change-id]"));
  const announce = document.getElementById("announce");
  const tally = document.getElementById("tally");
  const title = document.getElementById("title");
  const help = document.getElementById("help");
  const list = document.querySelector("dl.keys");
  const words = { approve: "to be approved", reject: "to be rejected", hold: "to be held", unhold: "to be let go" };
  let at = -1;

  function say(text) {
    if (announce) announce.textContent = text;
  }

  function of(row, choice) {
    return row.querySelector('[data-choice="' + choice + '"]');
  }

  function made(row) {
    const input = row.querySelector("[data-choice]:checked");
    return input ? input.dataset.choice : "";
  }

  function told(row) {
    const name = row.querySelector(".model");
    const marks = Array.from(row.querySelectorAll(".marks .badge"), (badge) => badge.textContent.trim());
    const choice = words[made(row)];
    return ["Change " + row.dataset.changeId, name ? name.textContent.trim() : "", marks.join(", "), choice || ""]
      .filter(Boolean).join(", ");
  }

  function go(place, focus) {
    if (!rows.length) return;
    const next = Math.max(0, Math.min(rows.length - 1, place));
    if (at >= 0) {
      rows[at].removeAttribute("aria-current");
      rows[at].tabIndex = -1;
    }
    at = next;
    const row = rows[at];
    row.setAttribute("aria-current", "true");
    row.tabIndex = 0;
    if (focus) {
      row.focus({ preventScroll: true });
      row.scrollIntoView({ block: "nearest" });
      say(told(row));
    }
  }

  function count() {
    const counts = {};
    for (const row of rows) {
      const choice = made(row);
      row.classList.toggle("selected", choice !== "");
      if (choice) counts[choice] = (counts[choice] || 0) + 1;
    }
    const parts = Object.keys(words).filter((word) => counts[word]).map((word) => counts[word] + " " + words[word]);
    if (tally) tally.textContent = parts.length ? parts.join(", ") + ": one step, all of it or nothing." : "Nothing is chosen yet.";
    if (title) title.required = Boolean(counts.approve);
  }

  function choose(choice) {
    if (at < 0) go(0, true);
    const row = rows[at];
    const input = of(row, choice);
    if (!input) {
      say("Change " + row.dataset.changeId + ": that cannot be chosen");
      return;
    }
    input.checked = true;
    count();
    const why = choice === "reject" || choice === "hold" ? row.querySelector(".why input") : null;
    if (why) {
      why.focus();
    } else if (choice !== "" && at < rows.length - 1) {
      say("Change " + row.dataset.changeId + " " + words[choice]);
      go(at + 1, true);
    } else {
      say(told(row));
    }
  }

  function open() {
    const link = at >= 0 ? rows[at].querySelector("[data-open]") : null;
    if (link) link.click();
  }

  function show() {
    if (!help || typeof help.showModal !== "function" || !list) return;
    const place = help.querySelector("div");
    if (place && !place.firstChild) place.append(list.cloneNode(true));
    help.showModal();
  }

  const keys = {
    j: () => go(at + 1, true),
    ArrowDown: () => go(at + 1, true),
    k: () => go(at - 1, true),
    ArrowUp: () => go(at - 1, true),
    a: () => choose("approve"),
    r: () => choose("reject"),
    h: () => choose(at >= 0 && of(rows[at], "unhold") ? "unhold" : "hold"),
    x: () => choose(""),
    o: open,
    d: () => title && title.focus(),
    "?": show,
  };

  function isTyping(target) {
    return target.closest("input:not([type=radio]):not([type=checkbox]), select, textarea, dialog, [contenteditable]");
  }

  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (target.matches(".why input")) {
      // Back to the list: the form is sent from the title, or by its button.
      if (event.key === "Enter" || event.key === "Escape") {
        event.preventDefault();
        go(rows.indexOf(target.closest("tr")) + (event.key === "Enter" ? 1 : 0), true);
      }
      return;
    }
    if (event.key === "Escape" && target === title && rows.length) {
      event.preventDefault();
      go(Math.max(at, 0), true);
      return;
    }
    if (isTyping(target)) return;
    if (event.key === "Enter") {
      if (target.matches("tr[data-change-id]")) {
        event.preventDefault();
        open();
      }
      return;
    }
    // Arrows choose among radio buttons.
    if (event.key.startsWith("Arrow") && target.matches("input")) return;
    const act = Object.prototype.hasOwnProperty.call(keys, event.key) ? keys[event.key] : null;
    if (!act) return;
    event.preventDefault();
    act();
  });

  form.addEventListener("change", count);
  form.addEventListener("focusin", (event) => {
    const row = event.target.closest("tr[data-change-id]");
    if (row && rows.indexOf(row) !== at) go(rows.indexOf(row), false);
  });
  for (const row of rows) row.tabIndex = -1;
  if (rows.length) rows[0].tabIndex = 0;
  count();
  const faults = document.getElementById("faults");
  if (faults) faults.focus();
})();
