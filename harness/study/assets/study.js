"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const shared = JSON.parse($("data").textContent);
  let item = null;
  let player = null;
  let sending = false;

  const make = (tag, properties = {}, ...children) => {
    const { data = {}, ...rest } = properties;
    const element = Object.assign(document.createElement(tag), rest);
    Object.assign(element.dataset, data);
    element.append(...children);
    return element;
  };

  const show = (name) => {
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
    $("progress").hidden = name !== "item";
    scrollTo(0, 0);
  };

  const ask = async (path, body) => {
    let response;
    try {
      response = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Study-Token": shared.token },
        body: JSON.stringify(body),
        credentials: "same-origin",
      });
    } catch (error) {
      throw new Error("No connection. Nothing is lost: please try again.");
    }
    const found = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(found.message || "That did not work. Please try again.");
    return found;
  };

  // ------------------------------------------------------------------ what is shown

  const go = (state) => {
    if (player) player.stop();
    player = null;
    item = null;
    if (state.state === "item") return showItem(state);
    if (state.state === "done") $("code").textContent = state.code;
    if (state.state === "full") $("full-text").textContent = state.message;
    show(state.state);
  };

  const showItem = (state) => {
    item = state;
    show("item");
    const place = state.place + 1 - state.practices;
    const text = state.practice ? "Practice" : `${place} of ${state.of - state.practices}`;
    $("progress-text").textContent = text;
    $("progress-bar").max = state.of;
    $("progress-bar").value = state.place;
    $("item-title").textContent = `Clips, ${text}`;
    $("practice").hidden = !state.practice;
    $("message").textContent = "";
    $("clips").replaceChildren(...state.clips.map(clipFigure));
    $("clips").dataset.count = state.clips.length;
    const videos = [...$("clips").querySelectorAll("video")];
    player = new Player(videos, state.clips.length === 1 ? "left" : state.sound, refresh);
    $("questions").replaceChildren($("questions").querySelector("legend"), ...state.questions.map(question));
    refresh();
    $("main").focus({ preventScroll: true });
  };

  const clipFigure = (clip) => make("figure", { data: { part: clip.part } },
    make("video", {
      src: clip.src, preload: "auto", playsInline: true, disableRemotePlayback: true, ariaLabel: `${clip.label} clip`,
      data: { part: clip.part },
    }),
    make("figcaption", { textContent: clip.label }));

  const LABELS = { left: "Left", right: "Right", none: "No difference" };

  const question = (q) => q.kind === "rating" ? rating(q) : choice(q);

  const choice = (q) => make("div", { className: "question choice", role: "radiogroup", ariaLabel: q.text },
    make("p", { className: "ask", textContent: q.text }),
    make("div", { className: "options" }, ...["left", "none", "right"].filter((a) => q.answers.includes(a)).map(
      (answer) => option(q, "pair", answer, LABELS[answer]))));

  const rating = (q) => make("div", { className: "question rating" },
    make("p", { className: "ask", textContent: q.text }),
    make("div", { className: "scales" }, ...q.targets.map((target) => scale(q, target))));

  const scale = (q, target) => {
    const whose = q.targets.length > 1 ? `${LABELS[target]} clip` : "Clip";
    return make("div", { className: "scale", role: "radiogroup", ariaLabel: `${q.text}, ${whose}, 1 ${q.low} to 5 ${q.high}` },
      make("span", { className: "whose", textContent: q.targets.length > 1 ? LABELS[target] : "" }),
      make("div", { className: "steps" }, ...q.answers.map((answer) => option(q, target, answer, answer))),
      make("span", { className: "end low", textContent: q.low }),
      make("span", { className: "end high", textContent: q.high }));
  };

  const option = (q, target, answer, label) => make("label", {},
    make("input", {
      type: "radio", name: `${q.name}:${target}`, value: answer, required: true,
      data: { question: q.name, target },
    }),
    make("span", { textContent: label }));

  // ------------------------------------------------------------------ what may be done now

  const groups = () => [...new Set([...$("questions").querySelectorAll("input")].map((input) => input.name))];
  const chosen = (name) => $("questions").querySelector(`input[name="${CSS.escape(name)}"]:checked`);

  const refresh = () => {
    if (!item || !player) return;
    const { playing, complete, broken, ready, plays } = player;
    $("play").disabled = !ready && !broken;
    $("play-icon").textContent = broken ? "↻" : playing ? "❚❚" : plays ? "↻" : "▶";
    const paused = !playing && player.videos.some((video) => video.currentTime > 0 && !video.ended);
    if (paused && !broken) $("play-icon").textContent = "▶";
    $("play-text").textContent = broken ? "Load again" : playing ? "Pause" : paused ? "Go on" : plays ? "Play again" : "Play";
    $("questions").disabled = !complete;
    const open = groups().filter((name) => !chosen(name)).length;
    $("submit").disabled = !complete || open > 0 || sending;
    $("hint").textContent = broken ? "A clip could not be loaded."
      : !ready ? "Loading…"
        : !complete && plays && !playing && !paused ? "Not all of it was shown. Please play it again."
        : !complete ? (player.together ? "Play to the end, then answer." : "Each clip has its own sound: they play in turn. Then answer.")
          : open ? `${open} ${open === 1 ? "answer" : "answers"} to go` : "All answered.";
    const active = playing && !player.together ? player.videos[player.current].dataset.part : "";
    for (const figure of $("clips").children) figure.classList.toggle("active", figure.dataset.part === active);
  };

  const submit = async () => {
    if ($("submit").disabled) return;
    sending = true;
    refresh();
    const answers = groups().map(chosen).map((input) => ({
      question: input.dataset.question, target: input.dataset.target, answer: input.value,
    }));
    const played = Object.fromEntries(player.videos.map((video, i) => [video.dataset.part, player.seconds[i]]));
    try {
      const found = await ask("/study/answer", { ticket: item.ticket, answers, played, plays: player.plays });
      sending = false;
      go(found.next);
    } catch (error) {
      $("message").textContent = error.message;
      sending = false;
      refresh();
    }
  };

  // ------------------------------------------------------------------ hands and keys

  $("consent").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      shared.now = await ask("/study/consent", { consent: $("agree").checked, invite: shared.invite });
      show("how");
      $("begin").focus();
    } catch (error) {
      const said = $("consent").querySelector(".note") || $("consent").appendChild(make("p", { className: "note", role: "alert" }));
      said.textContent = error.message;
    }
  });
  $("begin").addEventListener("click", () => go(shared.now));
  $("play").addEventListener("click", () => player.toggle());
  $("clips").addEventListener("click", () => { if (player && player.ready) player.toggle(); });
  $("answers").addEventListener("change", refresh);
  $("answers").addEventListener("submit", (event) => { event.preventDefault(); submit(); });

  const SIDES = { l: "left", n: "none", r: "right" };
  const pick = (input) => {
    if (!input || input.disabled || $("questions").disabled) return;
    input.checked = true;
    input.focus({ preventScroll: false });
    refresh();
  };
  addEventListener("keydown", (event) => {
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === " " && event.target.tagName !== "BUTTON") {
      event.preventDefault();
      if (player.ready) player.toggle();
    } else if (SIDES[key]) {
      pick($("questions").querySelector(`.choice input[value="${SIDES[key]}"]`));
    } else if ("12345".includes(key)) {
      const next = groups().find((name) => !name.endsWith(":pair") && !chosen(name));
      if (next) pick($("questions").querySelector(`input[name="${CSS.escape(next)}"][value="${key}"]`));
    } else if (key === "enter" && event.target.tagName !== "BUTTON") {
      event.preventDefault();
      submit();
    }
  });

  if (shared.now.state === "item" && shared.now.place === 0) show("how");
  else go(shared.now);
})();
