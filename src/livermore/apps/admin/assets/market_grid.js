// Symbols × timeframes: where MACD-V stands on each series; sorted, filtered and cut as its user likes.

import { STAGES } from "/assets/format.js";

const KEY = "market.table";
const OTHERWISE = { sort: "", down: false, filter: "", hidden: [] };

const numberOf = (text) => {
  const number = parseFloat((text ?? "").replace("−", "-").replace(/[^\d.-]/g, ""));
  return Number.isNaN(number) ? -Infinity : number;
};

const SECONDS = { now: 0, s: 1, min: 60, h: 3600, d: 86400 };
const ageOf = (text) => {
  const [count, unit] = text === "now" ? [0, "now"] : text.split(" ");
  return unit in SECONDS ? count * SECONDS[unit] : Infinity;
};

const template = `
  <section class="panel grid" data-test="grid">
    <div v-if="rows && rows.length" class="tools">
      <input v-model="filter" type="search" placeholder="Filter symbols" aria-label="Filter symbols" @change="keep">
      <span v-if="filter" class="soft" role="status">{{ shown.length }} of {{ rows.length }}</span>
      <details data-test="columns">
        <summary>Columns</summary>
        <label v-for="timeframe in timeframes" :key="timeframe">
          <input type="checkbox" :checked="!hidden.includes(timeframe)" @change="toggle(timeframe)">{{ timeframe }}
        </label>
      </details>
    </div>
    <div v-if="rows && rows.length" class="scroller" tabindex="0" aria-label="Symbols and timeframes">
      <table>
        <thead>
          <tr>
            <th v-for="[column, title, kind] in columns" :key="column" :class="kind" :aria-sort="orderOf(column)">
              <button type="button" :title="'Sort by ' + title" @click="order(column)">{{ title }}
                <i v-if="sort === column" aria-hidden="true">{{ down ? "↓" : "↑" }}</i></button>
            </th>
          </tr>
        </thead>
        <tbody>
          <tr v-for="row in shown" :key="row.key" :class="{ off: !row.enabled }">
            <th class="name" scope="row">{{ row.symbol }}<small v-if="several">{{ row.exchange }}</small></th>
            <td class="number">{{ row.price }}</td>
            <td class="number way" :data-way="row.way">{{ row.change }}</td>
            <td class="number soft">{{ row.age }}</td>
            <td v-for="timeframe in visible" :key="timeframe" class="cell">
              <button v-if="row[timeframe]" type="button" :data-stage="row[timeframe][1]"
                :class="{ chosen: chosen === row.key + ':' + timeframe, doubtful: row[timeframe][2] }"
                :title="hint(row, timeframe)" @click="$emit('choose', [row.exchange, row.symbol, timeframe])">
                <b>{{ row[timeframe][0] }}</b>
                <i aria-hidden="true">{{ stage(row[timeframe])[1] }}</i><span>{{ stage(row[timeframe])[0] }}</span>
              </button>
              <span v-else class="soft">loading</span>
            </td>
          </tr>
        </tbody>
      </table>
    </div>
    <div v-else-if="rows && state === 'paused'" class="empty">
      <h2>Nothing is watched while it is paused</h2>
      <p>Go on with <code>livermore resume</code>: what was missed is repaired.</p>
    </div>
    <div v-else-if="rows" class="empty">
      <h2>No symbol is watched yet</h2>
      <p>Start with <code>livermore up --symbol BTC-USD</code> in a new folder, or with
        <code>livermore up --demo</code> to look around in an invented market.</p>
    </div>
    <div v-else class="empty"><p>Loading the table …</p></div>
  </section>
`;

export default {
  template,
  props: { timeframes: Array },
  emits: ["choose"],
  data: () => ({ rows: null, state: "", chosen: "", ...window.livermorePreferences.read(KEY, OTHERWISE) }),
  computed: {
    visible() {
      return this.timeframes.filter((timeframe) => !this.hidden.includes(timeframe));
    },
    columns() {
      return [
        ["symbol", "Symbol", "name"], ["price", "Price", "number"], ["change", "24 h", "number"], ["age", "Candle", "number"],
        ...this.visible.map((timeframe) => [timeframe, timeframe, ""]),
      ];
    },
    shown() {
      const words = this.filter.toLowerCase().split(/\s+/).filter(Boolean);
      const found = this.rows.filter((row) => words.every((word) => row.key.toLowerCase().includes(word)));
      if (!this.columns.some(([column]) => column === this.sort)) return found;
      const way = this.down ? -1 : 1;
      return found.sort((one, other) => way * this.compare(one, other));
    },
    several() {
      return new Set(this.rows.map((row) => row.exchange)).size > 1;
    },
  },
  methods: {
    show(board) {
      this.rows = board.rows;
      this.state = board.bar.state;
    },
    change(news) {
      this.state = news.bar?.state ?? this.state;
      if (news.rows) this.rows = news.rows;
      for (const [place, fields] of news.cells ?? []) Object.assign(this.rows[place], fields);
    },
    select([exchange, symbol, timeframe]) {
      this.chosen = `${exchange}:${symbol}:${timeframe}`;
    },
    // First the way in which one looks at such a column, then the other, then as the watchlist has it.
    order(column) {
      const first = column !== "symbol";
      if (this.sort !== column) Object.assign(this, { sort: column, down: first });
      else if (this.down === first) this.down = !first;
      else Object.assign(this, { sort: "", down: false });
      this.keep();
    },
    orderOf(column) {
      return this.sort !== column ? "none" : this.down ? "descending" : "ascending";
    },
    compare(one, other) {
      if (this.sort === "symbol") return one.symbol.localeCompare(other.symbol) || one.key.localeCompare(other.key);
      if (this.sort === "age") return ageOf(one.age) - ageOf(other.age);
      const value = (row) => (Array.isArray(row[this.sort]) ? row[this.sort][0] : row[this.sort]);
      const [left, right] = [numberOf(value(one)), numberOf(value(other))];
      return left === right ? 0 : left - right;
    },
    toggle(timeframe) {
      this.hidden = this.hidden.includes(timeframe)
        ? this.hidden.filter((one) => one !== timeframe)
        : [...this.hidden, timeframe];
      this.keep();
    },
    keep() {
      const { sort, down, filter, hidden } = this;
      window.livermorePreferences.write(KEY, { sort, down, filter, hidden });
    },
    stage(cell) {
      return STAGES[cell[1]];
    },
    hint(row, timeframe) {
      const doubt = row[timeframe][2] ? " (thin or incomplete: low confidence)" : "";
      return `${row.symbol} ${timeframe}: MACD-V ${row[timeframe][0]}, ${this.stage(row[timeframe])[0]}${doubt}`;
    },
  },
};
