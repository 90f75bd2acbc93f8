// Keeps what is marked data-live up to date, by server-sent events; everything else works without this script.
"use strict";
(() => {
  const live = () => document.querySelectorAll("[data-live][id]");
  if (live().length === 0) return;
  const base = location.pathname.startsWith("/portal") ? "/portal/live" : "/live";
  let source = null;
  const put = (page) => {
    for (const old of live()) {
      const now = page.getElementById(old.id);
      if (!now || now.innerHTML === old.innerHTML || old.contains(document.activeElement)) continue;
      const open = new Set([...old.querySelectorAll("details")].flatMap((d, n) => (d.open ? [n] : [])));
      old.replaceChildren(...document.importNode(now, true).childNodes);
      old.querySelectorAll("details").forEach((d, n) => { d.open = open.has(n); });
      old.classList.remove("changed");
      void old.offsetWidth;
      old.classList.add("changed");
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
