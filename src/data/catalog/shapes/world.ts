/**
 * The world of one picture: a camera above flat ground, the light of an hour and a weather, a season. Distances in metres,
 * pictures in pixels, colours in linear light.
 *
 * The camera looks level: ground at distance z shows at row `horizon + focal * camera / z`, and a thing that stands on row y
 * is drawn with `(y - horizon) / camera` pixels a metre. Everything that stands on the ground follows this one rule, so that
 * size, place and distance agree as in a photograph.
 */
import type { Random } from '../../../base/random.ts';
import { blend, type Canvas, type Colour, hex, scaled } from './canvas.ts';
import { Noise } from './noise.ts';

export type Season = 'summer' | 'spring' | 'autumn' | 'winter';

export interface Light {
  /** Direct light, and where it comes from: right, up, towards the viewer (a unit vector). */
  readonly sun: Colour;
  readonly right: number;
  readonly up: number;
  readonly toward: number;
  /** Light from the whole sky. */
  readonly ambient: Colour;
  readonly zenith: Colour;
  readonly horizon: Colour;
  /** Share of sky under clouds, 0..1. */
  readonly clouds: number;
  /** Distance in metres after which haze takes 63 % of the light. */
  readonly hazeDistance: number;
}

/** A point of the picture where something stands: pixels, pixels a metre, metres from the camera. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
  readonly distance: number;
}

interface Hour {
  readonly name: 'clear' | 'broken clouds' | 'overcast' | 'evening' | 'dusk' | 'mist';
  readonly sun: number;
  readonly strength: number;
  readonly elevation: readonly [number, number];
  readonly zenith: number;
  readonly horizon: number;
  readonly ambient: number;
  readonly clouds: readonly [number, number];
  readonly haze: readonly [number, number];
  readonly weight: number;
}

const HOURS: readonly Hour[] = [
  {
    name: 'clear',
    sun: 0xfff4e0,
    strength: 1.5,
    elevation: [0.6, 1.1],
    zenith: 0x3f78c8,
    horizon: 0xb9d6ee,
    ambient: 0x8fb0dc,
    clouds: [0, 0.35],
    haze: [500, 1400],
    weight: 0.24,
  },
  {
    name: 'broken clouds',
    sun: 0xfff1da,
    strength: 1.25,
    elevation: [0.5, 1.0],
    zenith: 0x5a88c0,
    horizon: 0xc8d6e2,
    ambient: 0x9db2cc,
    clouds: [0.4, 0.8],
    haze: [350, 900],
    weight: 0.2,
  },
  {
    name: 'overcast',
    sun: 0xe8ecf0,
    strength: 0.35,
    elevation: [0.8, 1.2],
    zenith: 0x8d99a6,
    horizon: 0xc9ced2,
    ambient: 0xb9c0c8,
    clouds: [0.6, 1.0],
    haze: [160, 500],
    weight: 0.2,
  },
  {
    name: 'evening',
    sun: 0xffc27a,
    strength: 1.3,
    elevation: [0.16, 0.4],
    zenith: 0x5878b0,
    horizon: 0xf2cf9c,
    ambient: 0x8090b8,
    clouds: [0.1, 0.6],
    haze: [250, 800],
    weight: 0.16,
  },
  {
    name: 'dusk',
    sun: 0xff9a66,
    strength: 0.45,
    elevation: [0.1, 0.2],
    zenith: 0x3c4a78,
    horizon: 0xe0a288,
    ambient: 0x66709c,
    clouds: [0.1, 0.6],
    haze: [200, 600],
    weight: 0.1,
  },
  {
    name: 'mist',
    sun: 0xfff0dc,
    strength: 0.6,
    elevation: [0.3, 0.6],
    zenith: 0xaebccb,
    horizon: 0xdfe4e6,
    ambient: 0xb8c2cc,
    clouds: [0, 0.3],
    haze: [130, 220],
    weight: 0.1,
  },
];

const SEASONS: readonly { readonly season: Season; readonly weight: number }[] = [
  { season: 'summer', weight: 0.4 },
  { season: 'spring', weight: 0.18 },
  { season: 'autumn', weight: 0.21 },
  { season: 'winter', weight: 0.21 },
];

/** When a picture is taken. */
export interface Day {
  readonly hour: Hour;
  readonly season: Season;
}

