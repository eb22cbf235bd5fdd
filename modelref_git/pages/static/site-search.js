// The search of a static site: it reads the lists of records that lie beside the pages, and shows what matches.
"use strict";

(() => {
  const SHOWN = 200;
  const form = document.getElementById("search");
  const count = document.getElementById("count");
  const table = document.getElementById("results");
  const body = table.tBodies[0];
  const lists = new Map();
  let index = null;
  let turn = 0;

  const asked = new URLSearchParams(location.search);
  for (const name of ["q", "category", "baseline"]) {
    const value = asked.get(name);
    if (value !== null && form.elements[name]) form.elements[name].value = value;
  }

  async function read(address) {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return answer.json();
  }

  function list(file) {
    if (!lists.has(file)) lists.set(file, read(file));
    return lists.get(file);
  }

  function matcher() {
    const words = form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const baseline = form.elements.baseline.value.trim().toLowerCase();
    return (row) =>
      words.every((word) => row.text.includes(word)) && (!baseline || row.baseline.toLowerCase().includes(baseline));
  }

  function cell(label, content) {
    const made = document.createElement("td");
    made.dataset.label = label;
    made.append(content);
    return made;
  }

  function show(rows) {
    body.replaceChildren(
      ...rows.map((row) => {
        const line = document.createElement("tr");
        const link = document.createElement("a");
        link.href = row.page;
        link.textContent = row.name;
        line.append(
          cell("Name", link),
          cell("Category", row.category),
          cell("Baseline", row.baseline),
          cell("Description", row.description),
        );
        return line;
      }),
    );
    table.hidden = rows.length === 0;
  }

  async function search() {
    const mine = ++turn;
    const category = form.elements.category.value;
    const test = matcher();
    if (!form.elements.q.value.trim() && !form.elements.baseline.value.trim() && !category) {
      show([]);
      count.textContent = "";
      return;
    }
    count.textContent = "Searching …";
    try {
      index = index || (await read(form.dataset.index));
      const found = [];
      let total = 0;
      for (const part of index.lists) {
        if (category && part.category !== category) continue;
        const { rows } = await list(part.file);
        if (mine !== turn) return;
        for (const row of rows) {
          if (!row.text) {
            row.text = [row.name, row.description, ...row.tags].join(" ").toLowerCase();
            row.category = part.category;
          }
          if (test(row)) {
            total += 1;
            if (found.length < SHOWN) found.push(row);
          }
        }
      }
      show(found);
      const more = total > found.length ? `, the first ${found.length} are shown` : "";
      count.textContent = `${total} record${total === 1 ? "" : "s"}${more}`;
    } catch (fault) {
      count.textContent = `The lists of records cannot be read (${fault.message}).`;
    }
  }

  let waiting = 0;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, 150);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...given]) if (!value) given.delete(name);
    history.replaceState(null, "", given.size ? `?${given}` : location.pathname);
    search();
  });
  search();
})();
