// The newest signals, and how far the alerts of each came.

import { STAGES, ago, exact, moment } from "/assets/format.js";

const KEPT = 60;

const template = `
  <section class="panel feed" data-test="feed">
    <h2>Signals</h2>
    <ol v-if="entries && entries.length">
      <li v-for="entry in entries" :key="entry.id">
        <button type="button" :class="{ withdrawn: entry.withdrawn }" :data-way="entry.up ? 1 : -1"
          @click="$emit('choose', [entry.exchange, entry.symbol, entry.timeframe, entry.time])">
          <span class="first"><i aria-hidden="true">{{ entry.up ? "▲" : "▼" }}</i><b>{{ entry.symbol }}</b>
            <em>{{ entry.timeframe }}</em><span class="space"></span>
            <time :title="full(entry.at)">{{ time(entry.at) }}</time></span>
          <span class="second">{{ entry.text }}<span class="space"></span><time>{{ since(entry.at) }}</time></span>
          <span class="third">V {{ entry.macdv }} · {{ stage(entry) }} · {{ entry.price }}
            <span class="space"></span>
            <span v-if="entry.withdrawn" class="mark">withdrawn</span>
            <span v-if="entry.late" class="mark">late</span>
            <span v-if="entry.doubtful" class="mark">low confidence</span>
            <span v-for="(state, channel) in entry.alerts" :key="channel" class="mark" :data-state="state">
              {{ channel }} {{ state }}</span></span>
        </button>
      </li>
    </ol>
    <div v-else class="empty">
      <p>{{ entries ? "No signal yet. One is raised when MACD-V crosses a level or an extreme market turns." : "Loading …" }}</p>
    </div>
  </section>
`;

export default {
  template,
  emits: ["choose"],
  data: () => ({ entries: null, now: 0 }),
  methods: {
    show(entries) {
      this.entries = entries;
    },
    clock(news) {
      if (news.bar?.clock) this.now = news.bar.clock;
    },
    add(entries) {
      const known = new Map((this.entries ?? []).map((entry) => [entry.id, entry]));
      for (const entry of entries) known.set(entry.id, { ...entry, alerts: known.get(entry.id)?.alerts ?? {} });
      this.entries = [...known.values()].sort((one, other) => other.at - one.at).slice(0, KEPT);
    },
    deliver(alerts) {
      for (const { signal_id, channel, state } of alerts) {
        const entry = this.entries?.find((one) => one.id === signal_id);
        if (entry) entry.alerts[channel] = state;
      }
    },
    time: exact,
    full: moment,
    since(at) {
      return this.now ? ago(this.now - at) : "";
    },
    stage(entry) {
      return STAGES[entry.stage][0];
    },
  },
};
