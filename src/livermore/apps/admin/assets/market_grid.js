// Symbols × timeframes: where MACD-V stands on each series.

import { STAGES } from "/assets/format.js";

const template = `
  <section class="panel grid" data-test="grid">
    <div v-if="rows && rows.length" class="scroller" tabindex="0" aria-label="Symbols and timeframes">
      <table>
        <thead>
          <tr>
            <th class="name">Symbol</th><th class="number">Price</th><th class="number">24 h</th>
            <th class="number">Candle</th><th v-for="timeframe in timeframes" :key="timeframe">{{ timeframe }}</th>
          </tr>
        </thead>
        <tbody>
          <tr v-for="row in rows" :key="row.key" :class="{ off: !row.enabled }">
            <th class="name" scope="row">{{ row.symbol }}<small v-if="several">{{ row.exchange }}</small></th>
            <td class="number">{{ row.price }}</td>
            <td class="number way" :data-way="row.way">{{ row.change }}</td>
            <td class="number soft">{{ row.age }}</td>
            <td v-for="timeframe in timeframes" :key="timeframe" class="cell">
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
  data: () => ({ rows: null, chosen: "" }),
  computed: {
    several() {
      return new Set(this.rows.map((row) => row.exchange)).size > 1;
    },
  },
  methods: {
    show(board) {
      this.rows = board.rows;
    },
    change(news) {
      if (news.rows) this.rows = news.rows;
      for (const [place, fields] of news.cells ?? []) Object.assign(this.rows[place], fields);
    },
    select([exchange, symbol, timeframe]) {
      this.chosen = `${exchange}:${symbol}:${timeframe}`;
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
