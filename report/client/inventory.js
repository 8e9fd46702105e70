// Searches and sorts the inventory. The rows are in the page; this only hides and reorders them.
/* global document, CustomEvent, requestAnimationFrame */
(() => {
  const { rowsAtOnce } = JSON.parse(document.getElementById("data").textContent);
  const table = document.getElementById("inventory");
  const body = table.tBodies[0];
  const search = document.getElementById("search");
  const selects = ["class", "state", "owner"].map((id) => document.getElementById(id));
  const shown = document.getElementById("shown");
  const all = document.getElementById("all");
  const ownerCell = 6;
  /** In the order in which they are sorted. */
  let facts = [...body.rows].map((row) => ({
    row,
    text: row.dataset.text,
    values: [row.dataset.class, row.dataset.state, row.cells[ownerCell].dataset.v],
  }));
  let planned = false;
  let everything = false;

  function filter() {
    planned = false;
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = selects.map(({ value }) => value);
    const fitting = facts.filter(
      ({ text, values }) =>
        words.every((word) => text.includes(word)) && wanted.every((value, at) => value === "" || value === values[at]),
    );
    const fits = new Set(fitting);
    for (const fact of facts) if (fact.row.hidden === fits.has(fact)) fact.row.hidden = !fits.has(fact);
    for (const [at, { row }] of fitting.entries()) row.classList.toggle("more", !everything && at >= rowsAtOnce);
    tell(fitting.length);
    document.dispatchEvent(new CustomEvent("shown", { detail: new Set(fitting.map(({ row }) => row.dataset.name)) }));
  }

  function tell(count) {
    const cut = !everything && count > rowsAtOnce;
    const found = count === facts.length ? `${count} secrets` : `${count} of ${facts.length} secrets`;
    shown.textContent = found;
    // Paper shows all of them.
    if (cut)
      shown.append(
        Object.assign(document.createElement("span"), {
          className: "screen",
          textContent: `, the first ${rowsAtOnce} shown`,
        }),
      );
    all.hidden = !cut;
  }

  /** Once a frame, however fast somebody types. */
  function plan() {
    if (planned) return;
    planned = true;
    requestAnimationFrame(filter);
  }

  function sort(head) {
    const heads = [...table.tHead.rows[0].cells];
    const at = heads.indexOf(head);
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const each of heads) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const { compare } = new Intl.Collator("en", { numeric: true });
    const keyOf = ({ row }) => row.cells[at].dataset.v ?? row.cells[at].textContent.trim();
    const keyed = facts.map((fact) => ({ fact, key: keyOf(fact) })).sort((a, b) => compare(a.key, b.key));
    if (down) keyed.reverse();
    facts = keyed.map(({ fact }) => fact);
    body.append(...facts.map(({ row }) => row));
    filter();
  }

  search.addEventListener("input", plan);
  for (const select of selects) select.addEventListener("change", plan);
  all.addEventListener("click", () => {
    everything = true;
    filter();
    search.focus();
  });
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const button of table.tHead.querySelectorAll("button"))
    button.addEventListener("click", () => sort(button.closest("th")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|SELECT)$/.test(document.activeElement?.tagName))
      return;
    event.preventDefault();
    search.focus();
  });
  tell(facts.length);
})();
