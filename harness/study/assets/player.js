"use strict";
// Plays clips in step, or one after the other where each has a sound of its own, and counts what was played.
class Player {
  constructor(videos, sound, changed) {
    this.videos = videos;
    this.sound = sound;
    this.changed = changed;
    this.plays = 0;
    this.playing = false;
    this.current = 0;
    this.seconds = videos.map(() => 0);
    this.whole = videos.map(() => false);
    this.last = videos.map(() => null);
    videos.forEach((video, i) => {
      video.muted = sound !== "each" && video.dataset.part !== sound;
      video.addEventListener("timeupdate", () => this.count(i));
      video.addEventListener("ended", () => { this.count(i); this.ended(i); });
      video.addEventListener("loadeddata", () => this.changed());
      video.addEventListener("error", () => this.changed());
    });
    this.timer = setInterval(() => this.align(), 50);
  }

  get ready() { return this.videos.every((video) => video.readyState >= 2); }
  get broken() { return this.videos.some((video) => video.error); }
  get complete() { return this.whole.every(Boolean); }
  get together() { return this.sound !== "each"; }

  // Only what was played at its own speed counts: a jump is not playing.
  count(i) {
    const video = this.videos[i];
    const before = this.last[i];
    if (before !== null && video.currentTime > before) {
      this.seconds[i] += Math.min(video.currentTime - before, 1);
    }
    this.last[i] = video.currentTime;
  }

  async toggle() {
    if (this.broken) { this.videos.forEach((video) => { if (video.error) video.load(); }); return; }
    if (this.playing) { this.pause(); return; }
    const active = this.together ? this.videos : [this.videos[this.current]];
    if (this.videos.every((video) => video.ended || video.currentTime === 0)) {
      this.rewind();
      this.plays += 1;
    }
    this.playing = true;
    this.changed();
    try {
      await Promise.all((this.together ? active : [this.videos[this.current]]).map((video) => video.play()));
    } catch (error) {
      this.pause();
    }
  }

  rewind() {
    this.current = 0;
    this.videos.forEach((video, i) => { video.currentTime = 0; this.last[i] = 0; });
  }

  pause() {
    this.playing = false;
    this.videos.forEach((video) => video.pause());
    this.changed();
  }

  ended(i) {
    this.videos[i].playbackRate = 1;
    this.whole[i] = this.seconds[i] >= 0.92 * this.videos[i].duration;
    if (!this.together && this.playing && i + 1 < this.videos.length) {
      this.current = i + 1;
      this.videos[this.current].play().catch(() => this.pause());
    } else if (this.videos.every((video) => video.ended)) {
      this.playing = false;
    }
    this.changed();
  }

  // The clip that is heard leads. One that is more than a frame apart runs a little faster or slower, so that
  // nothing is left out; one that is far apart is moved, and what it missed does not count as played.
  align() {
    if (!this.playing || !this.together || this.videos.length < 2) return;
    const lead = this.videos.find((video) => !video.muted) || this.videos[0];
    this.videos.forEach((video, i) => {
      if (video === lead || video.ended || lead.ended || video.seeking) return;
      const behind = lead.currentTime - video.currentTime;
      video.playbackRate = Math.abs(behind) > 0.04 ? 1 + Math.max(-0.5, Math.min(0.5, 2 * behind)) : 1;
      if (Math.abs(behind) > 0.5) {
        this.count(i);
        video.currentTime = lead.currentTime;
        this.last[i] = lead.currentTime;
      }
    });
  }

  stop() {
    clearInterval(this.timer);
    this.videos.forEach((video) => { video.pause(); video.removeAttribute("src"); video.load(); });
  }
}
