// Keeps the parts marked data-live of a page up to date, and offers to print. Without it, the page is right when it was loaded.
"use strict";

const EVERY_MS = 20000;

async function refresh() {
  if (document.hidden) return;
  const parts = [...document.querySelectorAll("[data-live]")].filter((part) => !part.contains(document.activeElement));
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" }).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const known = (within) => [...within.querySelectorAll("[data-live]")].map((part) => part.id).join();
  if (known(page) !== known(document)) { // an event began, ended or was left: everything is anew, unless somebody is writing
    if (!document.activeElement?.closest("form")) location.reload();
    return;
  }
  for (const part of parts) {
    const now = page.getElementById(part.id);
    if (now && now.innerHTML !== part.innerHTML) part.replaceChildren(...now.childNodes);
  }
}

if (document.querySelector("[data-live]")) setInterval(refresh, EVERY_MS);

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// a day that is ticked means "only these"
for (const day of document.querySelectorAll(".week-days input")) {
  day.addEventListener("change", () => { day.form.elements.days.value = "chosen"; });
}

document.getElementById("problem")?.focus();
