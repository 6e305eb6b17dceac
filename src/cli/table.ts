import type { Cell } from '../tasks/types.ts';

function textOf(cell: Cell): string {
  if (typeof cell === 'string') return cell;
  return Number.isInteger(cell) ? String(cell) : cell.toFixed(2);
}

/** mIoU or IoU; nothing where there is none. */
export const percent = (value: number | null | undefined): string => value?.toFixed(2) ?? '';

/** A table as lines: columns two blanks apart, numbers to the right, texts to the left. */
export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => textOf(row[column] ?? '').length)));
  const right = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number' || row[column] === ''));
  const line = (cells: readonly Cell[]): string =>
    widths
      .map((width, column) => {
        const text = textOf(cells[column] ?? '');
        return right[column] ? text.padStart(width) : text.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(head), ...rows.map(line)].join('\n');
}

/** A column of texts: those of numbers are set to the right. */
export interface Column {
  readonly head: string;
  readonly cells: readonly string[];
  readonly left?: boolean;
}

function setToTheRight(texts: readonly string[]): string[] {
  const width = Math.max(...texts.map((text) => text.length));
  return texts.map((text) => text.padStart(width));
}

/** A table given by its columns, all of one length. */
export function columnsTable(columns: readonly Column[]): string {
  const set = columns.map(({ head, cells, left }) => (left ? [head, ...cells] : setToTheRight([head, ...cells])));
  const [heads = [], ...rows] = set[0]!.map((_, row) => set.map((cells) => cells[row]!));
  return formatTable(heads, rows);
}
