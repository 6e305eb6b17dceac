/** Sky, far hills, and the ground with its fields, water and roads: what every picture is built on, painted pixel by pixel. */
import { blend, type Colour, hex, lit, scaled } from './canvas.ts';
import { LAND, ROAD, SKY, WATER } from './classes.ts';
import { varied, type World, weighted } from './world.ts';

const smoothstep = (low: number, high: number, value: number): number => {
  const t = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return t * t * (3 - 2 * t);
};

/** Colour of the sky in a direction: x in pixels from the vanishing point, `rise` in pixels above the horizon. */
export type SkyColour = (x: number, rise: number, out: Float64Array) => void;

export function skyOf(world: World): SkyColour {
  const { light, noise, random, horizon } = world;
  const shift = random.uniform(0, 100);
  const fineness = random.uniform(1.6, 3.2);
  const bright = blend(scaled(light.sun, 0.75), light.horizon, 0.5);
  const dark = scaled(light.ambient, random.uniform(0.55, 0.9));
  return (x, rise, out) => {
    const height = Math.min(1, Math.max(0, rise / horizon));
    const part = (1 - height) ** 1.7;
    // clouds hang on a plane above: the nearer the horizon, the denser they stand
    const perspective = fineness / (height + 0.35);
    const u = shift + (x / horizon) * perspective * 0.7;
    const v = shift + perspective * 2.2;
    const density = noise.octaves(u, v, 4);
    const cover = light.clouds <= 0.02 ? 0 : smoothstep(0.55 - 1.1 * light.clouds, 1.0 - 1.1 * light.clouds, density);
    const side = Math.min(1, Math.max(0, 0.55 + 1.1 * (density - noise.octaves(u + 0.25 * light.right, v - 0.3, 2))));
    const glow = 0.25 * part * Math.max(0, -light.toward);
    for (let c = 0; c < 3; c++) {
      const clear = light.zenith[c]! + (light.horizon[c]! - light.zenith[c]!) * part + glow * light.sun[c]!;
      const cloud = dark[c]! + (bright[c]! - dark[c]!) * side;
      out[c] = clear + 0.85 * cover * (cloud - clear);
    }
  };
}

export function paintSky(world: World, sky: SkyColour): void {
  const { canvas, horizon, centre } = world;
  const out = new Float64Array(3);
  const last = Math.min(canvas.height, Math.ceil(horizon) + 1);
  for (let y = 0; y < last; y++)
    for (let x = 0; x < canvas.width; x++) {
      sky(x + 0.5 - centre, horizon - y - 0.5, out);
      canvas.colour.set(out, 3 * (y * canvas.width + x));
      canvas.labels[y * canvas.width + x] = SKY;
    }
}

/** One to three ridges behind the plain, the farther the higher and the paler. */
export function paintHills(world: World): void {
  const { canvas, noise, random, horizon, light } = world;
  const count = random.integer(0, 2);
  const rugged = random.chance(0.4);
  for (let ridge = count; ridge >= 1; ridge--) {
    const distance = Math.min(light.hazeDistance * 0.85, 170 * ridge * random.uniform(0.8, 1.3));
    const height = horizon * (0.06 + 0.11 * ridge) * random.uniform(0.6, 1.3);
    const width = random.uniform(30, 80);
    const shift = random.uniform(0, 100);
    const albedo = varied(random, hex(world.season === 'winter' ? 0xb8c0c4 : rugged ? 0x7c7464 : 0x5d7344), 0.2);
    const outline: number[] = [];
    for (let x = -2; x <= canvas.width + 2; x += 2)
      outline.push(x, horizon + 1 - height * (0.75 + 0.8 * noise.octaves(shift + x / width, 3 * ridge, rugged ? 4 : 2)));
    outline.push(canvas.width + 2, horizon + 2, -2, horizon + 2);
    canvas.paint(outline, LAND, (x, y, out) => {
      const slope = noise.octaves(shift + x / 14, y / 7, 3, 0.08);
      world.surface(albedo, 0.5 * slope, 0.75, 0.4, distance, out, 1 + 0.45 * slope);
    });
  }
}

/** What the plain is made of at a point: the label and how to colour it. */
interface Cover {
  readonly label: number;
  /** Metres right of the camera and before it, pixel width in metres. */
  shade(right: number, far: number, pixel: number, x: number, y: number, out: Float64Array): void;
}

type LandKind = 'meadow' | 'crop' | 'ploughed' | 'stubble' | 'sand' | 'heath' | 'snow';

const LAND_COLOURS: Readonly<Record<LandKind, readonly number[]>> = {
  meadow: [0x6f8f3c, 0x5c7f35, 0x85964a, 0x8f9a58],
  crop: [0x7d9a3e, 0xc0a850, 0x5d8a48, 0xb8b648],
  ploughed: [0x7a5a40, 0x684c38, 0x8c6a50],
  stubble: [0xc2a868, 0xb09860, 0xcab680],
  sand: [0xd2be94, 0xc4ac84, 0xb8a078],
  heath: [0x7a6c58, 0x86705e, 0x6f7450],
  snow: [0xdce2e8, 0xcfd6de, 0xe8eaec],
};

