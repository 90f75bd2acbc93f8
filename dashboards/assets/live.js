// Keeps what is marked data-live up to date, by server-sent events; everything else works without this script.
"use strict";
(() => {
  const live = () => document.querySelectorAll("[data-live][id]");
  if (live().length === 0) return;
  const base = location.pathname.startsWith("/portal") ? "/portal/live" : "/live";
  // As the server sent them: what people opened and ticked since is not a change.
  const sent = new Map([...live()].map((part) => [part.id, part.innerHTML]));
  let source = null;
  const refill = (old, now) => {
    const open = [...old.querySelectorAll("details")].map((d) => d.open);
    const ticked = new Set([...old.querySelectorAll("input:checked")].map((box) => box.value));
    old.replaceChildren(...document.importNode(now, true).childNodes);
    old.querySelectorAll("details").forEach((d, n) => { d.open = open[n] ?? false; });
    old.querySelectorAll("input[type=checkbox]").forEach((box) => { box.checked = ticked.has(box.value); });
    old.classList.remove("changed");
    void old.offsetWidth;
    old.classList.add("changed");
  };
  const put = (page) => {
    for (const old of live()) {
      const now = page.getElementById(old.id);
      if (!now || now.innerHTML === sent.get(old.id) || old.contains(document.activeElement)) continue;
      sent.set(old.id, now.innerHTML);
      refill(old, now);
    }
  };
  const begin = () => {
    const path = location.pathname + location.search;
    source = new EventSource(base + "?path=" + encodeURIComponent(path));
    source.onmessage = (event) => put(new DOMParser().parseFromString(JSON.parse(event.data), "text/html"));
  };
  const end = () => { if (source) source.close(); source = null; };
  document.addEventListener("visibilitychange", () => { if (document.hidden) end(); else if (!source) begin(); });
  addEventListener("pagehide", end);
  addEventListener("pageshow", () => { if (!source && !document.hidden) begin(); });
  if (!document.hidden && !source) begin();
})();
