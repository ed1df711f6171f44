// Lets the map be zoomed and moved, by buttons, wheel with Ctrl, drag, and keys; without it the whole map is shown.
"use strict";

function view(host) {
  const picture = host.querySelector("svg");
  const whole = picture.viewBox.baseVal;
  const all = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
  let now = { ...all };

  function show(next) {
    const width = Math.min(all.width, Math.max(all.width / 12, next.width));
    const height = (width * all.height) / all.width;
    now = {
      x: Math.min(all.x + all.width - width, Math.max(all.x, next.x)),
      y: Math.min(all.y + all.height - height, Math.max(all.y, next.y)),
      width,
      height,
    };
    picture.setAttribute("viewBox", [now.x, now.y, now.width, now.height].join(" "));
  }

  function zoom(by, at = { x: 0.5, y: 0.5 }) {
    const width = now.width / by;
    show({ width, x: now.x + at.x * (now.width - width), y: now.y + at.y * (now.height - now.height / by) });
  }

  function move(x, y) {
    show({ width: now.width, x: now.x + x * now.width, y: now.y + y * now.height });
  }

  const tools = document.createElement("div");
  tools.className = "tools";
  const buttons = [
    ["+", host.dataset.in, () => zoom(1.5)],
    ["−", host.dataset.out, () => zoom(1 / 1.5)],
    ["⤢", host.dataset.all, () => show(all)],
  ];
  buttons.forEach(([sign, name, act]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    button.setAttribute("aria-label", name);
    button.title = name;
    button.addEventListener("click", act);
    tools.append(button);
  });
  host.prepend(tools);

  const keys = {
    "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: () => show(all),
    ArrowLeft: () => move(-0.15, 0), ArrowRight: () => move(0.15, 0), ArrowUp: () => move(0, -0.15), ArrowDown: () => move(0, 0.15),
  };
  host.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });

  // what gets the focus by Tab comes into view
  host.addEventListener("focusin", (event) => {
    const mark = event.target.closest("a")?.querySelector("g");
    if (!mark || now.width === all.width) return;
    const place = mark.transform.baseVal.consolidate().matrix;
    show({ width: now.width, x: place.e - now.width / 2, y: place.f - now.height / 2 });
  });

  picture.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // a page that is scrolled over must go on scrolling
    event.preventDefault();
    const box = picture.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height });
  }, { passive: false });

  let from = null;
  let moved = false;
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = { x: event.clientX, y: event.clientY };
    moved = false;
  });
  picture.addEventListener("pointermove", (event) => {
    if (!from) return;
    const box = picture.getBoundingClientRect();
    const [x, y] = [(from.x - event.clientX) / box.width, (from.y - event.clientY) / box.height];
    if (!moved && Math.hypot(x * box.width, y * box.height) < 5) return;
    moved = true;
    move(x, y);
    from = { x: event.clientX, y: event.clientY };
  });
  window.addEventListener("pointerup", () => { from = null; });
  picture.addEventListener("dragstart", (event) => event.preventDefault());
  picture.addEventListener("click", (event) => {
    if (moved) event.preventDefault(); // the end of a drag is no click on a home
  }, true);
}

document.querySelectorAll(".map").forEach(view);
