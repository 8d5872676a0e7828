for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.classList.contains("fixed")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    const isNumber = head.classList.contains("n");
    const value = (row) => {
      const text = row.cells[column].textContent;
      const digits = text.match(/[0-9][0-9,.]*/);
      return isNumber ? Number(digits ? digits[0].replaceAll(",", "") : -1) : text;
    };
    const words = new Intl.Collator("en", { numeric: true });
    const compare = isNumber ? (a, b) => a - b : words.compare;
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows].map((row) => [value(row), row]);
      rows.sort(([a], [b]) => sign * compare(a, b));
      const sorted = document.createDocumentFragment();
      rows.forEach(([, row]) => sorted.append(row));
      table.tBodies[0].append(sorted);
    });
  });
}
