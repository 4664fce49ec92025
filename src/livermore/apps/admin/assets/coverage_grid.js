// Symbols × timeframes: how fresh each series is, and of the chosen one what it lacks and why.

import { FRESHNESS, ago, moment } from "/assets/format.js";

const template = `
  <section class="panel coverage" data-test="coverage">
    <div class="title">
      <h2>Coverage</h2>
      <span v-for="[state, count] in counts" :key="state" class="tally" :data-fresh="state">
        <b aria-hidden="true">{{ letter(state) }}</b>{{ count }} {{ state === "hole" ? "with holes" : state }}</span>
    </div>
    <div class="halves" v-if="grid && grid.rows.length">
      <div class="scroller" tabindex="0" aria-label="Freshness of symbols and timeframes">
        <table>
          <thead>
            <tr><th class="name">Symbol</th><th v-for="timeframe in grid.timeframes" :key="timeframe">{{ timeframe }}</th></tr>
          </thead>
          <tbody>
            <tr v-for="row in grid.rows" :key="row.key">
              <th class="name" scope="row">{{ row.symbol }}<small v-if="several">{{ row.exchange }}</small></th>
              <td v-for="timeframe in grid.timeframes" :key="timeframe">
                <button v-if="row.cells[timeframe]" type="button" :data-fresh="row.cells[timeframe][0]"
                  :class="{ chosen: chosen === row.key + ':' + timeframe }" :aria-label="hint(row, timeframe)"
                  :title="hint(row, timeframe)" @click="choose(row, timeframe)">
                  <b>{{ letter(row.cells[timeframe][0]) }}</b><span>{{ row.cells[timeframe][1] }}</span>
                </button>
              </td>
            </tr>
          </tbody>
        </table>
      </div>
      <div class="why" data-test="why" aria-live="polite">
        <template v-if="found">
          <h3>{{ found.symbol }} · {{ found.timeframe }}</h3>
          <p><b>{{ number(found.buckets) }}</b> buckets since {{ moment(found.start) }}:
            {{ number(found.counts.traded) }} traded, {{ number(found.counts.quiet) }} quiet,
            <span :class="{ lacks: found.counts.missing }">{{ number(found.counts.missing) }} missing</span></p>
          <ol v-if="found.holes.length">
            <li v-for="hole in found.holes" :key="hole.start + hole.cause + hole.state">
              <button type="button" @click="$emit('choose', [found.exchange, found.symbol, found.timeframe, hole.start])">
                <span class="first"><b>{{ hole.cause }}</b><span class="space"></span>
                  <span class="mark" :data-fresh="hole.state === 'open' ? 'hole' : 'repaired'">{{ hole.state }}</span></span>
                <span class="second">{{ range(hole) }} · {{ number(hole.buckets) }} {{ hole.buckets === 1 ? "bucket" : "buckets" }}
                  <span class="space"></span><time>{{ since(hole.end) }}</time></span>
                <span v-if="hole.repaired" class="second">repaired {{ moment(hole.repaired) }}
                  <span class="space"></span><time>{{ since(hole.repaired) }}</time></span>
              </button>
            </li>
          </ol>
          <p v-else class="soft">This series has no holes.</p>
          <p v-if="found.more" class="soft">{{ number(found.more) }} older holes: livermore coverage {{ found.symbol }}</p>
        </template>
        <p v-else-if="trouble" class="soft">{{ trouble }}</p>
        <p v-else class="soft">Choose a cell to see what a series lacks, and why.</p>
      </div>
    </div>
    <div v-else class="empty"><p>{{ grid ? "No symbol is watched yet." : "Loading the coverage …" }}</p></div>
  </section>
`;

export default {
  template,
  emits: ["choose", "examine"],
  data: () => ({ grid: null, chosen: "", found: null, trouble: "", now: 0 }),
  computed: {
    several() {
      return new Set(this.grid.rows.map((row) => row.exchange)).size > 1;
    },
    counts() {
      const states = (this.grid?.rows ?? []).flatMap((row) => Object.values(row.cells).map((cell) => cell[0]));
      return Object.keys(FRESHNESS)
        .map((state) => [state, states.filter((one) => one === state).length])
        .filter(([, count]) => count);
    },
  },
  methods: {
    show(grid) {
      const before = this.cell();
      this.grid = grid;
      // What changed for the series that is looked at is asked for again.
      if (this.asked && String(this.cell()) !== String(before)) this.$emit("examine", this.asked);
    },
    clock(news) {
      if (news.bar?.clock) this.now = news.bar.clock;
    },
    choose(row, timeframe) {
      this.chosen = `${row.key}:${timeframe}`;
      this.asked = [row.exchange, row.symbol, timeframe];
      this.$emit("examine", this.asked);
    },
    explain(found) {
      if (String([found.exchange, found.symbol, found.timeframe]) !== String(this.asked)) return;
      this.found = found;
    },
    fail(text) {
      Object.assign(this, { found: null, trouble: text });
    },
    cell() {
      if (!this.asked) return null;
      const [exchange, symbol, timeframe] = this.asked;
      return this.grid?.rows.find((row) => row.key === `${exchange}:${symbol}`)?.cells[timeframe];
    },
    letter(state) {
      return FRESHNESS[state][0];
    },
    hint(row, timeframe) {
      const [state, detail] = row.cells[timeframe];
      return `${row.symbol} ${timeframe}: ${FRESHNESS[state][1]}${detail ? ` (${detail})` : ""}`;
    },
    range({ start, end }) {
      return `${moment(start)} – ${moment(end)}`;
    },
    since(at) {
      return this.now ? ago(this.now - at) : "";
    },
    number: (value) => value.toLocaleString("en-US"),
    moment,
  },
};