function landCover(world: World, kind: LandKind): Cover {
  const { noise, random } = world;
  const albedo = varied(random, hex(random.pick(LAND_COLOURS[kind])), 0.14);
  const other = varied(random, blend(albedo, hex(0x8a7a50), 0.35), 0.2);
  const shift = random.uniform(0, 100);
  const rows = kind === 'crop' || kind === 'ploughed' || kind === 'stubble';
  const turn = random.uniform(-0.9, 0.9);
  const spacing = random.uniform(0.7, 1.6);
  const rough = kind === 'snow' ? 0.28 : kind === 'sand' ? 0.34 : 0.62;
  const mixed: [number, number, number] = [0, 0, 0];
  return {
    label: LAND,
    shade(right, far, pixel, _x, _y, out) {
      const patch = 0.5 + 0.5 * noise.octaves(shift + right / 9, far / 9, 2, pixel / 9);
      const tuft = noise.octaves(shift + (right + 0.4 * far) / 0.6, shift + (far - 0.6 * right) / 0.9, 3, pixel / 0.6, 0.7);
      let shade = 1 + rough * tuft;
      if (rows) {
        const seen = Math.max(0, 1 - (1.4 * pixel) / spacing);
        shade += 0.42 * seen * Math.sin((2 * Math.PI * (right * Math.cos(turn) + far * Math.sin(turn))) / spacing);
      }
      for (let c = 0; c < 3; c++) mixed[c] = albedo[c]! + (other[c]! - albedo[c]!) * 0.6 * patch;
      world.surface(mixed, 0, 1, 0, far, out, Math.max(0.25, shade));
    },
  };
}

/** Fields side by side: the plain is cut into strips across, each with its own cover. */
function fieldCover(world: World): Cover {
  const { random } = world;
  const snow = world.season === 'winter' && random.chance(0.7);
  const kinds: readonly LandKind[] = snow
    ? ['snow']
    : ['meadow', 'meadow', 'meadow', 'crop', 'crop', 'ploughed', 'stubble', 'sand', 'heath'];
  const covers = Array.from({ length: snow ? 2 : random.integer(1, 4) }, () => landCover(world, random.pick(kinds)));
  const skew = random.uniform(-0.5, 0.5);
  const depth = random.uniform(9, 26);
  const order = random.permutation(64);
  return {
    label: LAND,
    shade(right, far, pixel, x, y, out) {
      const strip = Math.floor(Math.log2(1 + Math.max(0, far + skew * right) / depth) * 2);
      const block = Math.floor((right + 400 + 0.2 * far) / (depth * 1.7));
      covers[order[(strip + 7 * block) & 63]! % covers.length]!.shade(right, far, pixel, x, y, out);
    },
  };
}

function waterCover(world: World, sky: SkyColour): Cover {
  const { noise, random, horizon, centre } = world;
  const deep = varied(random, lit(hex(random.pick([0x2c4a58, 0x24506a, 0x3e5244, 0x4a5648])), world.light.ambient), 0.2);
  const rough = random.uniform(0.3, 0.6);
  const shift = random.uniform(0, 100);
  const seen = new Float64Array(3);
  return {
    label: WATER,
    shade(right, far, pixel, x, y, out) {
      const wave = noise.octaves(shift + right / 2.6, far / 0.8, 3, pixel / 3, 0.65) + 0.8 * noise.at(shift + x / 34, Math.log(far) * 9);
      const depth = y - horizon;
      sky(x - centre + 6 * wave, Math.max(0, depth * (0.9 + 0.35 * wave)), seen);
      const mirror = Math.min(0.92, Math.max(0.2, 0.3 + 9 / (9 + depth) + 0.45 * rough * wave));
      for (let c = 0; c < 3; c++) out[c] = (deep[c]! + (seen[c]! - deep[c]!) * mirror) * (1 + rough * wave);
    },
  };
}

/** Asphalt with a broken middle line, concrete, or a track of two ruts; `across` is metres from the middle, `along` metres of way. */
function roadSurface(
  world: World,
  halfWidth: number,
): (across: number, along: number, pixel: number, far: number, out: Float64Array) => void {
  const { noise, random, season } = world;
  const kind = weighted(random, [
    { name: 'asphalt', colour: 0x5e5e63, weight: 0.7 },
    { name: 'concrete', colour: 0xa8a49c, weight: 0.18 },
    { name: 'track', colour: 0xa08a68, weight: 0.12 },
  ]);
  const albedo = varied(random, hex(season === 'winter' ? 0x85858a : kind.colour), 0.2);
  const paint: Colour = hex(0xe8e6dc);
  const shift = random.uniform(0, 100);
  const lines = kind.name === 'asphalt' && random.chance(0.8);
  return (across, along, pixel, far, out) => {
    const place = Math.abs(across) / halfWidth;
    const rut = 0.14 * Math.exp(-(((place - 0.5) / 0.2) ** 2)) * (kind.name === 'track' ? -2.2 : 1);
    const grain = 0.12 * noise.octaves(shift + across / 0.8, along / 2.4, 3, pixel / 0.8);
    world.surface(albedo, 0, 1, 0, far, out, 1 + grain - rut);
    if (!lines) return;
    const middle = Math.abs(across) < 0.11 + pixel * 0.25 && (((along / 6) % 1) + 1) % 1 < 0.5;
    const edge = Math.abs(place - 0.9) * halfWidth < 0.08 + pixel * 0.2;
    if (!middle && !edge) return;
    const share = Math.min(1, 0.2 / pixel);
    const under: Colour = [out[0]!, out[1]!, out[2]!];
    world.surface(paint, 0, 1, 0, far, out);
    for (let c = 0; c < 3; c++) out[c] = under[c]! + (out[c]! - under[c]!) * share;
  };
}

