"use strict";
// Draw each plot when it comes near the screen: a long page opens at once.
(() => {
  const specs = JSON.parse(document.getElementById("figures").textContent);
  const config = { displayModeBar: false, responsive: true, scrollZoom: false };
  const draw = (element) => {
    const spec = specs[element.id];
    if (!spec || element.dataset.drawn) return;
    element.dataset.drawn = "yes";
    if (!window.Plotly) startPlotly.call(window);
    Plotly.newPlot(element, spec.data, spec.layout, config);
  };
  const plots = document.querySelectorAll(".plot");
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });
  plots.forEach((element) => watcher.observe(element));
  addEventListener("beforeprint", () => plots.forEach(draw));
})();

(() => {
  const source = document.getElementById("player-data");
  if (!source) return;
  const { labels, files } = JSON.parse(source.textContent);
  const select = document.getElementById("clip");
  const videos = [...document.querySelectorAll("video[data-player]")];
  labels.forEach((label, index) => select.add(new Option(label, index)));

  const show = () => {
    for (const video of videos) {
      const file = files[video.dataset.player][select.value];
      video.hidden = file === null;
      video.nextElementSibling.hidden = file !== null;
      video.parentElement.querySelector(".play").disabled = file === null;
      video.muted = false;
      if (file === null) video.removeAttribute("src");
      else video.src = file;
    }
  };
  const step = (by) => {
    select.value = (Number(select.value) + by + labels.length) % labels.length;
    show();
  };
  for (const video of videos) {
    const button = video.parentElement.querySelector(".play");
    const name = video.getAttribute("aria-label");
    const toggle = () => {
      video.muted = false;
      if (video.paused) video.play(); else video.pause();
    };
    const tell = () => {
      button.textContent = video.paused ? "▶" : "❚❚";
      button.setAttribute("aria-label", `${video.paused ? "Play" : "Pause"} ${name}`);
    };
    button.addEventListener("click", toggle);
    video.addEventListener("click", toggle);
    for (const event of ["play", "pause", "ended", "emptied"]) video.addEventListener(event, tell);
  }
  select.addEventListener("change", show);
  document.getElementById("previous").addEventListener("click", () => step(-1));
  document.getElementById("next").addEventListener("click", () => step(1));
  document.getElementById("together").addEventListener("click", () => {
    videos.filter((video) => !video.hidden).forEach((video, index) => {
      video.muted = index > 0;
      video.currentTime = 0;
      video.play();
    });
  });
  // The first pictures are fetched only when the players come into view.
  new IntersectionObserver((entries, watcher) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    videos.forEach((video) => { video.preload = "metadata"; });
    show();
  }, { rootMargin: "300px" }).observe(select);
})();
