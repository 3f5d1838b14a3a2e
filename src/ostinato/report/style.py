"""The style sheet of a report: light and dark, wide and narrow, on a screen and on paper."""

CSS = """\
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --ink: #1b1d21; --faint: #5c6370; --rule: #d9dce1; --raised: #f3f4f6; --link: #0b5cad;
  --series-1: #0072b2; --series-2: #d55e00; --series-3: #00835f;
  --series-4: #b3578a; --series-5: #b27900; --series-6: #2f8fc9;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #15171b; --ink: #e4e6ea; --faint: #9aa1ad; --rule: #343841; --raised: #1e2127; --link: #7ab8f5;
    --series-1: #4ba3e3; --series-2: #f0813a; --series-3: #2fbf91;
    --series-4: #dd94bf; --series-5: #e6a92f; --series-6: #8cd0f5;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 75rem;
  background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--rule); }
p { margin: .25rem 0 .75rem; max-width: 46rem; }
a { color: var(--link); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .75rem 0 0; padding: 0; list-style: none; }
.about, .words, figcaption { color: var(--faint); font-size: .875rem; }
.scroll { overflow-x: auto; margin: 0 0 .5rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; font-weight: 600; padding: 0 0 .35rem; white-space: nowrap; }
caption span, th[scope="rowgroup"] span { position: sticky; left: 0; }
th, td { padding: .3rem 1rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--rule); }
thead th { color: var(--faint); font-weight: 500; vertical-align: bottom; }
tbody th { font-weight: 500; }
tr > :first-child {
  position: sticky; left: 0; z-index: 1; background: var(--paper); min-width: 6rem; max-width: 14rem;
  overflow-wrap: break-word;
}
tbody th[scope="rowgroup"] {
  position: static; max-width: none; color: var(--faint); font-style: italic; padding-top: .9rem;
}
tbody td:not(:has(data)) { min-width: 5.5rem; }
td:has(data), th.number { text-align: right; white-space: nowrap; }
.by-run td:has(data) { text-align: left; }
.by-run td { max-width: 18rem; overflow-wrap: break-word; }
td small { display: block; color: var(--faint); font-size: .8rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.75rem 2rem; }
figure { margin: 0; min-width: 0; break-inside: avoid; }
figure svg { display: block; width: 100%; height: auto; max-width: 40rem; }
figcaption { margin-top: .35rem; max-width: 40rem; }
details { margin: .75rem 0; }
details details { margin-left: 1rem; }
details caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
details td { max-width: 22rem; overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 500; }
pre.sample { white-space: pre-wrap; overflow-wrap: anywhere; max-width: 40rem; }
pre {
  margin: .5rem 0; padding: .75rem 1rem; overflow-x: auto; background: var(--raised); border-radius: .35rem;
  font: .85rem/1.5 ui-monospace, monospace; overflow-wrap: normal;
}
code { font: .9em ui-monospace, monospace; }
@media (max-width: 40rem) {
  body { padding: 1.25rem .9rem 3rem; }
  h1 { font-size: 1.4rem; }
  th, td { padding-right: .75rem; }
  tr > :first-child { max-width: 8.5rem; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  pre { white-space: pre-wrap; border: 1px solid var(--rule); }
  .scroll { overflow: visible; }
  h2, summary { break-after: avoid; }
  tr { break-inside: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .figures { grid-template-columns: 1fr 1fr; }
}
"""
