"use strict";
// Collects a face, a voice, an emotion and methods; sends them as one order; shows its clips as they are made.

const $ = (id) => document.getElementById(id);
const chosen = { picture: null, sound: null };
let offer = null;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function say(text, bad = false) {
  $("say").textContent = text;
  $("say").classList.toggle("bad", bad);
}

async function ask(path, options) {
  const answer = await fetch(path, options);
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  const detail = told && (typeof told.detail === "string" ? told.detail : told.detail?.[0]?.msg);
  throw new Error(detail || `The server answered ${answer.status}.`);
}

const picked = (name) => [...document.querySelectorAll(`[name=${name}]:checked`)].map((input) => input.value);

function refresh() {
  const models = picked("model");
  $("make").disabled = !(chosen.picture && chosen.sound && models.length);
  $("make").textContent = models.length > 1 ? `Make ${models.length} clips` : "Make the clip";
  const taught = offer.models.filter((m) => models.includes(m.name) && m.emotions.length);
  for (const input of document.querySelectorAll("[name=emotion]")) {
    input.disabled = !taught.every((m) => m.emotions.includes(input.value));
    input.parentElement.style.opacity = input.disabled ? 0.4 : 1;
    if (input.disabled) input.checked = false;
  }
  if (!picked("emotion").length) {
    const first = document.querySelector("[name=emotion]:not(:disabled)");
    if (first) first.checked = true;
  }
}

function press(group, button) {
  for (const other of group.children) other.setAttribute("aria-pressed", other === button);
}

function setFace(blob, button = null) {
  stopCamera();
  chosen.picture = blob;
  URL.revokeObjectURL($("face").src);
  $("face").src = URL.createObjectURL(blob);
  $("face").hidden = false;
  $("no-face").hidden = true;
  press($("faces"), button);
  refresh();
}

function setVoice(blob, button = null) {
  chosen.sound = blob;
  URL.revokeObjectURL($("voice").src);
  $("voice").src = URL.createObjectURL(blob);
  press($("voices"), button);
  refresh();
}

let camera = null;

function stopCamera() {
  camera?.getTracks().forEach((track) => track.stop());
  camera = null;
  $("camera").hidden = true;
  $("take").textContent = "Use the camera";
}

async function useCamera() {
  if (camera) {
    const view = $("camera");
    const canvas = element("canvas", { width: view.videoWidth, height: view.videoHeight });
    canvas.getContext("2d").drawImage(view, 0, 0);
    canvas.toBlob((blob) => setFace(blob), "image/png");
    return;
  }
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: true });
  } catch {
    say("The browser gives no camera; choose a picture instead.", true);
    return;
  }
  $("face").hidden = $("no-face").hidden = true;
  $("camera").hidden = false;
  $("camera").srcObject = camera;
  await $("camera").play();
  $("take").textContent = "Take the picture";
}

let recorder = null;

async function record() {
  if (recorder) {
    recorder.stop();
    return;
  }
  let microphone;
  try {
    microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    say("The browser gives no microphone; choose a recording instead.", true);
    return;
  }
  const parts = [];
  recorder = new MediaRecorder(microphone);
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = () => {
    microphone.getTracks().forEach((track) => track.stop());
    setVoice(new Blob(parts, { type: recorder.mimeType }));
    recorder = null;
    $("record").textContent = "Record";
    $("record").setAttribute("aria-pressed", false);
  };
  recorder.start();
  $("record").textContent = "Stop";
  $("record").setAttribute("aria-pressed", true);
  setTimeout(() => recorder?.state === "recording" && recorder.stop(), offer.seconds * 1000);
}

async function example(group, index, kind, set, button) {
  const answer = await ask(`/demo/examples/${index}.${kind}`);
  set(await answer.blob(), button);
}

function showOffer() {
  $("seconds").textContent = offer.seconds;
  $("note").textContent = offer.note;
  $("note").hidden = !offer.note;
  for (let i = 0; i < offer.examples; i++) {
    const face = element("button", { type: "button", title: `Example face ${i + 1}` });
    face.append(element("img", { src: `/demo/examples/${i}.png`, alt: `Example face ${i + 1}` }));
    face.onclick = () => example($("faces"), i, "png", setFace, face);
    $("faces").append(face);
    const voice = element("button", { type: "button", textContent: `Voice ${i + 1}` });
    voice.onclick = () => example($("voices"), i, "wav", setVoice, voice);
    $("voices").append(voice);
  }
  const emotions = [...new Set(offer.models.flatMap((m) => m.emotions))];
  for (const name of emotions) {
    $("emotions").append(element("label", {}, element("input", { type: "radio", name: "emotion", value: name }), name));
  }
  if (!emotions.length) $("emotions").append("These methods take no emotion.");
  for (const name of ["as it comes", ...offer.levels]) {
    const input = element("input", { type: "radio", name: "level", value: name, checked: name === "as it comes" });
    $("levels").append(element("label", {}, input, name));
  }
  offer.models.forEach((model, i) => {
    const input = element("input", { type: "checkbox", name: "model", value: model.name, checked: i === 0 });
    const told = model.emotions.length ? model.paper : `${model.paper}. Takes no emotion.`;
    $("models").append(element("label", {}, input, element("b", { textContent: model.label }), element("small", { textContent: told })));
  });
  refresh();
}

