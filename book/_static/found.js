// Mark the words of a search on the page it led to. Sphinx does so on pages that do not hold its
// search, and the theme puts the search on all of them. Formulas are drawn first: a mark inside
// their source would break them.
window.addEventListener("load", async () => {
  if (document.getElementById("search-results")) return;
  await window.MathJax?.startup?.promise;
  SphinxHighlight.highlightSearchWords();
});
