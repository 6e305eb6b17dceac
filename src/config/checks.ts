/** Rules that no single key can state. */
import type { KeyPath } from './keys.ts';
import type { Config } from './schema.ts';

/** A rule that is broken, and the key whose place is to be named. */
export interface Problem {
  readonly path: KeyPath;
  readonly message: string;
}

/** Of two alternatives exactly one must be given. Looks at the values as written, so that it is told beside other problems. */
export function checkLengths(raw: Readonly<Record<string, unknown>>): Problem[] {
  const problems: Problem[] = [];
  const check = (path: KeyPath, holder: unknown): void => {
    if (typeof holder !== 'object' || holder === null || Array.isArray(holder)) return;
    const { iterations, epochs } = holder as Record<string, unknown>;
    const given = [iterations, epochs].filter((value) => value !== undefined && value !== null).length;
    const name = path.join('.');
    if (given === 0) problems.push({ path, message: `exactly one of ${name}.iterations and ${name}.epochs must be given; neither is` });
    if (given === 2)
      problems.push({ path: [...path, 'epochs'], message: `exactly one of ${name}.iterations and ${name}.epochs must be given; both are` });
  };
  const train = raw.train;
  check(['train'], train);
  check(['train', 'warmup'], (train as Record<string, unknown> | undefined)?.warmup);
  return problems;
}

/** Rules between keys that are each valid. */
export function checkTogether(config: Config): Problem[] {
  const problems: Problem[] = [];
  if (config.model.backbone === 'xception')
    for (const [key, only] of [
      ['stem', ['auto', 'deep']],
      ['output_stride', [16]],
    ] as const) {
      const got = config.model[key];
      if (!(only as readonly unknown[]).includes(got))
        problems.push({ path: ['model', key], message: `got ${JSON.stringify(got)}; allowed with xception: ${only.join(', ')}` });
    }
  if (config.method === 'fixmatch' && config.train.batch_size < 2)
    problems.push({
      path: ['train', 'batch_size'],
      message: `got ${config.train.batch_size}; allowed with fixmatch: at least 2, since its pass of strong views holds no more images than that, and batch norm needs two values a channel`,
    });
  const { classes, palette, label_map } = config.data;
  if (palette && !classes)
    problems.push({ path: ['data', 'palette'], message: 'a palette of your own needs data.classes, one name a colour' });
  if (palette && classes && palette.length !== classes.length)
    problems.push({
      path: ['data', 'palette'],
      message: `${palette.length} colours for the ${classes.length} classes of data.classes; allowed: one colour a class`,
    });
  const { label_colours, ignore_colours } = config.data;
  if (label_colours && label_map)
    problems.push({ path: ['data', 'label_colours'], message: 'label maps hold numbers (data.label_map) or colours, not both' });
  if (label_colours && label_colours.length !== classes?.length)
    problems.push({
      path: ['data', 'label_colours'],
      message: `${label_colours.length} colours for the ${classes?.length ?? 'missing'} classes of data.classes; allowed: one colour a class`,
    });
  if (ignore_colours && !label_colours)
    problems.push({ path: ['data', 'ignore_colours'], message: 'goes with data.label_colours, which is not given' });
  const listed = [...(label_colours ?? []), ...(ignore_colours ?? [])].map(String);
  const twice = listed.find((colour, index) => listed.indexOf(colour) !== index);
  if (twice !== undefined)
    problems.push({ path: ['data', 'label_colours'], message: `the colour [${twice}] stands there or in data.ignore_colours twice` });
  const repeated = classes?.find((name, index) => classes.indexOf(name) !== index);
  if (repeated !== undefined)
    problems.push({ path: ['data', 'classes'], message: `the name ${repeated} stands there twice; allowed: a name once` });
  for (const [stored, label] of Object.entries(label_map ?? {}))
    if (classes && label !== null && label !== 255 && label >= classes.length)
      problems.push({
        path: ['data', 'label_map', stored],
        message: `got ${label}; allowed: 0 to ${classes.length - 1} (the classes of data.classes), or 255 = ignore`,
      });
  return problems;
}
