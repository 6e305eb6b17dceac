/** Helpers of things that stand on the ground: outlines in metres around the foot of the thing, shadows, plain faces. */
import { type Colour, NO_LABEL, type Ring } from './canvas.ts';
import { LAND, ROAD, WATER } from './classes.ts';
import type { Place, World } from './world.ts';

/** Something with a place: drawn after all shadows, the farthest first. */
export interface Thing {
  readonly place: Place;
  /** Outline in metres (right, up, ...) whose shadow falls on the ground. */
  readonly outline: Ring;
  draw(): void;
}

/** From metres (right, up) around the foot of a thing to pixels. */
export function placed(place: Place, metres: Ring): number[] {
  const pixels = new Array<number>(metres.length);
  for (let i = 0; i < metres.length; i += 2) {
    pixels[i] = place.x + metres[i]! * place.scale;
    pixels[i + 1] = place.y - metres[i + 1]! * place.scale;
  }
  return pixels;
}

export function rectangle(left: number, bottom: number, width: number, height: number): number[] {
  return [left, bottom, left + width, bottom, left + width, bottom + height, left, bottom + height];
}

export function ellipse(right: number, up: number, radiusRight: number, radiusUp: number, corners = 22): number[] {
  const ring: number[] = [];
  for (let i = 0; i < corners; i++) {
    const angle = (2 * Math.PI * i) / corners;
    ring.push(right + radiusRight * Math.cos(angle), up + radiusUp * Math.sin(angle));
  }
  return ring;
}

/** A stroke from one point to another. */
export function bar(right0: number, up0: number, right1: number, up1: number, width: number): number[] {
  const length = Math.hypot(right1 - right0, up1 - up0) || 1;
  const a = (-(up1 - up0) / length) * (width / 2);
  const b = ((right1 - right0) / length) * (width / 2);
  return [right0 + a, up0 + b, right1 + a, up1 + b, right1 - a, up1 - b, right0 - a, up0 - b];
}

/** A plain face of one colour and one normal. */
export interface Face {
  readonly colour: Colour;
  readonly label: number;
  readonly right?: number;
  readonly up?: number;
  readonly toward?: number;
  /** Depth of the grain, and its size in metres. */
  readonly grain?: number;
  readonly size?: number;
}

export function paintFace(world: World, place: Place, metres: Ring, face: Face): void {
  const { right = 0, up = 0.25, toward = 0.95, grain = 0.08, size = 0.6 } = face;
  const shift = place.x * 1.7 + place.y;
  const pixel = 1 / (place.scale * size);
  world.canvas.paint(placed(place, metres), face.label, (x, y, out) => {
    const texture = world.noise.octaves(shift + (x - place.x) * pixel, (y - place.y) * pixel, 2, pixel);
    world.surface(face.colour, right, up, toward, place.distance, out, 1 + grain * texture);
  });
}

/** The shadow that the outline casts on level ground, and the dark below a thing where no sun comes. */
export function castShadow(world: World, thing: Thing): void {
  const { light } = world;
  const { place, outline } = thing;
  const onGround = (label: number): boolean => label === LAND || label === ROAD;
  const reach = Math.min(4, 1 / Math.max(0.12, light.up));
  const shadow: number[] = [];
  for (let i = 0; i < outline.length; i += 2) {
    const up = Math.max(0, outline[i + 1]!);
    shadow.push(...world.project(place, outline[i]! - light.right * up * reach, 0, light.toward * up * reach * 0.9));
  }
  world.canvas.darken(shadow, world.shadowFactor(), onGround);
  let width = 0;
  for (let i = 0; i < outline.length; i += 2) width = Math.max(width, Math.abs(outline[i]!));
  const dark = ellipse(place.x, place.y, width * place.scale * 0.9, Math.max(0.6, width * place.scale * 0.16));
  world.canvas.darken(dark, [0.62, 0.62, 0.66], onGround);
}

/** What water shows of a thing that stands in it: its outline upside down, broken by waves. */
export function reflect(world: World, thing: Thing, colour: Colour): void {
  const { place, outline } = thing;
  const upsideDown: number[] = [];
  for (let i = 0; i < outline.length; i += 2) upsideDown.push(outline[i]!, -0.75 * outline[i + 1]!);
  const under = [0, 0, 0];
  const { canvas, noise } = world;
  canvas.paint(placed(place, upsideDown), NO_LABEL, (x, y, out) => {
    const index = Math.floor(y) * canvas.width + Math.floor(x);
    for (let c = 0; c < 3; c++) under[c] = canvas.colour[3 * index + c]!;
    const wet = canvas.labels[index] === WATER;
    const strength = wet ? Math.min(0.7, Math.max(0, 0.4 + 0.5 * noise.at(x / 9, y / 1.6))) : 0;
    world.surface(colour, 0, 0.2, 0.6, place.distance, out);
    for (let c = 0; c < 3; c++) out[c] = under[c]! + (0.8 * out[c]! - under[c]!) * strength;
  });
}
