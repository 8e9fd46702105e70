// @pulumi/pulumi (3.270.0, `resource.js`: `Resource.stackTrace`) records for every resource the whole stack of calls
// that declared it, through source-map-support, and the engine keeps it in the state. Of a run of 250 resources that
// is half of the program's processor time and a sixth of the state, which self-managed backends write anew at every
// step; and it puts the paths of the machine into the state, so that a run from another folder writes every resource
// once more. Names and URNs say where a resource comes from, so none of it is recorded. (bench/engine.ts measures it.)
//
// For the same reason a provider's resources are imported from their own files: whoever imports a provider's package from
// an ES module loads all of its resources.
import * as pulumi from "@pulumi/pulumi";
import debuggable from "@pulumi/pulumi/runtime/debuggable.js";

Object.assign(pulumi.Resource, { stackTrace: (): [] => [] });
// Our own files are run as they are written; Node's stacks are right without maps.
Reflect.deleteProperty(Error, "prepareStackTrace");

// Every promise that the SDK follows remembers where it was made, to name the leaked ones when a program ends
// (`runtime/debuggable.js`). Which ones leak is still found; the stack of calls, a sixth of the time, is left out.
const { debuggablePromise: follow } = debuggable as unknown as { debuggablePromise: (...given: unknown[]) => unknown };
Object.assign(debuggable, {
  debuggablePromise: (...given: unknown[]): unknown => {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      return follow(...given);
    } finally {
      Error.stackTraceLimit = limit;
    }
  },
});
