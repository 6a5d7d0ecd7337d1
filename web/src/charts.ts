// The interactive forms of the drawings. Tooltips are drawn as text into the picture, never as HTML.

import { BarChart, BoxplotChart, CustomChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { type EChartsCoreOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { FigureData, PageData } from "./data";

use([BarChart, BoxplotChart, CustomChart, ScatterChart, GridComponent, LegendComponent, TooltipComponent, SVGRenderer]);

type Cell = string | number | boolean | null;
type Row = Record<string, Cell>;

const TEXT = { fontFamily: "system-ui, 'Segoe UI', 'Liberation Sans', Arial, sans-serif", color: "#1a1a1a" };

export function interactive(home: HTMLElement, data: FigureData, page: PageData): () => SVGSVGElement | null {
  const rows = data.rows.map((r) => Object.fromEntries(data.columns.map((c, i) => [c, r[i]])) as Row);
  const makers: Record<string, (rows: Row[], data: FigureData, page: PageData) => Made> = { boxes, intervals, stacks };
  const made = makers[data.chart]?.(rows, data, page);
  if (!made) return () => null;
  const chart = init(home, null, { renderer: "svg", width: 860, height: made.height });
  chart.setOption({ animation: false, textStyle: TEXT, ...made.option });
  return () => home.querySelector("svg");
}

interface Made {
  height: number;
  option: EChartsCoreOption;
}

const digits = (v: Cell): string => (typeof v === "number" ? Number(v.toPrecision(4)).toLocaleString("en") : "–");

/** Names go through unchanged, cut only in the axis; no markup is read in them. */
const cut = (name: string): string => (name.length > 28 ? `${name.slice(0, 27)}…` : name);

const axisStyle = { axisLabel: { color: "#595959" }, nameLocation: "middle", nameGap: 28, nameTextStyle: TEXT };
const tooltip = { renderMode: "richText", confine: true, backgroundColor: "#ffffff", borderColor: "#595959", textStyle: TEXT };

function names(values: string[]): object {
  return { type: "category", inverse: true, data: values, axisLabel: { color: "#1a1a1a", formatter: cut }, axisTick: { show: false } };
}

function frame(n: number, each: number, top = 16): { height: number; grid: object } {
  const height = top + 60 + each * n;
  return { height, grid: { left: 200, right: 30, top, bottom: 52 } };
}

function boxes(rows: Row[], data: FigureData): Made {
  const { height, grid } = frame(rows.length, 26);
  const five = ["p5", "p25", "p50", "p75", "p95"];
  const limits = rows.flatMap((r, i) => [r.limit_low, r.limit_high].filter((v) => v !== null).map((v) => [v, i]));
  return {
    height,
    option: {
      grid,
      tooltip: {
        ...tooltip,
        formatter: (p: { dataIndex: number; seriesIndex: number; value: number[] }) => {
          if (p.seriesIndex === 1) return `limit ${digits(p.value[0])}`;
          const r = rows[p.dataIndex];
          return [`${r.sample} (n = ${digits(r.n_cells)} cells)`, ...five.map((q) => `${q.slice(1)} %: ${digits(r[q])}`)].join("\n");
        },
      },
      xAxis: { type: data.options.log ? "log" : "value", name: data.options.axis, scale: true, ...axisStyle },
      yAxis: names(rows.map((r) => String(r.sample))),
      series: [
        { type: "boxplot", data: rows.map((r) => five.map((q) => r[q] ?? "-")), itemStyle: { color: "#9CC7E3", borderColor: "#1a1a1a" } },
        { type: "scatter", data: limits, symbol: "rect", symbolSize: [3, 20], itemStyle: { color: "#A63C00" } },
      ],
    },
  };
}

function intervals(rows: Row[], data: FigureData, page: PageData): Made {
  const { height, grid } = frame(rows.length, 24);
  const end = (r: Row, which: "low" | "high"): number | null => {
    if (typeof r[`bcv_${which}`] === "number") return r[`bcv_${which}`] as number;
    const v = r[`hi2_${which}`];
    return typeof v === "number" ? 100 * Math.sqrt(Math.max(v, 0)) : null;
  };
  const words = (r: Row): string => (r.level === undefined || r.level === null ? String(r.group) : `${r.level}: ${r.group}`);
  const named = (r: Row): string => (r.bcv_percent === null ? `${words(r)}, not estimable` : words(r));
  const blue = page.palette.classes[0];
  const bar = (_: unknown, api: { value: (i: number) => number; coord: (p: number[]) => number[] }) => {
    const [a, y] = api.coord([api.value(0), api.value(2)]);
    const [b] = api.coord([api.value(1), api.value(2)]);
    return { type: "line", shape: { x1: a, y1: y, x2: b, y2: y }, style: { stroke: blue, lineWidth: 2.5 } };
  };
  const spans = rows.map((r, i) => [end(r, "low"), end(r, "high"), i]).filter((s) => s[0] !== null && s[1] !== null);
  return {
    height,
    option: {
      grid,
      tooltip: {
        ...tooltip,
        formatter: (p: { seriesIndex: number; value: number[]; dataIndex: number }) => {
          const r = rows[p.seriesIndex === 0 ? p.value[2] : p.value[1]];
          return [
            words(r),
            `biological CV ${digits(r.bcv_percent)} %, 95 % interval ${digits(end(r, "low"))} to ${digits(end(r, "high"))}`,
            `over ${r.interval ?? "what the table says"}; n = ${digits(r.n_cells)} cells, ${digits(r.n_units)} units`,
            `coordinated HI ${digits(r.hi_c)}, ${digits(r.programmes)} programmes; ${r.status}`,
          ].join("\n");
        },
      },
      xAxis: { type: "value", min: 0, name: data.options.axis, ...axisStyle },
      yAxis: names(rows.map(named)),
      series: [
        { type: "custom", renderItem: bar, encode: { x: [0, 1], y: 2 }, data: spans },
        { type: "scatter", symbolSize: 10, itemStyle: { color: blue }, data: rows.map((r, i) => [r.bcv_percent ?? "-", i]) },
      ],
    },
  };
}

function stacks(rows: Row[], data: FigureData, page: PageData): Made {
  const samples = data.options.samples ?? [];
  const parts = data.options.parts ?? [];
  const { height, grid } = frame(samples.length, 30, 60);
  const at = new Map(rows.map((r) => [JSON.stringify([r.sample, r.cluster]), r]));
  const row = (s: string, c: string): Row | undefined => at.get(JSON.stringify([s, c]));
  return {
    height,
    option: {
      grid,
      legend: { type: "scroll", top: 4, data: parts, formatter: cut },
      tooltip: {
        ...tooltip,
        formatter: (p: { seriesIndex: number; dataIndex: number }) => {
          const r = row(samples[p.dataIndex], parts[p.seriesIndex]);
          const share = typeof r?.frac === "number" ? digits(100 * r.frac) : "0";
          return `${samples[p.dataIndex]}\ncluster ${parts[p.seriesIndex]}: ${share} %, ${digits(r?.n_cells ?? 0)} cells`;
        },
      },
      xAxis: { type: "value", max: 100, name: data.options.axis, ...axisStyle },
      yAxis: names(samples),
      series: parts.map((part, i) => ({
        type: "bar",
        stack: "all",
        name: part,
        barWidth: 22,
        itemStyle: { color: page.palette.classes[i % page.palette.classes.length], borderColor: "#fff" },
        data: samples.map((s) => 100 * Number(row(s, part)?.frac ?? 0)),
      })),
    },
  };
}
