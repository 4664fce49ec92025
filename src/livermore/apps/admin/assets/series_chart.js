// Candles over MACD-V of one series: one zoom, one crosshair, bars that arrive while one looks.

import { echarts } from "nicegui-echart";
import { STAGES, clock, day, lengthOf, moment } from "/assets/format.js";
import { changesOf, columnsOf, optionsOf } from "/assets/chart_options.js";

const [TIME, OPEN, HIGH, LOW, CLOSE, VOLUME, MACDV, SIGNAL, HISTOGRAM, STAGE] = Array(10).keys();
const STEPS = [1, 2, 3, 5, 6, 10, 12, 15, 20, 30, 60, 120, 240, 480, 1440];
const LABEL_WIDTH = 84;
const MOST = 6000;
const VISIBLE = { wide: 160, narrow: 60 };
const KEY = "market.chart";
const OTHERWISE = { series: [], hidden: [] };
const PARTS = [["volume", "Volume"], ["marks", "Signals"], ["signal", "Signal line"], ["histogram", "Histogram"]];

const template = `
  <section class="panel chart" data-test="chart">
    <div class="title">
      <h2>{{ title }}</h2>
      <span class="legend" data-test="legend" v-if="bar">
        <time>{{ when }}</time>
        <span v-for="[name, value] in prices" :key="name"><i>{{ name }}</i>{{ value }}</span>
      </span>
      <span class="space"></span>
      <details data-test="parts">
        <summary>Shown</summary>
        <label v-for="[part, name] in parts" :key="part">
          <input type="checkbox" :checked="!hidden.includes(part)" @change="toggle(part)">{{ name }}
        </label>
      </details>
      <button v-if="!isAtEnd" class="quiet" type="button" @click="toEnd">Newest bar →</button>
    </div>
    <div class="stack">
      <div class="canvas" ref="canvas" :data-bars="count" :data-last="last"></div>
      <div class="legend lower" v-if="bar && !note" :style="{ top: lower + 'px' }">
        <b>MACD-V</b>
        <template v-if="bar[9] !== 'running'">
          <span><i>V</i>{{ number(bar[6]) }}</span><span><i>signal</i>{{ number(bar[7]) }}</span>
          <span><i>histogram</i>{{ number(bar[8]) }}</span>
        </template>
        <span :data-stage="bar[9]" class="stage">{{ stageName }}</span>
      </div>
    </div>
    <div v-if="note" class="cover"><p>{{ note.text }}</p><p v-if="note.hint" class="soft">{{ note.hint }}</p></div>
  </section>
`;

