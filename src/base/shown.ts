/** A text of the file as it may be shown: not too long, and nothing that a terminal would act on. */
export function shown(text: string): string {
  const longest = 80;
  const cut = text.length > longest ? `${text.slice(0, longest)}...` : text;
  return cut.replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A path or another argument as one types it in a shell. */
export const shellWord = (word: string): string => (/^[\w./,:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
