// js-yaml 4 ships no types; this is what is used of it.
declare module "js-yaml" {
  const yaml: {
    /** Parses one YAML document. @throws when it is none */
    load(text: string): unknown;
    /** One YAML document. `lineWidth` -1: lines are never folded; @default 80 */
    dump(value: unknown, options?: { lineWidth?: number }): string;
  };
  export default yaml;
}
