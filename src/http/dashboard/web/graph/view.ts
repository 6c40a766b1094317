/** What part of a drawing is seen: moved by dragging and by going through its parts, made larger and smaller by buttons and by the wheel with Ctrl. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Place {
  readonly x: number;
  readonly y: number;
}

interface Look {
  readonly x: number;
  readonly y: number;
  /** Drawn units per pixel. */
  readonly scale: number;
}

export interface View {
  readonly frame: RefObject<SVGSVGElement>;
  readonly viewBox: string;
  /** Of the frame, in pixels: no more than the drawing needs. */
  readonly height: number;
  /** Moves so far that this place, and as much beside it, can be seen. */
  readonly show: (place: Place) => void;
  zoom(factor: number): void;
  fit(): void;
}

export const MAX_HEIGHT = 600;
const MIN_HEIGHT = 160;
const MIN_SCALE = 0.4;
const STEP = 1.25;
/** How much of the drawing is to be seen beside a place that is shown. */
const REACH = 180;
/** Smaller than this nobody can read a name. */
const LEGIBLE_SCALE = 1.2;

/**
 * `drawing`: the size of the whole; `focus`: a place in it that is to be seen where there is no room for all of it. A drawing that is drawn anew with
 * the same size keeps what is seen.
 */
export function useView(drawing: Size, focus: Place | undefined): View {
  const frame = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(700);
  const height = heightOf(drawing, width);
  const pixels = { width, height };
  const [look, setLook] = useState<Look | null>(null);
  const begun = useRef(focus);
  const seen = look ?? fitting(drawing, pixels, { most: LEGIBLE_SCALE, focus: begun.current });
  const latest = useRef(seen);
  latest.current = seen;
  const room = useRef(pixels);
  room.current = pixels;
  const show = useCallback((place: Place) => {
    const moved = reaching(latest.current, room.current, place);
    if (moved !== latest.current) setLook(moved);
  }, []);
  useEffect(() => {
    const svg = frame.current;
    if (!svg) return undefined;
    const observer = new ResizeObserver(() => setWidth(svg.clientWidth || 700));
    observer.observe(svg);
    const release = listen(svg, latest, setLook);
    return () => {
      observer.disconnect();
      release();
    };
  }, []);
  useEffect(() => {
    begun.current = focus;
    setLook(null);
  }, [drawing.width, drawing.height]);
  const { x, y, scale } = seen;
  return {
    frame,
    viewBox: `${x} ${y} ${width * scale} ${height * scale}`,
    height,
    show,
    zoom: (factor) => setLook(zoomed(seen, factor, { x: (width * scale) / 2, y: (height * scale) / 2 })),
    fit: () => setLook(fitting(drawing, pixels, { most: Infinity, focus: undefined })),
  };
}

function heightOf(drawing: Size, width: number): number {
  const scale = Math.min(Math.max(drawing.width / width, 1), LEGIBLE_SCALE);
  return Math.round(Math.min(Math.max(drawing.height / scale, MIN_HEIGHT), MAX_HEIGHT));
}

interface Fit {
  /** Drawn units per pixel, at most. */
  readonly most: number;
  readonly focus: Place | undefined;
}

/** The drawing in the middle, no larger than it is. Of one that would be smaller than `most` says, the part around its focus. */
function fitting(drawing: Size, pixels: Size, { most, focus }: Fit): Look {
  const exact = Math.max(drawing.width / pixels.width, drawing.height / pixels.height, 1);
  const scale = Math.min(exact, most);
  const x = beginning(drawing.width, pixels.width * scale, focus?.x);
  return { x, y: beginning(drawing.height, pixels.height * scale, focus?.y), scale };
}

/** Of what is seen along one side: its middle where all has room, else so that the focus stands in the first third. */
function beginning(length: number, room: number, focus = 0): number {
  if (room >= length) return (length - room) / 2;
  return Math.max(0, Math.min(focus - room / 3, length - room));
}

/** The same look where the place, with a margin, is in it already. */
function reaching(look: Look, { width, height }: Size, place: Place): Look {
  const { scale } = look;
  const x = along(look.x, width * scale, place.x);
  const y = along(look.y, height * scale, place.y);
  return x === look.x && y === look.y ? look : { x, y, scale };
}

function along(begin: number, room: number, place: number): number {
  const isIn = place >= begin && place + REACH <= begin + room;
  return isIn ? begin : place - room / 2 + REACH / 2;
}

function zoomed(look: Look, factor: number, at: { x: number; y: number }): Look {
  const scale = Math.max(MIN_SCALE, Math.min(look.scale * factor, 20));
  const real = scale / look.scale;
  return { x: look.x + at.x * (1 - real), y: look.y + at.y * (1 - real), scale };
}

function listen(
  svg: SVGSVGElement,
  seen: { readonly current: Look },
  move: (look: Look) => void,
): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  let last: { x: number; y: number } | null = null;
  svg.addEventListener(
    "wheel",
    (event) => {
      // Without Ctrl the wheel scrolls the page, as everywhere.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const at = { x: event.offsetX * seen.current.scale, y: event.offsetY * seen.current.scale };
      move(zoomed(seen.current, event.deltaY > 0 ? STEP : 1 / STEP, at));
    },
    { passive: false, signal },
  );
  svg.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button === 0) last = { x: event.clientX, y: event.clientY };
    },
    { signal },
  );
  window.addEventListener(
    "pointermove",
    (event) => {
      if (!last) return;
      const { x, y, scale } = seen.current;
      move({ x: x - (event.clientX - last.x) * scale, y: y - (event.clientY - last.y) * scale, scale });
      last = { x: event.clientX, y: event.clientY };
    },
    { signal },
  );
  window.addEventListener("pointerup", () => (last = null), { signal });
  window.addEventListener("pointercancel", () => (last = null), { signal });
  return () => stop.abort();
}
