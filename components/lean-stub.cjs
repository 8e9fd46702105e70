// What lean-start.mjs puts in place of what it spares.
"use strict";

const refuse = () => {
  throw new Error(
    "This project serializes no functions, so it has no dynamic providers: write a resource in provider/resources/, or take components/lean-start.mjs out of bootstrap.mjs.",
  );
};
const nothing = () => undefined;
module.exports = {
  __esModule: true,
  // runtime/closure
  computeCodePaths: refuse,
  serializeFunction: refuse,
  serializeFunctionAsync: refuse,
  isInitializedAsync: () => Promise.resolve(),
  // typescript, ts-node
  version: "0.0.0",
  register: nothing,
  // cmd/run/tracing
  start: nothing,
  stop: nothing,
  newSpan: () => ({ addEvent: nothing, setAttribute: nothing, end: nothing }),
};
