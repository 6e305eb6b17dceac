import { crc32, deflateRawSync } from 'node:zlib';
import type { Shell } from '../../setup/shell.mjs';

/** A machine that holds the named commands and answers as `answer` says; it notes what was asked. */
export function fakeShell(
  commands: readonly string[],
  answer: (line: string) => { status?: number; stdout?: string; stderr?: string } = () => ({}),
  rights: { root?: boolean; terminal?: boolean } = {},
): Shell & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    root: rights.root ?? false,
    terminal: rights.terminal ?? false,
    has: (command) => commands.includes(command),
    run(command, words) {
      const line = [command, ...words].join(' ');
      lines.push(line);
      return { status: 0, stdout: '', stderr: '', ...answer(line) };
    },
  };
}

/** A zip archive in memory; `method` 0 stored, 8 deflated. */
export function makeZip(entries: readonly { name: string; data: Buffer; method: 0 | 8; crc?: number }[], comment = ''): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, method, crc = crc32(data) } of entries) {
    const body = method === 8 ? deflateRawSync(data) : data;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    const sizes = (header: Buffer, at: number) => {
      header.writeUInt32LE(crc, at);
      header.writeUInt32LE(body.length, at + 4);
      header.writeUInt32LE(data.length, at + 8);
      header.writeUInt16LE(Buffer.byteLength(name), at + 12);
    };
    sizes(local, 14);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(method, 10);
    sizes(central, 16);
    central.writeUInt32LE(offset, 42);
    parts.push(local, Buffer.from(name), body);
    directory.push(central, Buffer.from(name));
    offset += 30 + Buffer.byteLength(name) + body.length;
  }
  const whole = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(whole.length, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(Buffer.byteLength(comment), 20);
  return Buffer.concat([...parts, whole, end, Buffer.from(comment)]);
}