/** A rule that says for a pixel whether this cover lies there; null where not. */
type Region = (x: number, y: number, right: number, far: number) => boolean;

export interface Ground {
  readonly water: boolean;
  readonly road: boolean;
}

/** Where water lies: beyond a shore up to the horizon, before one, or a river between two. */
function waterRegion(world: World, kind: 'beyond' | 'before' | 'river'): Region {
  const { canvas, noise, random, horizon } = world;
  const below = canvas.height - horizon;
  const tilt = random.uniform(-0.35, 0.35);
  const shift = random.uniform(0, 100);
  const shore = (x: number, at: number, wild: number): number =>
    horizon + below * (at + tilt * at * (x / canvas.width - 0.5) + wild * noise.octaves(shift + x / 55, at * 9, 3));
  if (kind === 'beyond') {
    const at = random.uniform(0.3, 0.62);
    const far = random.chance(0.5) ? random.uniform(0.02, 0.06) : 0;
    return (x, y) => y < shore(x, at, 0.09) && y > shore(x, far, 0.01);
  }
  if (kind === 'before') {
    const at = random.uniform(0.22, 0.5);
    return (x, y) => y > shore(x, at, 0.07);
  }
  const far = random.uniform(0.1, 0.3);
  const near = far + random.uniform(0.22, 0.4);
  return (x, y) => y > shore(x, far, 0.05) && y < shore(x, near, 0.08);
}

interface Road {
  readonly region: Region;
  readonly across: (right: number, far: number) => number;
  readonly along: (right: number, far: number) => number;
  readonly halfWidth: number;
}

function drawRoad(world: World, away: boolean): Road {
  const { random, camera, focal, canvas, horizon } = world;
  const halfWidth = random.uniform(2.6, 4.6);
  if (away) {
    const start = random.uniform(-0.9, 0.9) * camera;
    const bend = random.uniform(-0.0016, 0.0016);
    const drift = random.uniform(-0.12, 0.12);
    const across = (right: number, far: number): number => right - (start + drift * far + bend * far * far);
    return { region: (_x, _y, right, far) => Math.abs(across(right, far)) < halfWidth, across, along: (_right, far) => far, halfWidth };
  }
  const row = horizon + (canvas.height - horizon) * random.uniform(0.3, 0.75);
  const far0 = (focal * camera) / (row - horizon);
  const slope = random.uniform(-0.16, 0.16);
  const across = (right: number, far: number): number => far - far0 - slope * right;
  return { region: (_x, _y, right, far) => Math.abs(across(right, far)) < halfWidth, across, along: (right) => right, halfWidth };
}

/** Paints everything below the horizon and says what lies there. */
export function paintGround(world: World, sky: SkyColour): Ground {
  const { canvas, random, horizon, centre, camera, focal } = world;
  const land = fieldCover(world);
  const wet = random.chance(0.5);
  const waterKind = random.pick(['beyond', 'before', 'river'] as const);
  const water = wet ? { region: waterRegion(world, waterKind), cover: waterCover(world, sky) } : undefined;
  const road = random.chance(wet ? 0.45 : 0.72) ? drawRoad(world, !wet && random.chance(0.62)) : undefined;
  const surface = road ? roadSurface(world, road.halfWidth) : undefined;
  const out = new Float64Array(3);
  for (let y = Math.max(0, Math.ceil(horizon - 0.5)); y < canvas.height; y++) {
    const row = Math.max(0.35, y + 0.5 - horizon);
    const far = (focal * camera) / row;
    const pixel = camera / row;
    for (let x = 0; x < canvas.width; x++) {
      const right = (x + 0.5 - centre) * pixel;
      const index = y * canvas.width + x;
      let label = LAND;
      if (water?.region(x + 0.5, y + 0.5, right, far)) {
        label = WATER;
        water.cover.shade(right, far, pixel, x + 0.5, y + 0.5, out);
      } else if (road && surface && road.region(x, y, right, far)) {
        label = ROAD;
        surface(road.across(right, far), road.along(right, far), pixel, far, out);
      } else land.shade(right, far, pixel, x + 0.5, y + 0.5, out);
      canvas.colour.set(out, 3 * index);
      canvas.labels[index] = label;
    }
  }
  return { water: wet, road: road !== undefined };
}
