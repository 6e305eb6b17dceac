/** The operations on pixels as data: what was drawn, ready to be carried out, logged or compared. */
import { unreachable } from '../../base/assert.ts';
import type { Random } from '../../base/random.ts';
import { paintAutocontrast } from './autocontrast.ts';
import { type Blur, drawBlur, paintBlur } from './blur.ts';
import { drawBrightness, paintBrightness } from './brightness.ts';
import type { Canvas } from './canvas.ts';
import { drawContrast, paintContrast } from './contrast.ts';
import { paintEqualize } from './equalize.ts';
import type { Factor } from './factor.ts';
import { paintGrayscale } from './grayscale.ts';
import { drawHue, type Hue, paintHue } from './hue.ts';
import { drawPosterize, type Posterize, paintPosterize } from './posterize.ts';
import { drawSaturation, paintSaturation } from './saturation.ts';
import { drawSharpness, paintSharpness } from './sharpness.ts';
import { drawSolarize, paintSolarize, type Solarize } from './solarize.ts';

/** One operation with its parameters. */
export type Operation =
  | { readonly name: 'identity' | 'autocontrast' | 'equalize' | 'grayscale' }
  | ({ readonly name: 'brightness' | 'contrast' | 'saturation' | 'sharpness' } & Factor)
  | ({ readonly name: 'blur' } & Blur)
  | ({ readonly name: 'hue' } & Hue)
  | ({ readonly name: 'posterize' } & Posterize)
  | ({ readonly name: 'solarize' } & Solarize);

/** The eleven operations of the published strong augmentation, with their own parameter ranges (SPEC section 3). */
export const ELEVEN: readonly ((random: Random) => Operation)[] = [
  () => ({ name: 'identity' }),
  () => ({ name: 'autocontrast' }),
  () => ({ name: 'equalize' }),
  (random) => ({ name: 'blur', ...drawBlur(random) }),
  (random) => ({ name: 'contrast', ...drawContrast(random) }),
  (random) => ({ name: 'brightness', ...drawBrightness(random) }),
  (random) => ({ name: 'saturation', ...drawSaturation(random) }),
  (random) => ({ name: 'sharpness', ...drawSharpness(random) }),
  (random) => ({ name: 'posterize', ...drawPosterize(random) }),
  (random) => ({ name: 'solarize', ...drawSolarize(random) }),
  (random) => ({ name: 'hue', ...drawHue(random) }),
];

/** Carries one operation out. */
export function paint(canvas: Canvas, operation: Operation): void {
  switch (operation.name) {
    case 'identity':
      break;
    case 'autocontrast':
      paintAutocontrast(canvas);
      break;
    case 'equalize':
      paintEqualize(canvas);
      break;
    case 'grayscale':
      paintGrayscale(canvas);
      break;
    case 'brightness':
      paintBrightness(canvas, operation);
      break;
    case 'contrast':
      paintContrast(canvas, operation);
      break;
    case 'saturation':
      paintSaturation(canvas, operation);
      break;
    case 'sharpness':
      paintSharpness(canvas, operation);
      break;
    case 'blur':
      paintBlur(canvas, operation);
      break;
    case 'hue':
      paintHue(canvas, operation);
      break;
    case 'posterize':
      paintPosterize(canvas, operation);
      break;
    case 'solarize':
      paintSolarize(canvas, operation);
      break;
    default:
      unreachable(operation);
  }
}
