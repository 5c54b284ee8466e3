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
  addEventListener("beforeprint", () => plots.forEach((element) => element.closest("[hidden]") || draw(element)));
})();

// A chooser shows one of its views at a time, in the order of its options.
document.querySelectorAll("select[data-of]").forEach((select) => {
  const views = [...document.getElementById(select.dataset.of).children];
  const show = () => views.forEach((view, index) => { view.hidden = index !== Number(select.value); });
  select.addEventListener("change", show);
  show();
});

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
  const wire = (video, button) => {
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
  };
  videos.forEach((video) => wire(video, video.parentElement.querySelector(".play")));
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
  const whenNear = (element, act) => new IntersectionObserver((entries, watcher) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    act();
  }, { rootMargin: "300px" }).observe(element);
  // The first pictures are fetched only when the players come into view.
  whenNear(select, () => {
    videos.forEach((video) => { video.preload = "metadata"; });
    show();
  });

  const order = document.getElementById("order");
  if (!order) return;
  const orders = JSON.parse(document.getElementById("extremes-data").textContent);
  const make = (name, properties = {}, children = []) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const figure = (player, side, [clip, value]) => {
    const file = files[player][clip];
    const name = `${side} clip of ${videos[player].getAttribute("aria-label")}: ${labels[clip]}`;
    const play = make("button", { type: "button", className: "play", textContent: "▶", ariaLabel: `Play ${name}` });
    play.disabled = file === null;
    const picture = file === null
      ? make("p", { className: "absent", textContent: "no clip" })
      : make("video", { src: file, preload: "metadata", playsInline: true, ariaLabel: name });
    if (file !== null) wire(picture, play);
    const beside = make("button", { type: "button", className: "beside", textContent: "side by side" });
    beside.addEventListener("click", () => {
      select.value = clip;
      show();
      document.getElementById("clips").scrollIntoView();
    });
    const told = [
      make("span", { className: `tail ${side}`, textContent: side }), value,
      make("small", { textContent: labels[clip] }), beside,
    ];
    return make("figure", {}, [picture, make("figcaption", {}, [play, make("span", {}, told)])]);
  };
  const list = () => {
    const rows = orders[order.value].map(({ player, worst, best }) => make("div", { className: "ends" }, [
      make("h3", { textContent: videos[player].getAttribute("aria-label") }),
      make("div", { className: "videos" }, [
        ...worst.map((end) => figure(player, "worst", end)),
        ...best.map((end) => figure(player, "best", end)).reverse(),
      ]),
    ]));
    document.getElementById("ends").replaceChildren(...rows);
  };
  order.addEventListener("change", list);
  whenNear(order, list);
})();
