// Product, pages, state, connections, market time, who is here, and theme; below them what keeps the page from
// being complete. A page that shows no market has no facts of it in the bar.

import { ask } from "/assets/api.js";
import { exact, day } from "/assets/format.js";

const THEMES = { auto: ["light", "As the system"], light: ["dark", "Light"], dark: ["auto", "Dark"] };

const PAGES = { Market: "/", Access: "/access" };

const template = `
  <header class="bar">
    <a class="brand" href="/"><img src="/assets/icon.svg" alt="" width="26" height="26"><b>Livermore</b></a>
    <nav aria-label="Pages">
      <a v-for="(address, name) in pages" :key="name" :href="address" :aria-current="name === page ? 'page' : null">{{ name }}</a>
    </nav>
    <div v-if="facts" class="facts">
      <span class="chip" :data-tone="tone" data-test="state">{{ bar.state ?? "…" }}</span>
      <span class="fact wide"><i>Mode</i>{{ bar.mode ?? "–" }}</span>
      <span class="fact wide"><i>Symbols</i>{{ bar.symbols ?? "–" }}</span>
      <span class="fact wide"><i>Up</i>{{ bar.uptime ?? "–" }}</span>
      <span v-for="one in bar.exchanges" :key="one.name" class="fact">
        <i>{{ one.name }}</i><span class="link" :data-state="one.state">{{ one.state }}</span>
      </span>
      <span class="space"></span>
      <time class="clock" :title="'Market time'">
        <b class="dot" :class="{ live: isLive }" role="img" :aria-label="isLive ? 'live' : 'not live'"></b>
        <span class="date">{{ date }}</span>{{ time }}
      </time>
    </div>
    <span v-else class="space"></span>
    <a class="quiet wide" href="/api/v1/docs">API</a>
    <span class="fact wide" data-test="person">{{ person }}</span>
    <button class="quiet" type="button" data-test="log-out" @click="leave">Log out</button>
    <button class="icon" type="button" data-test="theme" :title="'Theme: ' + themeName" :aria-label="'Theme: ' + themeName"
      @click="turn">
      <svg v-if="theme === 'light'" viewBox="0 0 20 20"><circle cx="10" cy="10" r="3.6"/>
        <path d="M10 2.2v2M10 15.8v2M2.2 10h2M15.8 10h2M4.5 4.5l1.4 1.4M14.1 14.1l1.4 1.4M4.5 15.5l1.4-1.4M14.1 5.9l1.4-1.4"/></svg>
      <svg v-else-if="theme === 'dark'" viewBox="0 0 20 20"><path d="M16.5 12.2A7 7 0 0 1 7.8 3.5a7 7 0 1 0 8.7 8.7z"/></svg>
      <svg v-else viewBox="0 0 20 20"><circle cx="10" cy="10" r="6.8"/><path d="M10 3.2a6.8 6.8 0 0 1 0 13.6z" class="full"/></svg>
    </button>
  </header>
  <p v-if="notice" class="notice" :data-tone="notice.tone" role="status" data-test="notice">
    {{ notice.text }}
    <progress v-if="notice.percent != null" :value="notice.percent" max="100"></progress>
  </p>
`;

export default {
  template,
  props: { page: String, person: String, facts: Boolean },
  data: () => ({ pages: PAGES, bar: {}, isConnected: true, theme: window.livermoreTheme.choice }),
  computed: {
    tone() {
      const tones = { running: "good", starting: "calm", warming: "calm", paused: "calm", failed: "bad" };
      return tones[this.bar.state] ?? "calm";
    },
    isLive() {
      return this.isConnected && this.bar.state === "running" && !this.bar.notice;
    },
    notice() {
      if (this.isConnected) return this.bar.notice;
      return { tone: "bad", text: "No connection to Livermore. Trying again; what is shown may be old." };
    },
    date() {
      return this.bar.clock ? day(this.bar.clock) : "";
    },
    time() {
      return this.bar.clock ? exact(this.bar.clock) : "--:--:--";
    },
    themeName() {
      return THEMES[this.theme][1];
    },
  },
  mounted() {
    this.timer = setInterval(() => (this.isConnected = window.socket?.connected ?? false), 500);
    this.doubts = setInterval(this.askWhoIsHere, 3000);
  },
  beforeUnmount() {
    clearInterval(this.timer);
    clearInterval(this.doubts);
  },
  methods: {
    show(board) {
      this.bar = board.bar;
    },
    change(news) {
      if (news.bar) Object.assign(this.bar, news.bar);
    },
    // A socket does not say why it is refused: whose login has ended is led to the login by the question.
    askWhoIsHere() {
      if (!this.isConnected) ask("GET", "/me").catch(() => {});
    },
    async leave() {
      try {
        await ask("POST", "/logout");
        location.assign("/login");
      } catch {
        // Without a server nobody is logged out, and the notice says that there is none.
      }
    },
    turn() {
      this.theme = THEMES[this.theme][0];
      window.livermoreTheme.set(this.theme);
    },
  },
};
