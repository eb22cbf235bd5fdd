// A button beside what one wants to copy. Without it, a click selects the whole of it.
"use strict";
(() => {
  if (!navigator.clipboard) return;
  for (const place of document.querySelectorAll("[data-copy]")) {
    const text = place.textContent.trim();
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${text.length > 40 ? `${text.slice(0, 40)}…` : text}`);
    const told = document.createElement("span");
    told.className = "visually-hidden";
    told.setAttribute("role", "status");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = told.textContent = "Copied";
      } catch {
        told.textContent = "It could not be copied";
      }
      setTimeout(() => { button.textContent = "Copy"; told.textContent = ""; }, 2000);
    });
    place.after(" ", button, told);
  }
})();
