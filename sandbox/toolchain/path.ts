// Finding programs, without a shell.
import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { delimiter, dirname, isAbsolute, join } from "node:path";

/** In a folder of our own making: what lies beside it stands in for something official. */
export const marker = "secret-rotation.json";

/** Whether this is a file that may be run. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * The absolute path of a program, or undefined.
 * @param path folders as in PATH; relative ones are passed over, for what runs must not depend on where one stands
 * @param accept turns a found file down, so that the search goes on. @default accepts every one
 */
export function findOnPath(
  name: string,
  path: string = process.env["PATH"] ?? "",
  accept: (file: string) => boolean = () => true,
): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, name))
    .find((file) => isExecutable(file) && accept(file));
}

/** Whether a program or folder is of our own making: a shell that `npm run shell` started has our folder first on its PATH. */
export function isOurs(file: string): boolean {
  if (!existsSync(file)) return false;
  return [file, realpathSync(file)].some((place) => existsSync(join(dirname(place), marker)));
}

/** A word for /bin/sh that means exactly this text. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