function card(models, title) {
  $("clips").querySelector(".empty")?.remove();
  const side = element("div", { className: "side" });
  const frames = models.map((name) => {
    const frame = element("div", { className: "frame" });
    const caption = element("figcaption", {}, offer.models.find((m) => m.name === name).label);
    side.append(element("figure", {}, frame, caption));
    return { frame, caption, done: false };
  });
  const made = element("article", { className: "made" }, element("h2", { textContent: title }), side);
  $("clips").prepend(made);
  return { made, frames };
}

function show(order, index, place, clip) {
  if (clip.state === "failed") {
    place.frame.replaceChildren(element("p", { className: "failed", textContent: `Not made: ${clip.reason}` }));
    return true;
  }
  if (clip.state === "done") {
    const source = `/demo/orders/${order}/${index}.mp4`;
    const video = element("video", { src: source, controls: true, playsInline: true, preload: "auto" });
    place.frame.replaceChildren(video);
    place.caption.append(element("a", { href: source, download: `clip-${index + 1}.mp4`, textContent: "Download" }));
    return true;
  }
  const bar = element("progress", { max: clip.of || 1 });
  if (clip.of) bar.value = clip.frames;
  const told = clip.state === "waiting" ? "waiting for its turn" : clip.of ? `${clip.frames} of ${clip.of} frames` : "beginning";
  place.frame.replaceChildren(element("div", { className: "waits" }, bar, told));
  return false;
}

function playTogether(made) {
  const videos = [...made.querySelectorAll("video")];
  if (!videos.length) return;
  videos.forEach((video, i) => { video.muted = i > 0; });
  if (videos.length < 2) {
    videos[0].play().catch(() => {});
    return;
  }
  const button = element("button", { type: "button", className: "all", textContent: "Play all together" });
  button.onclick = () => videos.forEach((video) => { video.currentTime = 0; video.play(); });
  made.append(button);
}

async function watch(order, models, title) {
  const { made, frames } = card(models, title);
  for (;;) {
    const { clips } = await (await ask(`/demo/orders/${order}`)).json();
    clips.forEach((clip, i) => { frames[i].done ||= show(order, i, frames[i], clip); });
    if (frames.every((place) => place.done)) break;
    await new Promise((later) => setTimeout(later, 400));
  }
  playTogether(made);
}

async function make(event) {
  event.preventDefault();
  const models = picked("model");
  const emotion = picked("emotion")[0] ?? null;
  const level = picked("level")[0];
  $("make").disabled = true;
  try {
    say("Sending …");
    const { order } = await (await ask("/demo/orders", { method: "POST" })).json();
    await ask(`/demo/orders/${order}/picture`, { method: "PUT", body: chosen.picture });
    await ask(`/demo/orders/${order}/sound`, { method: "PUT", body: chosen.sound });
    const wanted = { models, emotion, level: offer.levels.includes(level) ? level : null };
    const headers = { "Content-Type": "application/json" };
    await ask(`/demo/orders/${order}`, { method: "POST", headers, body: JSON.stringify(wanted) });
    say("");
    if (innerWidth <= 860) $("clips").scrollIntoView({ behavior: "smooth" });
    watch(order, models, emotion ?? "a clip").catch((error) => say(error.message, true));
  } catch (error) {
    say(error.message, true);
  }
  refresh();
}

$("picture").onchange = (event) => event.target.files[0] && setFace(event.target.files[0]);
$("sound").onchange = (event) => event.target.files[0] && setVoice(event.target.files[0]);
$("take").onclick = useCamera;
$("record").onclick = record;
$("order").onsubmit = make;
$("order").onchange = refresh;
ask("/demo/offer")
  .then((answer) => answer.json())
  .then((told) => { offer = told; showOffer(); })
  .catch((error) => say(error.message, true));
