// Plain JavaScript, because `run-policy-pack` loads the folder by `require` with ts-node in charge of every `.ts` that is
// required; what an ES module imports goes past it, to Node's own type stripping.
import "./pack.ts";
