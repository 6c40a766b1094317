/** Lines over time, by uPlot. What a picture says is also there as a table, for those who read. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { moment, timeTick } from "../format.ts";
import { look } from "../theme.ts";

export interface Series {
  readonly name: string;
  /** One of the page's colours, as `good`, `bad`, `busy`, `wait`. */
  readonly tone: string;
  /** `null`: nothing is known of that time. */
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  title: string;
  /** Milliseconds since 1970, rising. */
  times: readonly number[];
  series: readonly Series[];
  /** How a value is written. */
  unit: (value: number) => string;
  /** The least that the scale reaches up to. Default 1. */
  least?: number;
  /** There is nothing between two whole numbers. */
  whole?: boolean;
}

const HEIGHT = 170;
const AXIS_WIDTH = 64;
/** Of a time below it, with room beside it. */
const TIME_WIDTH = 72;
/** Steps of a scale of whole numbers: 1, 2, 5, 10, and so on. */
const WHOLE_STEPS = Array.from({ length: 10 }, (_, power) =>
  [1, 2, 5].map((step) => step * 10 ** power),
).flat();

export function Chart({ title, times, series, unit, least = 1, whole = false }: ChartProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data = [
    times.map((at) => at / 1_000),
    ...series.map(({ values }) => [...values]),
  ] as uPlot.AlignedData;
  const names = series.map(({ name }) => name).join();
  useEffect(() => {
    const element = place.current!;
    const made = new uPlot(optionsOf({ element, series, unit, least, whole }), data, element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
    // Colours are read when it is made.
  }, [names, look.value]);
  useEffect(() => plot.current?.setData(data), [times, series]);
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={place} aria-hidden="true" />
      <details>
        <summary>As a table</summary>
        <Values title={title} times={times} series={series} unit={unit} />
      </details>
    </figure>
  );
}

function Values({ title, times, series, unit }: ChartProps): JSX.Element {
  return (
    <div class="scroll short" role="group" aria-label={title} tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">From</th>
            {series.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {times.map((at, index) => (
            <tr key={at}>
              <td>{moment(at)}</td>
              {series.map(({ name, values }) => (
                <td key={name} class="number">
                  {values[index] === null || values[index] === undefined ? "–" : unit(values[index])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface OptionParts extends Pick<ChartProps, "series" | "unit"> {
  least: number;
  whole: boolean;
  element: HTMLElement;
}

function optionsOf({ element, series, unit, least, whole }: OptionParts): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const axis: uPlot.Axis = {
    stroke: colour("muted"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line"), width: 1 },
    font: "11px system-ui, sans-serif",
  };
  return {
    width: element.clientWidth || 400,
    height: HEIGHT,
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max ?? 0, least) * 1.1] } },
    axes: [
      { ...axis, space: TIME_WIDTH, values: (...given) => given[1].map((at) => timeTick(at, given[4])) },
      {
        ...axis,
        size: AXIS_WIDTH,
        values: (_plot, values) => values.map(unit),
        ...(whole ? { incrs: WHOLE_STEPS } : {}),
      },
    ],
    cursor: { points: { size: 6 } },
    series: [
      { value: (_plot, at) => (at === null ? "–" : moment(at * 1_000)) },
      ...series.map(({ name, tone }) => ({
        label: name,
        stroke: colour(tone),
        width: 2,
        // A value between two times of which nothing is known is no line.
        points: { show: true, size: 5, fill: colour(tone), filter: alone },
        value: (_plot: uPlot, value: number | null) => (value === null ? "–" : unit(value)),
      })),
    ],
  };
}

/** Places of values without a neighbour. */
const alone: uPlot.Series.Points.Filter = (plot, index) => {
  const values = plot.data[index] ?? [];
  const isThere = (at: number): boolean => values[at] !== null && values[at] !== undefined;
  return [...values.keys()].filter((at) => isThere(at) && !isThere(at - 1) && !isThere(at + 1));
};