export function drawDay(random: Random): Day {
  return { hour: weighted(random, HOURS), season: weighted(random, SEASONS).season };
}

/** Whether it is a day on which most people take their pictures: summer, and the sun is out. 18 in 100 are. */
export const isSunnySummer = ({ hour, season }: Day): boolean =>
  season === 'summer' && (hour.name === 'clear' || hour.name === 'broken clouds');

/** One of a list whose entries have weights that sum to 1. */
export function weighted<T extends { readonly weight: number }>(random: Random, list: readonly T[]): T {
  let left = random.uniform();
  for (const entry of list) {
    left -= entry.weight;
    if (left < 0) return entry;
  }
  return list[list.length - 1]!;
}

/** A colour moved a little in brightness and in each channel: no two meadows, no two roofs are the same. */
export function varied(random: Random, colour: Colour, amount: number): Colour {
  const bright = Math.exp(amount * random.normal());
  const part = (value: number): number => value * bright * Math.exp(0.4 * amount * random.normal());
  return [part(colour[0]), part(colour[1]), part(colour[2])];
}

function drawLight(random: Random, hour: Hour): Light {
  const elevation = random.uniform(...hour.elevation);
  const azimuth = random.uniform(-Math.PI, Math.PI);
  return {
    sun: scaled(varied(random, hex(hour.sun), 0.08), hour.strength),
    right: Math.cos(elevation) * Math.sin(azimuth),
    up: Math.sin(elevation),
    toward: Math.cos(elevation) * Math.cos(azimuth),
    ambient: varied(random, hex(hour.ambient), 0.1),
    zenith: varied(random, hex(hour.zenith), 0.18),
    horizon: varied(random, hex(hour.horizon), 0.08),
    clouds: random.uniform(...hour.clouds),
    hazeDistance: random.uniform(...hour.haze),
  };
}

export class World {
  readonly light: Light;
  readonly season: Season;
  readonly noise: Noise;
  /** Row of the horizon; camera's height in metres; focal length in pixels; column of the vanishing point. */
  readonly horizon: number;
  readonly camera: number;
  readonly focal: number;
  readonly centre: number;

  constructor(
    readonly random: Random,
    readonly canvas: Canvas,
    day: Day,
  ) {
    const { width, height } = canvas;
    this.light = drawLight(random, day.hour);
    this.season = day.season;
    this.noise = new Noise(random);
    this.horizon = height * random.uniform(0.3, 0.48);
    this.camera = random.uniform(2.7, 5.2);
    this.focal = width * random.uniform(0.85, 1.2);
    this.centre = width * random.uniform(0.3, 0.7);
  }

  /** Pixels a metre for what stands on row y. */
  scaleAt(y: number): number {
    return Math.max(0.02, (y - this.horizon) / this.camera);
  }

  placeAt(x: number, y: number): Place {
    const scale = this.scaleAt(y);
    return { x, y, scale, distance: this.focal / scale };
  }

  /** Pixel of the point `right` metres right of and `far` metres behind a place, `up` metres above the ground. */
  project(place: Place, right: number, up: number, far = 0): [number, number] {
    const scale = this.focal / Math.max(0.5, place.distance + far);
    const x = this.centre + (place.x - this.centre) * (scale / place.scale) + right * scale;
    return [x, this.horizon + (this.camera - up) * scale];
  }

  /** Light on a surface of colour `albedo` with the normal (right, up, toward), seen through `distance` metres of haze. */
  surface(albedo: Colour, right: number, up: number, toward: number, distance: number, out: Float64Array, shade = 1): void {
    const { light } = this;
    const direct = Math.max(0, right * light.right + up * light.up + toward * light.toward);
    const around = 0.72 + 0.28 * up;
    const clear = Math.exp(-distance / light.hazeDistance);
    for (let c = 0; c < 3; c++) {
      const seen = albedo[c]! * shade * (light.sun[c]! * direct + light.ambient[c]! * around);
      out[c] = light.horizon[c]! + (seen - light.horizon[c]!) * clear;
    }
  }

  /** What a cast shadow multiplies sunlit level ground by. */
  shadowFactor(): Colour {
    const { sun, ambient, up } = this.light;
    const part = (c: 0 | 1 | 2): number => ambient[c] / (ambient[c] + sun[c] * up);
    return blend([part(0), part(1), part(2)], [1, 1, 1], 0.12);
  }
}
