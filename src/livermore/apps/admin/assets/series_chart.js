// Candles over MACD-V of one series: one zoom, one crosshair, bars that arrive while one looks.

import { echarts } from "nicegui-echart";
import { STAGES, clock, day, lengthOf, moment } from "/assets/format.js";
import { columnsOf, optionsOf, seriesOf } from "/assets/chart_options.js";

const [TIME, OPEN, HIGH, LOW, CLOSE, VOLUME, MACDV, SIGNAL, HISTOGRAM, STAGE] = Array(10).keys();
const STEPS = [1, 2, 3, 5, 6, 10, 12, 15, 20, 30, 60, 120, 240, 480, 1440];
const LABEL_WIDTH = 84;
const VISIBLE = { wide: 160, narrow: 60 };

const template = `
  <section class="panel chart" data-test="chart">
    <div class="title">
      <h2>{{ title }}</h2>
      <span class="legend" data-test="legend" v-if="bar">
        <time>{{ when }}</time>
        <span v-for="[name, value] in prices" :key="name"><i>{{ name }}</i>{{ value }}</span>
      </span>
      <span class="space"></span>
      <button v-if="!isAtEnd" class="quiet" type="button" @click="toEnd">Newest bar →</button>
    </div>
    <div class="canvas" ref="canvas" :data-bars="count" :data-last="last"></div>
    <div class="legend lower" v-if="bar && !note" :style="{ top: lower + 'px' }">
      <b>MACD-V</b>
      <span v-if="bar[9] !== 'running'"><i>V</i>{{ number(bar[6]) }}</span>
      <span v-if="bar[9] !== 'running'"><i>signal</i>{{ number(bar[7]) }}</span>
      <span v-if="bar[9] !== 'running'"><i>histogram</i>{{ number(bar[8]) }}</span>
      <span :data-stage="bar[9]" class="stage">{{ stageName }}</span>
    </div>
    <div v-if="note" class="cover"><p>{{ note.text }}</p><p v-if="note.hint" class="soft">{{ note.hint }}</p></div>
  </section>
`;

export default {
  template,
  emits: ["choose"],
  data: () => ({
    title: "Chart", note: { text: "Loading the chart …" }, bar: null, decimals: 2, count: 0, last: 0, lower: 0,
    isAtEnd: true,
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
    this.bars = [];
    this.marks = [];
    this.redraw = () => this.plot && this.draw(true);
    window.addEventListener("livermore-theme", this.redraw);
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.$refs.canvas);
    this.hovered = null;
    this.$emit("choose", this.fromAddress());
  },
  beforeUnmount() {
    window.removeEventListener("livermore-theme", this.redraw);
    this.sizes.disconnect();
    this.plot?.dispose();
  },
  methods: {
    show(chart) {
      Object.assign(this, { bars: chart.bars, forming: chart.forming, marks: chart.marks, decimals: chart.decimals });
      this.series = [chart.exchange, chart.symbol, chart.timeframe];
      this.length = lengthOf(chart.timeframe);
      this.title = `${chart.symbol} · ${chart.timeframe}`;
      this.note = this.bars.length ? null : { text: "This series has no closed bar yet." };
      this.hovered = null;
      history.replaceState(null, "", `#${this.series.map(encodeURIComponent).join("/")}`);
      this.draw(true);
      this.look(chart.focus);
    },
    fail(note) {
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
      for (const bar of news.bars) this.put(bar);
      this.forming = news.forming;
      this.draw(false);
      if (this.isAtEnd && this.bars.at(-1)[TIME] > newest) this.shift((this.bars.at(-1)[TIME] - newest) / this.length);
    },
    mark(mark) {
      if (!this.marks.some((one) => one.id === mark.id)) this.marks.push(mark);
      this.draw(false);
    },
    put(bar) {
      const place = this.bars.findLastIndex((one) => one[TIME] <= bar[TIME]);
      if (place >= 0 && this.bars[place][TIME] === bar[TIME]) this.bars[place] = bar;
      else if (place === this.bars.length - 1) this.bars.push(bar);
    },
    all() {
      if (!this.forming || this.forming[TIME] <= (this.bars.at(-1)?.[TIME] ?? 0)) return this.bars;
      return [...this.bars, [...this.forming.slice(0, STAGE), "running"]];
    },
    draw(isNew) {
      this.start();
      this.shown = this.all();
      this.count = this.bars.length;
      this.last = this.bars.at(-1)?.[TIME] ?? 0;
      const data = columnsOf(this.shown, this.marks);
      const look = {
        data, decimals: this.decimals, label: this.label, isLabelled: this.isLabelled,
        height: this.$refs.canvas.clientHeight,
      };
      if (isNew) {
        const window = this.window();
        this.plot.setOption(optionsOf(look), { notMerge: true });
        this.zoom(window.start, window.end);
        this.lower = this.$refs.canvas.offsetTop + optionsOf(look).grid[1].top - 20;
      } else {
        this.plot.setOption({ xAxis: [{ data: data.times }, { data: data.times }], series: seriesOf(look) });
      }
      this.read();
    },
    start() {
      if (this.plot) return;
      this.plot = echarts.init(this.$refs.canvas, null, { renderer: "canvas" });
      this.plot.on("updateAxisPointer", (event) => this.hover(event.axesInfo[0]?.value));
      this.plot.on("datazoom", () => (this.isAtEnd = this.window().end >= this.shown.length - 1));
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
    window() {
      const zoom = this.plot?.getOption()?.dataZoom?.[0];
      return { start: zoom?.startValue ?? 0, end: zoom?.endValue ?? (this.shown?.length ?? 1) - 1 };
    },
    look(focus) {
      const wide = this.$refs.canvas.clientWidth > 640 ? VISIBLE.wide : VISIBLE.narrow;
      const place = focus == null ? -1 : this.shown.findIndex((bar) => bar[TIME] === focus);
      const end = place < 0 ? this.shown.length - 1 : Math.min(this.shown.length - 1, place + Math.round(wide / 3));
      this.zoom(Math.max(0, end - wide), end);
      if (place >= 0) {
        this.hovered = focus;
        this.plot.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: place });
      }
    },
    zoom(start, end) {
      this.plot.dispatchAction({ type: "dataZoom", startValue: start, endValue: end });
      this.isAtEnd = end >= this.shown.length - 1;
    },
    shift(bars) {
      const { start, end } = this.window();
      this.zoom(start + bars, Math.max(end + bars, this.shown.length - 1));
    },
    toEnd() {
      const { start, end } = this.window();
      this.zoom(this.shown.length - 1 - (end - start), this.shown.length - 1);
    },
    label(ms) {
      if (this.length >= 86400000) return day(ms);
      const isMidnight = new Date(ms).getHours() === 0 && new Date(ms).getMinutes() === 0;
      return isMidnight ? day(ms) : this.length >= 14400000 ? moment(ms) : clock(ms);
    },
    isLabelled(place) {
      const { start, end } = this.window();
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
