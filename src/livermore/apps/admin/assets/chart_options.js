// How the chart looks: ECharts' options, with the colours of the page's theme.

const [TIME, OPEN, HIGH, LOW, CLOSE, VOLUME, MACDV, SIGNAL, HISTOGRAM, STAGE] = Array(10).keys();
const PART_OF = { ups: "marks", downs: "marks" };
const LEVELS = [-150, -50, 0, 50, 150];

const minus = (number) => String(number).replace("-", "−");

const colours = () => {
  const style = getComputedStyle(document.documentElement);
  const names = ["up", "down", "line", "text", "soft", "panel", "raised", "value", "signal", "faint"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
};

export const columnsOf = (bars, marks) => {
  const places = new Map(bars.map((bar, place) => [bar[TIME], place]));
  const on = (isUp) =>
    marks
      .filter((mark) => mark.up === isUp && !mark.withdrawn && places.has(mark.time))
      .map((mark) => [places.get(mark.time), bars[places.get(mark.time)][isUp ? LOW : HIGH]]);
  return {
    times: bars.map((bar) => bar[TIME]),
    candles: bars.map((bar) => [bar[OPEN], bar[CLOSE], bar[LOW], bar[HIGH]]),
    isUp: bars.map((bar) => bar[CLOSE] >= bar[OPEN]),
    isRunning: bars.at(-1)?.[STAGE] === "running",
    volumes: bars.map((bar) => bar[VOLUME]),
    macdv: bars.map((bar) => bar[MACDV]),
    signal: bars.map((bar) => bar[SIGNAL]),
    histogram: bars.map((bar) => bar[HISTOGRAM]),
    ups: on(true),
    downs: on(false),
  };
};

const running = (look, paint) => {
  const values = look.data.candles.slice();
  if (look.data.isRunning) {
    const at = values.length - 1;
    values[at] = { value: values[at], itemStyle: { color: paint.panel, color0: paint.panel } };
  }
  return values;
};

const coloured = (values, isUp, paint, opacity) =>
  values.map((value, place) => ({ value, itemStyle: { color: isUp(place) ? paint.up : paint.down, opacity } }));

const triangle = (data, paint, isUp) => ({
  id: isUp ? "ups" : "downs", type: "scatter", data, symbol: "triangle", symbolSize: [11, 9], silent: true,
  symbolRotate: isUp ? 0 : 180, symbolOffset: [0, isUp ? 11 : -11], z: 5,
  itemStyle: { color: isUp ? paint.up : paint.down, borderColor: paint.panel, borderWidth: 1 },
});

const levels = (paint) => ({
  silent: true, symbol: "none", animation: false,
  label: { position: "insideStartTop", color: paint.soft, fontSize: 10, formatter: ({ value }) => minus(value || "") },
  data: LEVELS.map((yAxis) => ({
    yAxis,
    lineStyle: {
      color: Math.abs(yAxis) === 150 ? paint.soft : paint.faint, width: 1, type: yAxis ? "dashed" : "solid",
      opacity: Math.abs(yAxis) === 150 ? 0.75 : 1,
    },
  })),
});

// A part that its user hides keeps its place among the series, without data.
const seriesOf = (look, paint = colours()) =>
  everySeries(look, paint).map((one) => (look.hidden.includes(PART_OF[one.id] ?? one.id) ? { ...one, data: [] } : one));

const everySeries = (look, paint) => {
  const { data } = look;
  const line = { type: "line", xAxisIndex: 1, yAxisIndex: 2, showSymbol: false, silent: true, animation: false };
  return [
    {
      id: "candles", type: "candlestick", data: running(look, paint), animation: false, barMaxWidth: 14,
      itemStyle: { color: paint.up, color0: paint.down, borderColor: paint.up, borderColor0: paint.down },
    },
    {
      id: "volume", type: "bar", yAxisIndex: 1, silent: true, animation: false, barMaxWidth: 14,
      data: coloured(data.volumes, (place) => data.isUp[place], paint, 0.22),
    },
    triangle(data.ups, paint, true),
    triangle(data.downs, paint, false),
    {
      id: "histogram", type: "bar", xAxisIndex: 1, yAxisIndex: 2, silent: true, animation: false, barMaxWidth: 14,
      data: coloured(data.histogram, (place) => data.histogram[place] >= 0, paint, 0.55),
    },
    { ...line, id: "macdv", data: data.macdv, lineStyle: { color: paint.value, width: 1.8 }, markLine: levels(paint) },
    { ...line, id: "signal", data: data.signal, lineStyle: { color: paint.signal, width: 1.4, type: [5, 3] } },
  ];
};

const timeAxis = (look, paint, gridIndex) => ({
  type: "category", gridIndex, data: look.data.times, boundaryGap: true,
  axisLine: { lineStyle: { color: paint.line } }, axisTick: { show: false }, splitLine: { show: false },
  axisLabel: {
    show: gridIndex === 1, color: paint.soft, fontSize: 11, interval: (place) => look.isLabelled(place), formatter: (ms) => look.label(Number(ms)),
  },
  axisPointer: {
    label: {
      show: gridIndex === 1, backgroundColor: paint.raised, color: paint.text, fontSize: 11,
      formatter: ({ value }) => look.label(Number(value)),
    },
  },
});

const valueAxis = (paint, gridIndex, formatter) => ({
  type: "value", gridIndex, scale: true, position: "right", axisLine: { show: false }, axisTick: { show: false },
  splitLine: { lineStyle: { color: paint.faint } }, splitNumber: gridIndex ? 3 : 5,
  axisLabel: { color: paint.soft, fontSize: 11, formatter, showMinLabel: false, showMaxLabel: false },
  axisPointer: {
    label: {
      backgroundColor: paint.raised, color: paint.text, fontSize: 11, formatter: ({ value }) => formatter(value),
    },
  },
});

const grids = (height) => {
  const slider = 26;
  const labels = 24;
  const free = height - slider - labels - 8 - 26;
  const upper = Math.round(free * 0.62);
  const sides = { left: 12, right: 72, outerBoundsMode: "none" };
  return [
    { ...sides, top: 8, height: upper },
    { ...sides, top: 8 + upper + 26, height: free - upper },
  ];
};

const rangeOf = ({ range }) => ({ startValue: range.start, endValue: range.end });

export const changesOf = (look) => ({
  xAxis: [{ data: look.data.times }, { data: look.data.times }],
  dataZoom: [rangeOf(look), rangeOf(look)],
  series: seriesOf(look),
});

export const optionsOf = (look) => {
  const paint = colours();
  const price = (value) =>
    value.toLocaleString("en-US", { minimumFractionDigits: look.decimals, maximumFractionDigits: look.decimals });
  return {
    animation: false,
    textStyle: { fontFamily: "Roboto, system-ui, sans-serif" },
    grid: grids(look.height),
    axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: paint.soft, type: "dashed" } },
    tooltip: {
      trigger: "axis", showContent: false,
      axisPointer: { type: "cross", crossStyle: { color: paint.soft }, lineStyle: { color: paint.soft } },
    },
    xAxis: [timeAxis(look, paint, 0), timeAxis(look, paint, 1)],
    yAxis: [
      valueAxis(paint, 0, price),
      { type: "value", gridIndex: 0, show: false, max: ({ max }) => max * 5, axisPointer: { show: false } },
      {
        ...valueAxis(paint, 1, (value) => minus(value.toFixed(0))),
        min: ({ min }) => Math.min(-165, Math.floor(min / 10) * 10), max: ({ max }) => Math.max(165, Math.ceil(max / 10) * 10),
        splitLine: { show: false },
      },
    ],
    dataZoom: [
      { type: "inside", xAxisIndex: [0, 1], minValueSpan: 20, ...rangeOf(look) },
      {
        type: "slider", xAxisIndex: [0, 1], minValueSpan: 20, ...rangeOf(look), bottom: 4, height: 20, left: 12, right: 72,
        borderColor: "transparent", backgroundColor: paint.faint, fillerColor: paint.line, showDetail: false,
        brushSelect: false, dataBackground: { lineStyle: { opacity: 0 }, areaStyle: { opacity: 0 } },
        selectedDataBackground: { lineStyle: { opacity: 0 }, areaStyle: { opacity: 0 } },
        handleStyle: { color: paint.raised, borderColor: paint.soft }, moveHandleSize: 0,
      },
    ],
    series: seriesOf(look, paint),
  };
};
