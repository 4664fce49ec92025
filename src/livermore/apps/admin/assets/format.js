// How times and stages are written in the browser's own zone and language.

const pad = (number) => String(number).padStart(2, "0");

const clockOf = (date) => `${pad(date.getHours())}:${pad(date.getMinutes())}`;

const dayFormat = new Intl.DateTimeFormat(undefined, { day: "2-digit", month: "short" });

export const clock = (ms) => clockOf(new Date(ms));

export const day = (ms) => dayFormat.format(new Date(ms));

export const exact = (ms) => {
  const date = new Date(ms);
  return `${clockOf(date)}:${pad(date.getSeconds())}`;
};

export const moment = (ms) => `${day(ms)} ${clock(ms)}`;

export const ago = (ms) => {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
};

// Of the API's times (RFC 3339) by the clock of this machine.
export const since = (time) => (time ? ago(Date.now() - Date.parse(time)) : "never");

const LENGTHS = { m: 60000, h: 3600000, d: 86400000 };

export const lengthOf = (timeframe) => parseInt(timeframe) * LENGTHS[timeframe.slice(-1)];

// The arrow says with its direction what the colour says with its hue.
export const STAGES = {
  overbought: ["overbought", "▲▲"],
  rallying: ["rallying", "▲"],
  rebounding: ["rebounding", "△"],
  ranging: ["ranging", "•"],
  retracing: ["retracing", "▽"],
  reversing: ["reversing", "▼"],
  oversold: ["oversold", "▼▼"],
  warming_up: ["warming up", "…"],
};

// The letter says what the colour says.
export const FRESHNESS = {
  fresh: ["F", "fresh"],
  waiting: ["W", "waiting for its next bucket"],
  late: ["L", "late: the next bucket is overdue"],
  hole: ["H", "hole: buckets are missing"],
  repaired: ["R", "repaired within a day"],
  loading: ["…", "loading its history"],
};
