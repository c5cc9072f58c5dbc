"use strict";
{
  // Under a strict policy a style may not be set as text; Plotly does that for <b> in a label.
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };

  const data = (name) => JSON.parse(document.getElementById(`data-${name}`).textContent);
  const templates = data("templates");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const charts = [...document.querySelectorAll(".chart")];
  const drawn = new Set();
  const PAPER_WIDTH = 625; // within a card on A4, in CSS pixels
  const CONFIG = { displaylogo: false, displayModeBar: false, responsive: true, scrollZoom: false };

  const library = () => {
    if (!window.Plotly) {
      const script = document.createElement("script");
      script.textContent = document.getElementById("plotly").textContent;
      document.head.append(script);
    }
    return window.Plotly;
  };

  const isSolid = (figure) => figure.data.some((trace) => trace.type === "scatter3d");
  const hasWebgl = () => Boolean(document.createElement("canvas").getContext("webgl2"));

  const stepBack = (layout, width) => {
    // On a phone the scene is seen from further away, so that all of it is.
    const times = Math.max(1, Math.sqrt(700 / width));
    const { x, y, z } = layout.scene.camera.eye;
    layout.scene = { ...layout.scene, camera: { ...layout.scene.camera, eye: { x: x * times, y: y * times, z: z * times } } };
    layout.height = Math.min(layout.height, Math.max(360, width));
  };

  const draw = (chart, forPaper = false) => {
    const figure = data(chart.dataset.name);
    const solid = isSolid(figure);
    if (solid && !hasWebgl()) {
      chart.removeAttribute("role");
      chart.removeAttribute("aria-label");
      chart.style.minHeight = "";
      chart.textContent = chart.dataset.noWebgl;
      return;
    }
    drawn.add(chart);
    const layout = { ...figure.layout, template: templates[dark.matches && !forPaper ? "dark" : "light"] };
    if (forPaper) layout.width = PAPER_WIDTH;
    if (solid) stepBack(layout, chart.clientWidth);
    else layout.dragmode = false; // so that a finger scrolls the page
    chart.style.minHeight = `${layout.height}px`;
    library().react(chart, figure.data, layout, CONFIG);
  };

  // One after another, so that each is painted, and the page answers its reader, before the next.
  const waiting = [];
  const drawNext = () => {
    const chart = waiting.shift();
    if (waiting.length) requestAnimationFrame(() => setTimeout(drawNext));
    if (!drawn.has(chart)) draw(chart);
  };

  // A chart is drawn when it comes near; one in the language that is hidden never does.
  const near = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter((entry) => entry.isIntersecting)) {
        near.unobserve(entry.target);
        if (waiting.push(entry.target) === 1) setTimeout(drawNext);
      }
    },
    { rootMargin: "600px" },
  );
  for (const chart of charts) {
    chart.style.minHeight = `${chart.dataset.height}px`;
    chart.style.minWidth = `${chart.dataset.narrowest}px`;
    near.observe(chart);
  }
  dark.addEventListener("change", () => drawn.forEach((chart) => draw(chart)));

  const folded = [];
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      folded.push(details);
    }
    for (const chart of charts) if (chart.offsetParent) draw(chart, true);
  });
  addEventListener("afterprint", () => {
    for (const details of folded.splice(0)) details.open = false;
    drawn.forEach((chart) => draw(chart));
  });

  // What is wider than its window can be scrolled by keyboard, too; of a language that is hidden nothing is.
  const letScroll = () => {
    for (const { parentElement: box } of charts) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", letScroll);

  const tellLanguage = () => {
    const shown = document.getElementById(location.hash.slice(1).split("-")[0]) ?? document.querySelector(".report");
    document.documentElement.lang = shown.lang;
    document.title = shown.querySelector("h1").textContent;
    for (const link of document.querySelectorAll(".languages a")) {
      if (link.lang === shown.lang) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    letScroll();
  };
  (window.requestIdleCallback ?? setTimeout)(library);
  // A service has pages around the report; a file has none.
  if (location.protocol.startsWith("http") && location.pathname.endsWith("/report")) {
    for (const home of document.querySelectorAll(".home")) {
      home.firstChild.href = `/?lang=${home.closest(".report").lang}`;
      home.hidden = false;
    }
  }
  addEventListener("hashchange", tellLanguage);
  const own = document.querySelector(`.report[lang="${navigator.language.slice(0, 2)}"]`);
  if (!location.hash && own && own !== document.querySelector(".report")) location.replace(`#${own.id}`);
  tellLanguage();
}
