// Makes forms better where scripts run; without this file they work, too.
// A field that refers to one of many things becomes a combobox (WAI-ARIA Authoring Practices, Combobox with list autocomplete).
"use strict";

(() => {
  const WAIT_MS = 180;
  let numbers = 0;

  const element = (name, attributes = {}, text = "") => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };

  class Combobox {
    constructor(picker) {
      this.picker = picker;
      this.input = picker.querySelector(".search input");
      const ticked = picker.querySelector("input[type=radio]:checked");
      const id = `combobox-${(numbers += 1)}`;
      this.value = element("input", { type: "hidden", name: picker.dataset.field, value: ticked ? ticked.value : "" });
      this.list = element("ul", { role: "listbox", id, hidden: "" });
      this.list.setAttribute("aria-label", picker.querySelector("legend").textContent.trim());
      this.told = element("p", { class: "unseen", role: "status" });
      this.options = [];
      this.active = -1;
      this.asked = 0;
      if (ticked && ticked.value) this.input.value = ticked.dataset.label || this.input.value;
      this.label = this.value.value ? this.input.value : "";
      this.offered = [...picker.querySelectorAll(".options input[type=radio]")].filter((each) => each.value && !each.checked);
      this.rebuild(id);
      this.listen();
    }

    rebuild(id) {
      const box = element("div", { class: "combobox" });
      const search = this.picker.querySelector(".search");
      const first = this.offered.map((radio) => {
        const label = radio.parentElement;
        const note = label.querySelector("small");
        return { iri: radio.value, label: [...label.childNodes].filter((each) => each.nodeType === 3).map((each) => each.textContent).join("").trim(), note: note ? note.textContent : "" };
      });
      const radios = this.picker.querySelector(".options");
      if (radios) radios.remove();
      search.querySelector("button").remove();
      for (const [key, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list" })) {
        this.input.setAttribute(key, value);
      }
      search.insertBefore(box, this.input);
      box.append(this.input, this.list, this.value, this.told);
      if (first.length) this.show(first);
    }

    listen() {
      this.input.addEventListener("input", () => {
        this.value.value = "";
        this.later();
      });
      this.input.addEventListener("keydown", (event) => this.key(event));
      this.input.addEventListener("click", () => {
        if (this.list.hidden) this.ask();
      });
      this.input.addEventListener("focus", () => this.input.select()); // what is typed takes the place of what was chosen
      this.input.addEventListener("blur", () => this.leave());
      this.list.addEventListener("mousedown", (event) => event.preventDefault());
      this.list.addEventListener("click", (event) => {
        const option = event.target.closest("[role=option]");
        if (option) this.choose([...this.list.children].indexOf(option));
      });
    }

    key(event) {
      const open = !this.list.hidden;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (!open) this.ask(event.key === "ArrowUp");
        else if (event.altKey && event.key === "ArrowUp") this.close();
        else this.move(event.key === "ArrowDown" ? 1 : -1);
      } else if (event.key === "Enter" && open) {
        event.preventDefault();
        if (this.active >= 0) this.choose(this.active);
        else this.close();
      } else if (event.key === "Enter" && !this.value.value && this.input.value.trim()) {
        event.preventDefault(); // a name that is half typed is searched for, not saved
        this.ask();
      } else if (event.key === "Escape") {
        if (open) this.close();
        else {
          this.input.value = "";
          this.value.value = "";
        }
      } else if (event.key === "Tab" && open && this.active >= 0) {
        this.choose(this.active);
      }
    }

    later() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), WAIT_MS);
    }

    async ask(last = false) {
      const number = (this.asked += 1);
      const text = this.value.value ? "" : this.input.value;
      const query = new URLSearchParams({ form: this.picker.dataset.form, field: this.picker.dataset.field, q: text });
      try {
        const answer = await fetch(`/registry/options?${query}`, { headers: { Accept: "application/json" } });
        if (!answer.ok) return;
        const found = await answer.json();
        if (number !== this.asked || document.activeElement !== this.input) return;
        this.show(found.options);
        if (last && this.options.length) this.move(-1);
      } catch {
        this.close(); // the network is gone: the name is sent as it is typed
      }
    }

    show(options) {
      this.options = options;
      this.list.replaceChildren(
        ...options.map((option, place) => {
          const made = element("li", { role: "option", id: `${this.list.id}-${place}`, "aria-selected": "false" }, option.label);
          if (option.note) made.append(" ", element("small", {}, option.note));
          return made;
        }),
      );
      this.activate(-1);
      this.told.textContent = options.length ? this.picker.dataset.found.replace("#", options.length) : this.picker.dataset.none;
      this.open(options.length > 0);
    }

    open(yes) {
      this.list.hidden = !yes;
      this.input.setAttribute("aria-expanded", String(yes));
    }

    close() {
      this.open(false);
      this.activate(-1);
    }

    move(step) {
      const count = this.options.length;
      if (count) this.activate(this.active < 0 ? (step > 0 ? 0 : count - 1) : (this.active + step + count) % count);
    }

    activate(place) {
      if (this.active >= 0 && this.list.children[this.active]) this.list.children[this.active].setAttribute("aria-selected", "false");
      this.active = place;
      const option = this.list.children[place];
      if (!option) return this.input.removeAttribute("aria-activedescendant");
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      return this.input.setAttribute("aria-activedescendant", option.id);
    }

    choose(place) {
      const option = this.options[place];
      this.value.value = option.iri;
      this.input.value = this.label = option.label;
      this.close();
    }

    leave() {
      clearTimeout(this.timer);
      const same = this.options.filter((option) => option.label.toLowerCase() === this.input.value.trim().toLowerCase());
      if (!this.value.value && same.length === 1) this.choose(this.options.indexOf(same[0]));
      this.close();
    }
  }

  for (const picker of document.querySelectorAll(".picker")) new Combobox(picker);
  const mistakes = document.getElementById("errors");
  const fresh = document.querySelector("form[data-moved] [autofocus]");
  if (mistakes) mistakes.focus();
  else if (fresh) fresh.focus();
})();
