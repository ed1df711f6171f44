// The query editor: Yasgui over the plain form, which stays for browsers without script.
"use strict";
(() => {
  const form = document.getElementById("query-form");
  const place = document.getElementById("yasgui");
  if (!form || !place || typeof Yasgui === "undefined") return;
  const text = form.elements.query;
  const prefixes = JSON.parse(document.getElementById("prefixes").content.textContent);

  // Names are offered from the project's own prefixes: nothing is asked of another host.
  Yasgui.Yasqe.forkAutocompleter("prefixes", { name: "project-prefixes", persistenceId: null, get: () => Object.entries(prefixes).map(([name, iri]) => `${name}: <${iri}>`) });
  Yasgui.Yasqe.defaults.autocompleters = ["variables", "project-prefixes"];

  // Values without their datatypes until somebody asks for them: the table's "simple view" to begin with.
  const table = Yasgui.Yasr.plugins.table.prototype;
  const draw = table.draw;
  table.draw = function (config) { return draw.call(this, { compact: true, ...config }); };

  const declared = (query) => new Set([...query.matchAll(/PREFIX\s+([\w-]*):/gi)].map((found) => found[1]));
  const withPrefixes = (query) => {
    const there = declared(query);
    const body = query.replace(/<[^>]*>|"[^"]*"/g, " ");
    const needed = Object.keys(prefixes).filter((name) => !there.has(name) && new RegExp(`(^|[^\\w:])${name}:`).test(body));
    return needed.map((name) => `PREFIX ${name}: <${prefixes[name]}>\n`).join("") + query;
  };

  // The editor's own fields have no names for those who hear the page, and its button is no tab among the tabs.
  const name = () => {
    place.querySelectorAll(".tabsList button.addTab").forEach((button) => { button.setAttribute("role", "tab"); button.setAttribute("aria-selected", "false"); });
    place.querySelectorAll("input.autocomplete").forEach((field) => field.setAttribute("aria-label", place.dataset.endpoint));
    place.querySelectorAll(".CodeMirror textarea").forEach((field) => field.setAttribute("aria-label", place.dataset.query));
  };
  new MutationObserver(name).observe(place, { childList: true, subtree: true });

  const wanted = new URLSearchParams(location.search);
  const start = withPrefixes(text.value);
  const editor = new Yasgui(place, {
    persistenceId: wanted.has("query") ? null : "flexcoop",
    populateFromUrl: false,
    copyEndpointOnNewTab: true,
    requestConfig: {
      endpoint: new URL("/sparql", location.href).href,
      method: "POST",
      headers: () => ({ "X-CSRF-Token": form.dataset.csrf || "" }),
    },
    yasqe: { value: start, createShareableLink: null, showQueryButton: true, resizeable: true },
    yasr: { prefixes: { ...prefixes, id: new URL("/id/", location.href).href }, pluginOrder: ["table", "response"], defaultPlugin: "table", maxPersistentResponseSize: 0 },
    endpointCatalogueOptions: { getData: () => [] },
  });
  form.hidden = true;
  name();
  const tab = editor.getTab();
  if (tab && (wanted.has("query") || !tab.getYasqe().getValue().trim())) tab.getYasqe().setValue(start);
  if (tab) tab.getYasqe().collapsePrefixes(true);
})();
