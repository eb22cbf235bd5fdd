// The pages that propose: what would be said of a form as one types, a draft that survives a reload, files by dropping.
// Everything works without this file; it stops quietly where something it needs is missing.
"use strict";
(() => {
  const PREFIX = "modelref:draft:";
  const NEVER_KEPT = new Set(["csrf", "once"]);
  const SENT = "sent";

  const store = {
    read(key) { try { return JSON.parse(localStorage.getItem(PREFIX + key)); } catch { return null; } },
    write(key, value) { try { localStorage.setItem(PREFIX + key, JSON.stringify(value)); } catch { /* full, or off */ } },
    drop(key) { try { localStorage.removeItem(PREFIX + key); } catch { /* off */ } },
  };
  const later = (milliseconds, work) => {
    let timer = 0;
    return () => { clearTimeout(timer); timer = setTimeout(work, milliseconds); };
  };
  const entries = (form) => [...new FormData(form)].filter(([, value]) => typeof value === "string");

  // --- dropping files ------------------------------------------------------------------------------------------------
  for (const zone of document.querySelectorAll(".drop[data-drop]")) {
    const input = document.getElementById(zone.dataset.drop);
    if (!input) continue;
    zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      if (!event.dataTransfer || !event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      const button = zone.querySelector("button[name=act]");
      if (button && input.form) input.form.requestSubmit(button);
    });
  }

  // --- after a refusal, the reader is where the faults are -------------------------------------------------------------
  const faults = document.getElementById("faults");
  if (faults) faults.focus();

  // --- drafts ----------------------------------------------------------------------------------------------------------
  const proposes = document.querySelector("form[data-proposes]");
  if (proposes) {
    const key = proposes.dataset.proposes;
    proposes.addEventListener("submit", (event) => {
      const draft = store.read(key);
      const button = event.submitter;
      if (draft && button && button.value === "propose") store.write(key, { ...draft, [SENT]: true });
    });
  }

  const form = document.getElementById("proposal");
  if (!form) return;
  const key = form.dataset.draft;
  const box = document.getElementById("draft");
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const kept = (rows) => rows.filter(([name]) => !NEVER_KEPT.has(name));
  const first = kept(entries(form));
  const cameBack = Boolean(faults) || performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  let isLeaving = false;

  const found = store.read(key);
  if (found && found[SENT] && !cameBack) store.drop(key);
  else if (found && Array.isArray(found.rows) && !same(found.rows, first) && box && form.dataset.fresh !== undefined) {
    box.querySelector("[data-when]").textContent = new Date(found.at).toLocaleString();
    box.hidden = false;
    box.querySelector("[data-restore]").addEventListener("click", () => restore(found.rows));
    box.querySelector("[data-discard]").addEventListener("click", () => { store.drop(key); box.hidden = true; });
  }

  function restore(rows) {
    // The service builds the form anew from what was kept: its rows may be others than those of this page.
    const sender = document.createElement("form");
    sender.method = "post";
    sender.action = form.action;
    sender.hidden = true;
    const isText = rows.some(([name, value]) => name === "mode" && value === "json");
    const more = entries(form).filter(([name]) => NEVER_KEPT.has(name));
    for (const [name, value] of [...rows, ...more, ["act", isText ? "upload" : "fields"]]) {
      const field = document.createElement("textarea");
      field.name = name;
      field.value = value;
      sender.append(field);
    }
    document.body.append(sender);
    isLeaving = true;
    sender.submit();
  }

  const keep = () => {
    if (isLeaving) return;
    const rows = kept(entries(form));
    if (!same(rows, first) || form.dataset.fresh === undefined) store.write(key, { at: Date.now(), rows });
  };
  if (form.dataset.fresh === undefined) keep();

  form.addEventListener("submit", (event) => {
    keep();
    const draft = store.read(key);
    if (event.submitter && event.submitter.value === "propose") {
      store.write(key, { ...(draft ?? { at: Date.now(), rows: kept(entries(form)) }), [SENT]: true });
    }
    isLeaving = true;
  });
  addEventListener("pageshow", (event) => { if (event.persisted) { isLeaving = false; keep(); } });

  // --- what would be said of it ----------------------------------------------------------------------------------------
  const live = document.getElementById("live");
  let asked = 0;

  function clear() {
    for (const line of form.querySelectorAll("[data-live]")) line.remove();
    for (const field of form.querySelectorAll("[data-live-fault]")) {
      field.removeAttribute("aria-invalid");
      field.removeAttribute("data-live-fault");
      const ids = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => !id.endsWith("-live"));
      if (ids.join(" ")) field.setAttribute("aria-describedby", ids.join(" "));
      else field.removeAttribute("aria-describedby");
    }
  }

  function say(row, kind) {
    const field = row.id && document.getElementById(row.id);
    if (!field || !form.contains(field)) return;
    let line = document.getElementById(`${row.id}-live`);
    if (!line) {
      line = document.createElement("p");
      line.id = `${row.id}-live`;
      line.dataset.live = "";
      line.className = kind;
      if (field.tagName === "FIELDSET") field.querySelector("legend").after(line);
      else field.before(line);
    }
    line.textContent = `${line.textContent} ${row.message}`.trim();
    if (field.tagName === "FIELDSET") return;
    const ids = (field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);
    if (!ids.includes(line.id)) field.setAttribute("aria-describedby", [...ids, line.id].join(" "));
    if (kind === "fault") field.setAttribute("aria-invalid", "true");
    field.dataset.liveFault = "";
  }

  async function check() {
    const number = ++asked;
    let answer;
    try {
      const body = new URLSearchParams(entries(form).filter(([name]) => name !== "act"));
      const response = await fetch(form.dataset.check, { method: "POST", body, credentials: "same-origin" });
      if (!response.ok) return;
      answer = await response.json();
    } catch { return; }
    if (number !== asked) return;
    clear();
    for (const row of answer.told) say(row, "fault");
    for (const row of answer.findings) say(row, "hint");
    if (!live) return;
    const count = answer.told.length;
    const whole = answer.told.filter((row) => !row.id).map((row) => row.message).join(" ");
    live.textContent = count
      ? `${count} thing${count === 1 ? "" : "s"} to mend. ${whole}`
      : `Nothing stands against it; ${answer.changes} field${answer.changes === 1 ? "" : "s"} would change.`;
  }

  const keepSoon = later(400, keep);
  const checkSoon = later(700, check);
  form.addEventListener("input", () => { keepSoon(); checkSoon(); });
})();