export default {
  template,
  emits: ["choose"],
  data: () => ({
    title: "Chart", note: { text: "Loading the chart …" }, bar: null, decimals: 2, count: 0, last: 0, lower: 0,
    isAtEnd: true, hidden: window.livermorePreferences.read(KEY, OTHERWISE).hidden, parts: PARTS,
  }),
  computed: {
    when() {
      return moment(this.bar[TIME]);
    },
    prices() {
      const price = (value) => value.toLocaleString("en-US", this.digits);
      const volume = this.bar[VOLUME].toLocaleString("en-US", { maximumFractionDigits: 2 });
      return [["O", OPEN], ["H", HIGH], ["L", LOW], ["C", CLOSE]]
        .map(([name, column]) => [name, price(this.bar[column])])
        .concat([["Vol", volume]]);
    },
    digits() {
      return { minimumFractionDigits: this.decimals, maximumFractionDigits: this.decimals };
    },
    stageName() {
      return this.bar[STAGE] === "running" ? "running bar" : `${STAGES[this.bar[STAGE]][1]} ${STAGES[this.bar[STAGE]][0]}`;
    },
  },
  mounted() {
    Object.assign(this, { bars: [], marks: [], shown: [], range: { start: 0, end: 0 } });
    this.redraw = () => this.plot && this.draw(true);
    window.addEventListener("livermore-theme", this.redraw);
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.$refs.canvas);
    this.hovered = null;
    const { series } = window.livermorePreferences.read(KEY, OTHERWISE);
    const address = this.fromAddress();
    this.wish = address.length ? "address" : series.length === 3 ? "remembered" : "none";
    this.$emit("choose", address.length ? address : this.wish === "remembered" ? series : []);
  },
  beforeUnmount() {
    window.removeEventListener("livermore-theme", this.redraw);
    this.sizes.disconnect();
    this.plot?.dispose();
  },
  methods: {
    show(chart) {
      Object.assign(this, { bars: chart.bars, forming: chart.forming, marks: chart.marks, decimals: chart.decimals });
      const before = String(this.series);
      this.series = [chart.exchange, chart.symbol, chart.timeframe];
      this.length = lengthOf(chart.timeframe);
      this.title = `${chart.symbol} · ${chart.timeframe}`;
      this.note = this.bars.length ? null : { text: "This series has no closed bar yet." };
      this.hovered = null;
      if (this.wish !== "none" && String(this.series) !== before) this.keep();
      this.wish = "chosen";
      history.replaceState(null, "", `#${this.series.map(encodeURIComponent).join("/")}`);
      if (!this.goOn()) this.look(chart.focus);
      this.draw(true);
      this.point(chart.focus);
    },
    // Bars that are shown were corrected: they are read again, and the view stays where it is.
    renew(revised) {
      if (!this.series || !this.bars.length) return;
      const [first, newest] = [this.bars[0][TIME], this.bars.at(-1)[TIME]];
      if (!revised.some(({ from, to }) => to > first && from <= newest)) return;
      const { start, end } = this.range;
      const times = [start, end].map((place) => this.shown[place]?.[TIME]);
      this.kept = { series: String(this.series), times, isAtEnd: this.isAtEnd };
      this.$emit("choose", this.series);
    },
    goOn() {
      const kept = this.kept;
      this.kept = null;
      if (kept?.series !== String(this.series)) return false;
      const bars = this.all();
      const width = bars.findIndex((bar) => bar[TIME] === kept.times[1]) - bars.findIndex((bar) => bar[TIME] === kept.times[0]);
      const place = kept.isAtEnd ? bars.length - 1 : bars.findIndex((bar) => bar[TIME] === kept.times[1]);
      if (place < 0 || !(width > 0)) return false;
      this.range = { start: Math.max(0, place - width), end: place };
      this.isAtEnd = place >= bars.length - 1;
      return true;
    },
    fail(note) {
      if (this.wish === "remembered") {
        // What was chosen then is not watched any more, or is loaded later.
        this.wish = "none";
        this.$emit("choose", []);
        return;
      }
      this.note = note;
      this.bars = [];
      this.series = null;
    },
    wait(text) {
      this.note = { text };
      setTimeout(() => this.series ?? this.$emit("choose", []), 1000);
    },
    move(news) {
      if (!this.series || !this.bars.length || !news.bars.length) return;
      const newest = this.bars.at(-1)[TIME];
      if (news.bars[0][TIME] > newest + this.length) {
        this.$emit("choose", this.series);
        return;
      }
      const before = this.shown.length;
      for (const bar of news.bars) this.put(bar);
      this.forming = news.forming;
      if (this.isAtEnd) this.shift(this.all().length - before);
      if (this.bars.length > MOST) this.shift(-this.bars.splice(0, MOST / 10).length);
      this.draw(false);
    },
    mark(marks) {
      const known = new Set(this.marks.map((one) => one.id));
      this.marks.push(...marks.filter((one) => !known.has(one.id)));
      if (this.bars.length) this.draw(false);
    },
    put(bar) {
      const place = this.bars.findLastIndex((one) => one[TIME] <= bar[TIME]);
      if (place >= 0 && this.bars[place][TIME] === bar[TIME]) this.bars[place] = bar;
      else if (place === this.bars.length - 1) this.bars.push(bar);
    },
    all() {
      if (!this.forming || this.forming[TIME] <= (this.bars.at(-1)?.[TIME] ?? 0)) return [...this.bars];
      return [...this.bars, [...this.forming.slice(0, STAGE), "running"]];
    },
    draw(isNew) {
      this.start();
      this.shown = this.all();
      this.count = this.bars.length;
      this.last = this.bars.at(-1)?.[TIME] ?? 0;
      const look = {
        data: columnsOf(this.shown, this.marks), range: this.range, decimals: this.decimals, label: this.label,
        isLabelled: this.isLabelled, height: this.$refs.canvas.clientHeight, hidden: this.hidden,
      };
      const options = isNew ? optionsOf(look) : changesOf(look);
      this.plot.setOption(options, { notMerge: isNew });
      if (isNew) this.lower = options.grid[1].top - 20;
      this.read();
    },
    start() {
      if (this.plot) return;
      this.plot = echarts.init(this.$refs.canvas, null, { renderer: "canvas" });
      this.plot.on("updateAxisPointer", (event) => this.hover(event.axesInfo[0]?.value));
      this.plot.on("datazoom", (event) => this.zoomed(event.batch?.[0] ?? event));
      this.plot.getZr().on("globalout", () => this.hover(null));
    },
    resize() {
      if (!this.plot) return;
      this.plot.resize();
      this.draw(true);
    },
    hover(place) {
      this.hovered = this.shown[place]?.[TIME] ?? null;
      this.read();
    },
    read() {
      this.bar = this.shown.find((bar) => bar[TIME] === this.hovered) ?? this.shown.at(-1) ?? null;
    },
    // The range is ours, in bars: ECharts would keep percents, and the view would drift with every bar that arrives.
    zoomed({ start, end }) {
      const last = this.shown.length - 1;
      this.range = { start: Math.round((start * last) / 100), end: Math.round((end * last) / 100) };
      this.isAtEnd = this.range.end >= last;
    },
    look(focus) {
      const wide = this.$refs.canvas.clientWidth > 640 ? VISIBLE.wide : VISIBLE.narrow;
      const bars = this.all();
      const place = focus == null ? -1 : bars.findIndex((bar) => bar[TIME] === focus);
      const end = place < 0 ? bars.length - 1 : Math.min(bars.length - 1, place + Math.round(wide / 3));
      this.range = { start: Math.max(0, end - wide), end };
      this.isAtEnd = end >= bars.length - 1;
    },
    point(focus) {
      const place = this.shown.findIndex((bar) => bar[TIME] === focus);
      if (place >= 0) this.plot.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: place });
    },
    shift(bars) {
      this.range = { start: Math.max(0, this.range.start + bars), end: Math.max(1, this.range.end + bars) };
    },
    toggle(part) {
      this.hidden = this.hidden.includes(part) ? this.hidden.filter((one) => one !== part) : [...this.hidden, part];
      this.keep();
      if (this.plot) this.draw(true);
    },
    keep() {
      const { series } = window.livermorePreferences.read(KEY, OTHERWISE);
      window.livermorePreferences.write(KEY, { series: this.series ?? series, hidden: this.hidden });
    },
    toEnd() {
      this.shift(this.shown.length - 1 - this.range.end);
      this.isAtEnd = true;
      this.draw(false);
    },
    label(ms) {
      if (this.length >= 86400000) return day(ms);
      const isMidnight = new Date(ms).getHours() === 0 && new Date(ms).getMinutes() === 0;
      return isMidnight ? day(ms) : this.length >= 14400000 ? moment(ms) : clock(ms);
    },
    isLabelled(place) {
      const { start, end } = this.range;
      const fewest = ((end - start) * LABEL_WIDTH) / this.$refs.canvas.clientWidth;
      const step = STEPS.find((bars) => bars >= fewest) ?? STEPS.at(-1);
      return Math.round(this.shown[place][TIME] / this.length) % step === 0;
    },
    number(value) {
      return value == null ? "–" : value.toFixed(1).replace("-", "−");
    },
    fromAddress() {
      const parts = location.hash.slice(1).split("/").map(decodeURIComponent);
      return parts.length === 3 ? parts : [];
    },
  },
};
